"""Numbers as they are written: ASCII digits, decimal, and no value but the one written."""

import math
import re

MOST_DIGITS = 40
"""Of a whole number, or of a fraction's text: more than any quantity here has."""

_WHOLE = re.compile(r"[-+]?[0-9]+")
_DECIMAL = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]{1,4})?")


def whole(text: str) -> int:
    """The whole number that `text` is.

    Raises:
        ValueError: it is none, or has too many digits; one line that does not repeat the text.
    """
    if len(text) > MOST_DIGITS:
        raise ValueError(f"a number of {len(text)} characters is too long")
    if not _WHOLE.fullmatch(text):
        raise ValueError("must be a whole number in the digits 0 to 9")
    return int(text)


def decimal(text: str) -> float:
    """The finite number that `text` is.

    Raises:
        ValueError: it is none, or none that a double can hold; one line that does not repeat the text.
    """
    if len(text) > 2 * MOST_DIGITS:
        raise ValueError(f"a number of {len(text)} characters is too long")
    found = _DECIMAL.fullmatch(text)
    if not found:
        raise ValueError("must be a number such as 12, 0.5 or 1e3")
    value = float(text)
    if math.isinf(value) or (value == 0 and found[1].strip("0.")):
        raise ValueError("a number beyond what a computer's numbers reach")
    return value
