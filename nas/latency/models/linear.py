"""The model of a device known by whole networks: milliseconds are a sum of features.

    ms = sum of coefficient x feature, coefficients not negative (features.py). They minimise

    sum_i w_i^2 (1 - x_i.b / ms_i)^2 + RIDGE n / 18 sum_k s_k^2 (b_k - sum_j t_j E_jk)^2    over b >= 0, t >= 0

that is: squared relative error, plus a pull towards a mixture of the devices that are known (E_j is a row of
`expected_costs`, and EXPECTED_MS one of them), mixed as the measurements choose; s_k is the largest share feature k has
of any measurement per unit of its coefficient. So twenty networks tell how a device stands among others, and what they
cannot tell is as others have it. A few-shot profile is pulled towards three alone: the profile that it is like, the
mean of all, and EXPECTED_MS.
Noisy rows count less: w_i^2 = 1 / (1 + (spread_i / (NOISE ms_i))^2). It is solved exactly by
non-negative least squares (Lawson and Hanson 1974), deterministically and in milliseconds.

How little the measured networks say of another is its *leverage*, x'(X'X + ridge)^-1 x with x in shares of its own
milliseconds: near 0 amid many like it, above 1 where it consists of what they hardly contain.

Some networks differ by nothing that takes time, as MobileNet v1 with and without batch norm after its depthwise
convolutions: twins. They are left out together: a fit that holds one is drawn towards its noise, away from the other's.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nas.errors import ProfileError
from nas.latency.features import MILLION, layer_counts, network_features
from nas.latency.models.known_devices import SHARED, expected_costs, scaled
from nas.latency.models.left_out import LeftOut
from nas.latency.models.nonnegative import nonnegative
from nas.latency.profile import HardwareProfile, load_profile
from nas.spaces.layers import Layer

RIDGE = 0.06  # chosen once over 154 configurations, leaving out networks, widths and resolutions (docs/latency.md)
FEW_SHOT_RIDGE = 1.0  # chosen once over draws of five and ten networks of 22 of the same (docs/latency.md)
NOISE = 0.01  # relative error the model has of itself; a row whose spread is as large counts half
TWIN = 0.02  # relative difference of each feature up to which two networks are twins
_FEWEST = 3  # others that a fit without a network is made of, or its twins stay
LEAST_SHARE = 0.1  # of what is expected of a feature, where the measured networks have hardly any of it

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LinearModel:
    """Milliseconds from FEATURES; `coefficients`: milliseconds per million of each, the last of a network.

    `unlike`: a triangle of numbers; the squares of its products with a network's features per millisecond add up to
    the leverage of the network.
    """

    coefficients: tuple[float, ...]
    unlike: tuple[tuple[float, ...], ...]

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

    def leverage(self, sums: Sequence[Any], ms: Any) -> Any:
        """How little the measured networks say of one, from the sums and its milliseconds."""
        shares = [*(count / MILLION / ms for count in sums), 1 / ms]
        total: Any = 0.0
        for row in self.unlike:
            part: Any = 0.0
            for factor, share in zip(row, shares, strict=False):
                if factor:
                    part = part + factor * share
            total = total + part * part
        return total


def fit_linear(profile: HardwareProfile) -> tuple[LinearModel, LeftOut]:
    """The model of `profile`, and what it says of each network without it.

    Raises:
        ProfileError: the profile that a few-shot profile is like cannot be loaded, or is few-shot itself.
    """
    features, ms, weights = observed(profile)
    expected, ridge = _expected(profile), FEW_SHOT_RIDGE if profile.like else RIDGE
    unlike = _unlike(features, ms, weights, expected, ridge)
    model = LinearModel(
        tuple(fit(features, ms, weights, expected, ridge).tolist()),
        tuple(tuple(row[: index + 1]) for index, row in enumerate(unlike.tolist())),
    )
    together = twins(features)
    alone = [left_out(features, ms, weights, expected, ridge, *each) for each in enumerate(together)]
    leverage = _leverage_without(features / ms[:, None] @ unlike.T, weights, together)
    return model, LeftOut(np.array(alone), leverage, together)


def twins(features: Array) -> NDArray[np.bool_]:
    """Which networks are left out with each, shape (n, n): those whose features are its own, TWIN apart at most."""
    apart = np.abs(features[:, None] - features) > TWIN * np.maximum(features[:, None], features)
    together = np.array(~apart.any(axis=2), dtype=np.bool_)
    crowded = len(features) - together.sum(axis=1) < _FEWEST
    together[crowded] = np.eye(len(features), dtype=bool)[crowded]
    return together


def fit(features: Array, ms: Array, weights: Array, expected: Array | None = None, ridge: float = RIDGE) -> Array:
    """Non-negative coefficients, shape `(k,)`, for features `(n, k)`.

    `expected`, of shape `(k,)` or `(devices, k)`: what they are pulled towards a mixture of; a feature that is
    expected to cost nothing gets 0. Without it, no pull.
    """
    share, strength = features / ms[:, None], math.sqrt(ridge * len(ms) / 18)
    if expected is None:
        expected, strength = np.zeros((0, share.shape[1])), 0.0
        used = np.ones(share.shape[1], dtype=bool)
        scale = np.maximum(share.max(axis=0), 1e-12)
    else:
        expected = np.atleast_2d(expected)
        used = expected.max(axis=0) > 0
        share, expected = share[:, used], expected[:, used]
        middle = np.quantile(expected, 0.5, axis=0)  # np.median would load numpy.ma first
        expected = np.where(share.max(axis=0) > 0, expected, middle)  # nothing tells whose it is
        scale = _scale(share, expected)
    rows = np.column_stack([share / scale * weights[:, None], np.zeros((len(ms), len(expected)))])
    pull = strength * np.column_stack([np.eye(len(scale)), -(scale * expected).T])
    solution = nonnegative(np.vstack([rows, pull]), np.append(weights, np.zeros(len(pull))))
    coefficients = np.zeros(len(used))
    coefficients[used] = solution[: len(scale)] / scale
    return coefficients


def left_out(
    features: Array,
    ms: Array,
    weights: Array,
    expected: Array | None,
    ridge: float,
    index: int,
    gone: NDArray[np.bool_] | None = None,
) -> float:
    """The prediction for row `index` from all rows but those `gone`; without them, from all other rows."""
    keep = np.arange(len(ms)) != index if gone is None else ~gone
    return float(features[index] @ fit(features[keep], ms[keep], weights[keep], expected, ridge))


def observed(profile: HardwareProfile) -> tuple[Array, Array, Array]:
    """Features, milliseconds and weights of the networks measured."""
    features = np.array([network_features(row.architecture) for row in profile.measurements])
    ms = np.array([row.ms for row in profile.measurements])
    spread = np.array([row.spread_ms for row in profile.measurements]) / ms
    return features, ms, 1 / np.sqrt(1 + (spread / NOISE) ** 2)


def _scale(share: Array, expected: Array) -> Array:
    """s: the largest share of each feature; and at least LEAST_SHARE of what is expected of it."""
    mean, most = expected.mean(axis=0), share.max(axis=0)
    usual = LEAST_SHARE * np.mean(share @ mean) / np.maximum(mean, 1e-12) * (mean > 0)
    return np.asarray(np.maximum(np.maximum(most, usual), 1e-12))


def _unlike(features: Array, ms: Array, weights: Array, expected: Array, ridge: float) -> Array:
    """The lower triangle whose products with features per millisecond have the leverage as their squares' sum."""
    used = expected.max(axis=0) > 0
    share = features / ms[:, None] * used
    scale = _scale(share, expected)
    rows = share / scale * weights[:, None]
    root = np.linalg.cholesky(rows.T @ rows + ridge * len(ms) / 18 * np.eye(len(scale)))
    return np.asarray(np.linalg.inv(root) / scale * used)


def _leverage_without(places: Array, weights: Array, together: NDArray[np.bool_]) -> Array:
    """The leverage of each row with respect to the rows not left out with it (Woodbury 1950)."""
    among = (places * weights[:, None]) @ (places * weights[:, None]).T
    found = []
    for index, gone in enumerate(together):
        block = among[np.ix_(gone, gone)]
        place = int(gone[:index].sum())
        found.append(np.linalg.solve(np.eye(len(block)) - block, block[:, place])[place])
    return np.array(found) / weights**2


def _expected(profile: HardwareProfile) -> Array:
    """The known devices' costs but this one's; of a few-shot profile those it is like, their mean, and EXPECTED_MS."""
    known = expected_costs(profile.precision, profile.device)
    if not profile.like:
        return known
    alike = load_profile(profile.like)
    if alike.like:
        raise ProfileError(f"{profile.label} is like {alike.label}, itself few-shot: like {alike.like}")
    like = scaled(known_coefficients(alike, profile.device))
    return np.vstack([like + SHARED * known[-1], known.mean(axis=0), known[-1]])


@lru_cache(maxsize=256)
def known_coefficients(profile: HardwareProfile, without: str) -> Array:
    """Of the model of a profile that is no few-shot one, by which it borrows nothing from the device `without`."""
    return fit(*observed(profile), expected_costs(profile.precision, profile.device, without), RIDGE)
