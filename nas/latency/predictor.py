"""Predicted milliseconds with their error: fitted from a profile's rows whenever it is loaded.

A profile that says how long the runtime took for each layer gets the model of roofline.py, any other that of
linear.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import numpy as np

from nas.latency.features import Measured, measured, outside, require_measured
from nas.latency.models.intervals import another_hour, far, half_width, margin, nearness
from nas.latency.models.left_out import LeftOut
from nas.latency.models.linear import fit_linear
from nas.latency.models.roofline import fit_roofline
from nas.latency.profile import HardwareProfile
from nas.spaces.architecture import Architecture
from nas.spaces.layers import Layer, layers

_SMALLEST, _LARGEST = 0.5, 2.0  # a network is in range from half the fastest measured to twice the slowest


class Model(Protocol):
    """Milliseconds from whole numbers that add up over layers."""

    def counts(self, layer: Layer) -> tuple[int, ...]:
        """Of one layer, none negative."""
        ...

    def milliseconds(self, sums: Sequence[Any]) -> Any:
        """From the sums of `counts`: each an int, or an int array; both give the same bits."""
        ...

    def split(self, counts: Sequence[tuple[int, ...]]) -> tuple[list[float], float]:
        """Those of each layer of a network by its `counts`, and what is of no layer; together the milliseconds."""
        ...

    def leverage(self, sums: Sequence[Any], ms: Any) -> Any:
        """From the sums and their milliseconds: how little the measured networks say of this one, 0 amid them."""
        ...


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds, the 90 % interval, and whether the network resembles those measured.

    Where `in_range` is false, `reasons` says which layer or quantity is outside, and the interval,
    which comes from networks inside, is too narrow to rely on.
    """

    ms: float
    low: float
    high: float
    in_range: bool
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LatencyPredictor:
    """Architecture -> Latency for one profile.

    `near`: half the width of the interval, relative to the prediction, where the model's `leverage` is 0; `left_out`:
    what a model says of each measured network that was fitted to the others.
    """

    profile: HardwareProfile
    model: Model
    near: float
    left_out: LeftOut
    ground: Measured

    def __hash__(self) -> int:
        return hash(self.profile)

    def __call__(self, arch: Architecture) -> Latency:
        """Predict.

        Raises:
            ProfileError: the profile holds no measurement of an op or an activation of `arch`.
        """
        require_measured(arch, self.ground)
        sums = [sum(column) for column in zip(*map(self.model.counts, layers(arch)), strict=True)]
        ms = float(self.model.milliseconds(sums))
        reasons = outside(arch, self.ground)
        if not self.resembles(ms):
            fastest, slowest = self.measured_ms
            reasons += (f"{ms:.3g} ms is far outside the measured {fastest:.3g} to {slowest:.3g} ms",)
        low, high = self.interval(ms, sums)
        return Latency(ms, float(low), float(high), bool(not reasons), reasons)

    def figures(self, arch: Architecture) -> tuple[float, float, float, bool]:
        """The milliseconds of `arch`, both ends of their interval, and whether they are in range.

        Raises:
            ProfileError: the profile holds no measurement of an op or an activation of `arch`.
        """
        found = self(arch)
        return found.ms, found.low, found.high, found.in_range

    # What follows takes one number or an array of them, and gives both the same bits.

    def interval(self, ms: Any, sums: Sequence[Any]) -> tuple[Any, Any]:
        """Both ends of the interval around the prediction `ms`, of the sums of the model's `counts`."""
        width = half_width(self.near, self.model.leverage(sums, ms), far(self.profile))
        return ms * np.maximum(0.0, 1 - width), ms * (1 + width)

    def resembles(self, ms: Any) -> Any:
        """Whether `ms` lies from half the fastest measured network to twice the slowest."""
        fastest, slowest = self.measured_ms
        return (_SMALLEST * fastest <= ms) & (ms <= _LARGEST * slowest)

    @property
    def measured_ms(self) -> tuple[float, float]:
        """Milliseconds of the fastest and the slowest measured network."""
        times = [row.ms for row in self.profile.measurements]
        return min(times), max(times)


def latency(arch: Architecture, profile: HardwareProfile) -> Latency:
    """Milliseconds of `arch` on `profile`.

    Raises:
        ProfileError: the profile holds no measurement of an op or an activation of `arch`.
    """
    return predictor(profile)(arch)


@lru_cache(maxsize=256)  # more than the shelf has, all of which a report asks
def predictor(profile: HardwareProfile) -> LatencyPredictor:
    """The predictor fitted to `profile`; fitted once.

    Raises:
        ProfileError: the profile that a few-shot profile is like cannot be loaded, or is few-shot itself.
    """
    ms = np.array([row.ms for row in profile.measurements])
    recorded = all(row.layers_ms for row in profile.measurements)
    model, left_out = fit_roofline(profile) if recorded else fit_linear(profile)
    near = margin(nearness(np.abs(ms / left_out.ms - 1), left_out.leverage, far(profile)))
    return LatencyPredictor(profile, model, another_hour(near) if recorded else near, left_out, measured(profile))
