"""Values and lists of names for a message: cut short, whatever they are."""

import difflib
import reprlib
from collections.abc import Iterable, Sequence
from typing import Any

_BEGUN = 200  # characters of a text that are looked at


class _Repr(reprlib.Repr):
    """`repr` of the beginning of a value, without ever building that of the whole."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxstring, self.maxother = 4, _BEGUN, _BEGUN

    def repr_str(self, value: str, level: int) -> str:
        return repr(value[:_BEGUN])

    def repr_bytes(self, value: bytes, level: int) -> str:
        return repr(value[:_BEGUN])

    def repr_int(self, value: int, level: int) -> str:
        return repr(value) if value.bit_length() < _BEGUN else f"a number of {value.bit_length()} bits"


_REPR = _Repr()


def short(value: Any, at_most: int = 60) -> str:
    """`repr` of `value`, cut to `at_most` characters."""
    return cut(_REPR.repr(value), at_most)


def cut(text: str, at_most: int = 60) -> str:
    """`text` of one line, cut to `at_most` characters, that any encoding of Unicode can write."""
    line = " ".join(text[: 4 * at_most].encode(errors="backslashreplace").decode().split())
    return line if len(line) <= at_most and len(text) <= 4 * at_most else f"{line[: at_most - 1]}…"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`; did you mean hardware?` where a known name is like this one, else nothing."""
    near = alike(name, known, least=0.6)
    return f"; did you mean {near[0]}?" if near else ""


def listed(names: Iterable[Any], at_most: int = 240) -> str:
    """Names in their order, as many as fit into `at_most` characters: `a, b and 37 more`."""
    texts = [str(name) for name in names]
    shown, left = list[str](), at_most
    for text in texts:
        left -= min(len(text), 60) + 2
        if left < 0 and shown:
            return f"{', '.join(shown)} and {len(texts) - len(shown)} more"
        shown.append(cut(text))
    return ", ".join(shown)


def alike(name: str, known: Iterable[str], most: int = 1, least: float = 0.7) -> list[str]:
    """Those of the `known` names, `most` at most, that a mistyped `name` may be meant as, the likest first.

    `least`, 0 to 1, is how like they must be.
    """
    return difflib.get_close_matches(name[:_BEGUN], list(known), most, least)


def meant(names: Sequence[str]) -> str:
    """`did you mean a, b? ` before the rest of a message; nothing without names."""
    return f"did you mean {listed(names, 80)}? " if names else ""
