"""Inputs for fuzzing: what a fuzzer's bytes make of examples that are right.

Bytes are the text itself, or, where the first of them is 0, edits of an example: a value in it is replaced by an odd
one, left out, repeated or renamed. So both what text may be and what its values may be are tried.
"""

import csv
import io
import json
from collections.abc import Callable, Sequence
from typing import Any

import yaml

ODD: Sequence[Any] = (
    *(None, True, False, 0, 1, -1, 2, 7, 10**6, 10**7, 2**31, 2**53, 2**63, 2**64, 10**39, 10**60, 0.0, -0.0, 0.5),
    *(
        1e-9,
        1e-320,
        1e18,
        1e308,
        "",
        " ",
        "x",
        "\x00",
        "\n",
        "é",
        "\ud800",
        "1",
        "1e3",
        "nan",
        "16" * 3000,
        "٣",
        "../x",
    ),
    *("$\\frac{$", "<b>", "fp32", "sep", "conv3-8", "32x3 conv3-8 fc2", "2001-99-99", [], {}, [1], [[1]], ["a", "a"]),
    *({"a": 1}, [1] * 500, "[" * 200),
)


class Bytes:
    """Choices from a fuzzer's bytes; the first of each kind when they are used up."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def below(self, limit: int) -> int:
        """A number from 0 to `limit` - 1."""
        size = 1 if limit <= 256 else 3
        found = int.from_bytes(self._data[self._at : self._at + size].ljust(size, b"\0"))
        self._at += size
        return found % max(limit, 1)

    def of(self, values: Sequence[Any]) -> Any:
        """One of `values`."""
        return values[self.below(len(values))]


def text_of(data: bytes, examples: Sequence[Any], write: Callable[[Any], str]) -> bytes:
    """The bytes of a file: `data`, or an example with edits, written by `write`."""
    if data[:1] != b"\0" or not examples:
        return data
    choices = Bytes(data[1:])
    value = choices.of(examples)
    for _ in range(1 + choices.below(3)):
        value = _edited(value, choices)
    return write(value).encode("utf-8", "surrogatepass")


def _edited(value: Any, choices: Bytes) -> Any:
    if not isinstance(value, dict | list) or not value or choices.below(8) == 7:
        return choices.of(ODD)
    if isinstance(value, list):
        items = list(enumerate(value))
        return [item for _, item in _edited_items(items, choices)]
    return dict(_edited_items(list(value.items()), choices))


def _edited_items(items: list[tuple[Any, Any]], choices: Bytes) -> list[tuple[Any, Any]]:
    """Items of a list or mapping: one is edited further, left out, repeated, renamed, or takes another's place."""
    at = choices.below(len(items))
    (key, value), before, after = items[at], items[:at], items[at + 1 :]
    kind = choices.below(12)
    if kind == 0:
        return [*before, *after]
    if kind == 1:
        return [*items, items[at]]
    if kind == 2:
        return [*before, (f"{choices.of(ODD)}"[:50], value), *after]
    if kind == 3:
        return [*before, (key, choices.of(items)[1]), *after]
    return [*before, (key, _edited(value, choices)), *after]


def as_json(value: Any) -> str:
    """JSON, NaN and infinity among it."""
    return json.dumps(value)


def as_lines(value: Any) -> str:
    """A JSON value a line."""
    return "".join(json.dumps(row) + "\n" for row in value) if isinstance(value, list) else json.dumps(value)


def as_yaml(value: Any) -> str:
    """YAML, its strings quoted as they need to be."""
    return str(yaml.safe_dump(value, allow_unicode=True))


def as_table(value: Any) -> str:
    """A list of rows as CSV."""
    text = io.StringIO()
    rows = value if isinstance(value, list) else [[value]]
    csv.writer(text, lineterminator="\n").writerows(row if isinstance(row, list) else [row] for row in rows)
    return text.getvalue()


def as_words(value: Any) -> str:
    """A list of words as a line."""
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def rows_of(text: str) -> list[list[str]]:
    """The rows of a CSV text."""
    return list(csv.reader(io.StringIO(text)))
