"""Predicted milliseconds with their error: fitted from a profile's rows whenever it is loaded.

The model is ms = sum of coefficient x feature, coefficients not negative (features.py). They minimise

    sum_i w_i^2 (1 - x_i.b / ms_i)^2 + RIDGE n / 18 sum_k s_k^2 (b_k - t EXPECTED_k)^2    over b >= 0, t >= 0

that is: squared relative error, plus a pull towards the ratios EXPECTED_MS of an ARM core, on the scale
t the data choose; s_k is the largest share feature k has of any measurement per unit of its coefficient.
Noisy rows count less: w_i^2 = 1 / (1 + (spread_i / (NOISE ms_i))^2). It is solved exactly by
non-negative least squares (Lawson and Hanson 1974), deterministically and in milliseconds.
"""

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from nas.latency.features import (
    EXPECTED_MS,
    MILLION,
    Measured,
    measured,
    network_counts,
    network_features,
    outside,
    require_measured,
)
from nas.latency.profile import HardwareProfile
from nas.spaces.architecture import Architecture
from nas.spaces.cost import cost

RIDGE = 0.05  # chosen once over the six pixel4 configurations, leaving out whole families (docs/latency.md)
NOISE = 0.03  # relative error the model has of itself; a row whose spread is as large counts half
CONFIDENCE = 0.9
_SMALLEST, _LARGEST = 0.5, 2.0  # a network is in range from half the fastest measured to twice the slowest

Array = NDArray[np.float64]


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
class ErrorTable:
    """Errors on networks left out of the fit, one at a time. All but n and the rank correlations are percent.

    Errors are |predicted / measured - 1|; `coverage_percent` counts measurements inside the interval made
    from the others; `macs_mape_percent` and `params_mape_percent` are those of ms = a + b x count, a, b >= 0.
    """

    n: int
    mape_percent: float
    max_percent: float
    within_5_percent: float
    within_10_percent: float
    coverage_percent: float
    spearman: float
    kendall: float
    macs_mape_percent: float
    params_mape_percent: float

    def to_json(self) -> dict[str, Any]:
        """The fields, rounded to four digits after the point."""
        return {key: round(value, 4) for key, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class LatencyPredictor:
    """Architecture -> Latency for one profile. `coefficients`: milliseconds per unit of each of FEATURES.

    `margin`: half the width of the interval, relative to the prediction.
    """

    profile: HardwareProfile
    coefficients: tuple[float, ...]
    margin: float
    errors: ErrorTable
    ground: Measured

    def __call__(self, arch: Architecture) -> Latency:
        """Predict.

        Raises:
            ProfileError: the profile holds no measurement of an op or an activation of `arch`.
        """
        require_measured(arch, self.ground)
        ms = self.milliseconds(network_counts(arch))
        reasons = outside(arch, self.ground)
        if not self.resembles(ms):
            fastest, slowest = self.measured_ms
            reasons += (f"{ms:.3g} ms is far outside the measured {fastest:.3g} to {slowest:.3g} ms",)
        return Latency(ms, *self.interval(ms), not reasons, reasons)

    # What follows takes one network's numbers or arrays of them, and gives both the same bits.

    def milliseconds(self, counts: Iterable[Any]) -> Any:
        """Milliseconds from FEATURES in units, without the constant: each an int, or an int array."""
        ms = self.coefficients[-1]
        for coefficient, count in zip(self.coefficients[:-1], counts, strict=True):
            ms = ms + coefficient * (count / MILLION)
        return ms

    def interval(self, ms: Any) -> tuple[Any, Any]:
        """Both ends of the interval around the prediction `ms`."""
        return ms * max(0.0, 1 - self.margin), ms * (1 + self.margin)

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


def leave_one_out(profile: HardwareProfile) -> ErrorTable:
    """The error table of `profile`."""
    return predictor(profile).errors


@lru_cache(maxsize=32)
def predictor(profile: HardwareProfile) -> LatencyPredictor:
    """The predictor fitted to `profile`; fitted once."""
    features = np.array([network_features(row.architecture) for row in profile.measurements])
    ms = np.array([row.ms for row in profile.measurements])
    weights = _weights(profile)
    expected = np.array(EXPECTED_MS[profile.precision])
    held_out = np.array([_left_out(features, ms, weights, expected, index) for index in range(len(ms))])
    residuals = np.abs(ms / held_out - 1)
    coefficients = fit(features, ms, weights, expected)
    table = _error_table(profile, ms, held_out, residuals)
    return LatencyPredictor(profile, tuple(coefficients.tolist()), margin(residuals), table, measured(profile))


def fit(features: Array, ms: Array, weights: Array, expected: Array | None = None) -> Array:
    """Non-negative coefficients, shape `(k,)`, for features `(n, k)`; without `expected`, no pull towards it."""
    share = features / ms[:, None]
    scale = np.maximum(share.max(axis=0), 1e-12)
    rows = np.column_stack([share / scale * weights[:, None], np.zeros(len(ms))])
    if expected is None:
        expected, pull = np.zeros_like(scale), np.zeros((0, len(scale) + 1))
    else:
        strength = math.sqrt(RIDGE * len(ms) / 18)
        pull = strength * np.column_stack([np.eye(len(scale)), -scale * expected])
    target = np.append(weights, np.zeros(len(pull)))
    solution, _ = nnls(np.vstack([rows, pull]), target)
    return np.asarray(solution[:-1] / scale, dtype=np.float64)


def margin(residuals: Array) -> float:
    """Half-width that covers a further network with probability CONFIDENCE (split-conformal quantile).

    The (n + 1) x 0.9-th smallest of the n left-out |measured / predicted - 1|, between two ranks by
    interpolation, and never above the largest; Vovk et al. 2005, Lei et al. 2018, https://arxiv.org/abs/1604.04173.
    """
    return float(np.quantile(residuals, CONFIDENCE, method="weibull"))


def _weights(profile: HardwareProfile) -> Array:
    spread = np.array([row.spread_ms / row.ms for row in profile.measurements])
    return np.asarray(1 / np.sqrt(1 + (spread / NOISE) ** 2), dtype=np.float64)


def _left_out(features: Array, ms: Array, weights: Array, expected: Array | None, index: int) -> float:
    """The prediction for row `index` from all other rows."""
    keep = np.arange(len(ms)) != index
    return float(features[index] @ fit(features[keep], ms[keep], weights[keep], expected))


def _error_table(profile: HardwareProfile, ms: Array, held_out: Array, residuals: Array) -> ErrorTable:
    errors = 100 * np.abs(held_out / ms - 1)
    costs = [cost(row.architecture) for row in profile.measurements]
    others = [margin(np.delete(residuals, index)) for index in range(len(ms))]
    return ErrorTable(
        n=len(ms),
        mape_percent=float(errors.mean()),
        max_percent=float(errors.max()),
        within_5_percent=float(100 * np.mean(errors <= 5)),
        within_10_percent=float(100 * np.mean(errors <= 10)),
        coverage_percent=float(100 * np.mean(residuals <= others)),
        spearman=spearman(held_out, ms),
        kendall=kendall(held_out, ms),
        macs_mape_percent=_baseline([c.macs for c in costs], ms),
        params_mape_percent=_baseline([c.params for c in costs], ms),
    )


def _baseline(counts: list[int], ms: Array) -> float:
    """Left-out MAPE in percent of ms = a + b x count, a, b >= 0, fitted to relative error."""
    line = np.column_stack([np.array(counts) / 1e6, np.ones(len(ms))])
    held_out = np.array([_left_out(line, ms, np.ones(len(ms)), None, index) for index in range(len(ms))])
    return float(100 * np.mean(np.abs(held_out / ms - 1)))


def spearman(a: Array, b: Array) -> float:
    """Spearman's rank correlation, ties sharing their mean rank."""
    ranks = [(np.sum(x < x[:, None], axis=1) + np.sum(x <= x[:, None], axis=1)) / 2 for x in (a, b)]
    return float(np.corrcoef(*ranks)[0, 1])


def kendall(a: Array, b: Array) -> float:
    """Kendall's tau-b."""
    signs = [np.sign(x[:, None] - x[None, :]) for x in (a, b)]
    return float(np.sum(signs[0] * signs[1]) / math.sqrt(np.sum(signs[0] ** 2) * np.sum(signs[1] ** 2)))
