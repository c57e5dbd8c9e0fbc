"""Many numbers and texts in few bytes, for `chart.js` to unpack: 20,000 trials take less than a megabyte."""

import base64
import math
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

STEPS = 65534
"""Of a packed number; one step more says that it is unknown."""


def packed_numbers(values: Sequence[float | None]) -> dict[str, Any]:
    """Numbers in two bytes each, equally far apart from the lowest to the highest, by ratio where all are above 0.

    Three digits are right as long as the highest is below 1e20 times the lowest.
    """
    array = np.array([math.nan if value is None else value for value in values], dtype=np.float64)
    known = array[~np.isnan(array)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 0.0)
    by_ratio = low > 0
    scaled = np.log(array / low) if by_ratio else array - low
    span = math.log(high / low) if by_ratio else high - low
    steps = np.rint(scaled / (span or 1.0) * STEPS)
    return {"low": low, "high": high, "ratio": by_ratio, "steps": _base64(np.where(np.isnan(array), STEPS + 1, steps))}


def unpacked_numbers(packed: dict[str, Any]) -> npt.NDArray[np.float64]:
    """What `chart.js` makes of packed numbers."""
    steps = np.frombuffer(base64.b64decode(packed["steps"]), "<u2").astype(np.float64)
    low, high = packed["low"], packed["high"]
    values = low * (high / low) ** (steps / STEPS) if packed["ratio"] else low + (high - low) * steps / STEPS
    return np.where(steps > STEPS, math.nan, values)


def packed_texts(texts: Sequence[str]) -> str:
    """Texts of one line each, deflated."""
    return base64.b64encode(zlib.compress("\n".join(texts).encode(), 9)).decode()


def _base64(steps: npt.NDArray[np.float64]) -> str:
    return base64.b64encode(steps.astype("<u2").tobytes()).decode()
