"""The model of a device known by whole networks: milliseconds are a sum of features.

    ms = sum of coefficient x feature, coefficients not negative (features.py). They minimise

    sum_i w_i^2 (1 - x_i.b / ms_i)^2 + RIDGE n / 18 sum_k s_k^2 (b_k - t EXPECTED_k)^2    over b >= 0, t >= 0

that is: squared relative error, plus a pull towards the ratios EXPECTED_MS of an ARM core, on the scale
t the data choose; s_k is the largest share feature k has of any measurement per unit of its coefficient.
A few-shot profile is pulled harder, and towards the coefficients of the known profile it is like as well.
Noisy rows count less: w_i^2 = 1 / (1 + (spread_i / (NOISE ms_i))^2). It is solved exactly by
non-negative least squares (Lawson and Hanson 1974), deterministically and in milliseconds.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from nas.errors import ProfileError
from nas.latency.features import EXPECTED_MS, MILLION, layer_counts, network_features
from nas.latency.profile import HardwareProfile, load_profile
from nas.spaces.layers import Layer

RIDGE = 0.07  # chosen once over the six pixel4 configurations, leaving out whole families (docs/latency.md)
FEW_SHOT_RIDGE = 0.2  # chosen once over draws of ten networks on 41 devices of the literature (docs/latency.md)
NOISE = 0.01  # relative error the model has of itself; a row whose spread is as large counts half

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LinearModel:
    """Milliseconds from FEATURES; `coefficients`: milliseconds per million of each, the last of a network."""

    coefficients: tuple[float, ...]

    def counts(self, layer: Layer) -> tuple[int, ...]:
        """FEATURES of one layer in units, without the constant."""
        return layer_counts(layer)

    def milliseconds(self, sums: Sequence[Any]) -> Any:
        """Milliseconds from the sums of `counts`: each an int, or an int array; both give the same bits."""
        ms = self.coefficients[-1]
        for coefficient, count in zip(self.coefficients[:-1], sums, strict=True):
            ms = ms + coefficient * (count / MILLION)
        return ms

    def split(self, counts: Sequence[tuple[int, ...]]) -> tuple[list[float], float]:
        """The milliseconds of each layer by its counts, and those of a run before its first layer."""
        *coefficients, constant = self.coefficients
        pairs = (zip(coefficients, count, strict=True) for count in counts)
        return [sum(each * (n / MILLION) for each, n in layer) for layer in pairs], constant


def fit_linear(profile: HardwareProfile) -> LinearModel:
    """The model of `profile`.

    Raises:
        ProfileError: the profile that a few-shot profile is like cannot be loaded, or is few-shot itself.
    """
    return LinearModel(tuple(fit(*_problem(profile)).tolist()))


def left_out_linear(profile: HardwareProfile) -> Array:
    """Milliseconds of each network by a model fitted to all others, shape (n,)."""
    features, ms, weights, expected, ridge = _problem(profile)
    return np.array([left_out(features, ms, weights, expected, ridge, index) for index in range(len(ms))])


def fit(features: Array, ms: Array, weights: Array, expected: Array | None = None, ridge: float = RIDGE) -> Array:
    """Non-negative coefficients, shape `(k,)`, for features `(n, k)`.

    Without `expected`, no pull towards it; a feature expected to cost nothing gets 0.
    """
    share = features / ms[:, None]
    if expected is not None:
        share = share * (expected > 0)
    scale = np.maximum(share.max(axis=0), 1e-12)
    rows = np.column_stack([share / scale * weights[:, None], np.zeros(len(ms))])
    if expected is None:
        expected, pull = np.zeros_like(scale), np.zeros((0, len(scale) + 1))
    else:
        strength = math.sqrt(ridge * len(ms) / 18)
        pull = strength * np.column_stack([np.eye(len(scale)), -scale * expected])
    target = np.append(weights, np.zeros(len(pull)))
    solution, _ = nnls(np.vstack([rows, pull]), target)
    return np.asarray(solution[:-1] / scale, dtype=np.float64)


def left_out(features: Array, ms: Array, weights: Array, expected: Array | None, ridge: float, index: int) -> float:
    """The prediction for row `index` from all other rows."""
    keep = np.arange(len(ms)) != index
    return float(features[index] @ fit(features[keep], ms[keep], weights[keep], expected, ridge))


def _problem(profile: HardwareProfile) -> tuple[Array, Array, Array, Array, float]:
    """What `fit` takes."""
    features = np.array([network_features(row.architecture) for row in profile.measurements])
    ms = np.array([row.ms for row in profile.measurements])
    spread = np.array([row.spread_ms for row in profile.measurements]) / ms
    weights = 1 / np.sqrt(1 + (spread / NOISE) ** 2)
    return features, ms, weights, _expected(profile, features), FEW_SHOT_RIDGE if profile.like else RIDGE


def _expected(profile: HardwareProfile, features: Array) -> Array:
    """Ratios of the coefficients: EXPECTED_MS, and half of each from the profile that a few-shot one is like."""
    general = np.array(EXPECTED_MS[profile.precision])
    if not profile.like:
        return general
    known = load_profile(profile.like)
    if known.like:
        raise ProfileError(f"{profile.label} is like {known.label}, itself few-shot: like {known.like}")
    special = np.array(fit_linear(known).coefficients)
    return np.asarray(general * np.mean((features @ special) / (features @ general)) + special, dtype=np.float64)
