"""How wide the interval around a prediction is: as wide as errors on networks left out of the fit, wider far from them.

    half-width = sqrt(near^2 + leverage max(near, FAR)^2), relative to the prediction

`leverage` is how little the measured networks say of this one (linear.py): 1 + leverage is how many times the
variance is that of a network amid them. `near` belongs to the device: the split-conformal quantile of what `near` would
have had to be for each network left out. Networks that resemble each other tell less than they seem to of those that do
not, so leverage counts with FAR at the least, which is no figure of the device but of the shelf.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nas.latency.profile import HardwareProfile

CONFIDENCE = 0.9
FAR: Mapping[str, float] = {"fp32": 0.03, "fp16": 0.03, "int8": 0.045}
"""By precision: what covers nine tenths when whole families of networks are left out, on all devices of the shelf."""
FEW_SHOT_FAR = 0.045
"""Of few-shot profiles: what covers nine tenths of a phone's networks that were not among the five or ten measured."""
ANEW = 0.02
"""Relative standard deviation of a recorded network that is measured again an hour later (docs/latency.md)."""
_NORMAL = 1.645  # standard deviations on either side that hold CONFIDENCE

Array = NDArray[np.float64]


def far(profile: HardwareProfile) -> float:
    """With how much leverage counts at the least."""
    return FEW_SHOT_FAR if profile.like else FAR[profile.precision]


def half_width(near: Any, leverage: Any, least: float) -> Any:
    """Half the width of the interval, relative to the prediction; numbers or arrays."""
    return np.sqrt(near * near + leverage * np.square(np.maximum(near, least)))


def nearness(errors: Array, leverage: Array, least: float) -> Array:
    """The least `near` whose interval holds a measurement so far off: `half_width` the other way round."""
    alike = errors / np.sqrt(1 + leverage)
    return np.where(alike >= least, alike, np.sqrt(np.maximum(errors**2 - leverage * least**2, 0)))


def margin(residuals: Array) -> float:
    """Half-width that covers a further network with probability CONFIDENCE (split-conformal quantile).

    The (n + 1) x 0.9-th smallest of the n left-out residuals, between two ranks by interpolation, and never above the
    largest; Vovk et al. 2005, Lei et al. 2018, https://arxiv.org/abs/1604.04173.
    """
    return float(np.quantile(residuals, CONFIDENCE, method="weibull"))


def another_hour(near: float) -> float:
    """`near` of networks recorded together, for one that is measured at another time."""
    return float(np.hypot(near, _NORMAL * ANEW))
