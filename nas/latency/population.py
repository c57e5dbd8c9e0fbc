"""Costs and predicted milliseconds for whole arrays of genotypes: the numbers of `cost` and `latency`."""

from dataclasses import dataclass, replace

from numpy.typing import ArrayLike

from nas.errors import ProfileError
from nas.latency.features import (
    INSIDE,
    UNMEASURED,
    Measured,
    layer_counts,
    layer_features,
    require_measured,
    standing,
)
from nas.latency.predictor import predictor
from nas.latency.profile import HardwareProfile
from nas.spaces.additive import AdditiveCost
from nas.spaces.layers import Layer
from nas.spaces.score import Scores, checked, cost_counts, cost_scores, totals
from nas.spaces.space import SearchSpace
from nas.spaces.tables import Counts


def score(space: SearchSpace, genotypes: ArrayLike, profile: HardwareProfile | None = None) -> Scores:
    """Costs and, with `profile`, milliseconds of the network of each genotype.

    `genotypes` has shape (n, variables), as `space.sample` gives. Every figure is the one that `cost` (at
    the profile's precision, else fp32) and `latency` give, to the last bit. The first call for a space and
    profile fills tables (under a second for `separable`); after that a million networks take less than one.
    A space too rich for tables (`tables.MOST_ROWS`) is walked network by network: the same figures, slowly.

    Raises:
        SpaceError: not an int array of that shape, or an index out of range.
        ProfileError: the profile holds no measurement of an op or an activation of one of the networks.
    """
    if profile is None:
        return cost_scores(*totals(space, genotypes, cost_counts))
    forecast = predictor(profile)
    sums, peaks = totals(space, genotypes, _Counting(forecast.ground))
    standings = peaks[-1]
    if (refused := standings == UNMEASURED).any():
        require_measured(space.architecture(checked(space, genotypes)[refused.argmax()]), forecast.ground)
    ms = forecast.milliseconds(sums[2:])
    low, high = forecast.interval(ms)
    return replace(
        cost_scores(sums[:2], peaks[:1], profile.precision),
        latency_ms=ms,
        latency_low_ms=low,
        latency_high_ms=high,
        in_range=(standings == INSIDE) & forecast.resembles(ms),
    )


@dataclass(frozen=True, slots=True)
class _Counting:
    """What `score` adds up over layers: costs and latency features; and how each stands to the measured."""

    ground: Measured

    def __call__(self, layer: Layer) -> Counts:
        sums, peaks = cost_counts(layer)
        return sums + layer_counts(layer), (*peaks, standing(layer, self.ground))


def additive_latency(profile: HardwareProfile) -> AdditiveCost:
    """The predicted milliseconds as a sum over layers, for counting and drawing (nas/spaces/additive.py).

    Raises (when it meets such a layer):
        ProfileError: the profile holds no measurement of the layer's op or activation.
    """
    forecast = predictor(profile)
    return AdditiveCost(_LayerMilliseconds(forecast.coefficients, forecast.ground), forecast.coefficients[-1])


@dataclass(frozen=True, slots=True)
class _LayerMilliseconds:
    """Milliseconds of one layer; equal coefficients and ground make it equal, so that tables are shared."""

    coefficients: tuple[float, ...]
    ground: Measured

    def __call__(self, layer: Layer) -> float:
        if standing(layer, self.ground) == UNMEASURED:
            raise ProfileError(f"{self.ground.profile} has no measured layer like {layer}")
        pairs = zip(self.coefficients[:-1], layer_features(layer), strict=True)
        return sum(coefficient * feature for coefficient, feature in pairs)
