"""JSON: one value for each key, numbers that a computer holds, bounded nesting."""

import json
from collections import Counter
from typing import Any

from nas.errors import NasError
from nas.reading.numbers import decimal, whole
from nas.reading.words import short

DEEPEST = 64
"""Levels of lists and objects inside each other."""
MOST_VALUES = 3_000_000
"""Commas and brackets of a text: some 300 MB of values."""


def parse_json(text: str, where: str, error: type[NasError]) -> Any:
    """The value that `text` is.

    Raises:
        error: it is not JSON, gives a key twice, is nested deeper than `DEEPEST`, has more than `MOST_VALUES`, or a
            number that cannot be held; the message begins with `where`.
    """
    if sum(map(text.count, ",[{")) > MOST_VALUES:
        raise error(f"{where}: holds more than {MOST_VALUES:,} values")
    try:
        value = json.loads(
            text, object_pairs_hook=_mapping, parse_int=whole, parse_float=decimal, parse_constant=_refused
        )
        _require_shallow(value)
    except json.JSONDecodeError as wrong:
        raise error(f"{where}: not JSON: {wrong}") from None
    except ValueError as wrong:
        raise error(f"{where}: {wrong}") from None
    except RecursionError:
        raise error(f"{where}: nested deeper than {DEEPEST} levels") from None
    return value


def _mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise ValueError(f"the key {short(twice)} is given twice")
    return found


def _refused(name: str) -> Any:
    raise ValueError(f"{name} is no number")


def _require_shallow(value: Any) -> None:
    level = [value]
    for _ in range(DEEPEST):
        level = [
            inner
            for each in level
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
    if any(isinstance(each, dict | list) for each in level):
        raise ValueError(f"nested deeper than {DEEPEST} levels")
