"""Texts that others wrote, file names among them, in a form that can be stored and shown anywhere."""

import unicodedata

_STEERS = frozenset({"Cc", "Zl", "Zp"})
_TURNS = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})


def readable(text: str) -> str:
    r"""`text` as UTF-8 can hold it; of a file name that is not UTF-8, each such byte as `\xe9`: names stay apart."""
    return text if text.isascii() else "".join(map(_character, text))


def one_line(text: str, at_most: int = 4000) -> str:
    """`text` as it can be shown anywhere: readable, in one line, cut short.

    What steers a terminal or turns the direction of writing becomes a blank.
    """
    text = text[: at_most + 1]
    if not (text.isascii() and text.isprintable()):
        text = "".join(" " if _moves(letter) else _character(letter) for letter in text)
    return text if len(text) <= at_most else text[: at_most - 1] + "…"


def _moves(letter: str) -> bool:
    return unicodedata.category(letter) in _STEERS or unicodedata.bidirectional(letter) in _TURNS


def _character(letter: str) -> str:
    if not "\ud800" <= letter <= "\udfff":
        return letter
    byte = ord(letter) - 0xDC00
    return f"\\x{byte:02x}" if 0x80 <= byte <= 0xFF else "\N{REPLACEMENT CHARACTER}"
