"""Costs and predicted milliseconds for whole arrays of genotypes: the numbers of `cost` and `latency`."""

from dataclasses import dataclass, replace
from functools import lru_cache
from math import ceil, floor

from numpy.typing import ArrayLike

from nas.errors import ProfileError
from nas.latency.features import INSIDE, MILLION, UNMEASURED, require_measured, standing
from nas.latency.linear import LinearModel
from nas.latency.predictor import LatencyPredictor, predictor
from nas.latency.profile import HardwareProfile
from nas.latency.roofline import PS, RooflineModel
from nas.spaces.costs import CostArrays, checked, cost_arrays, cost_counts, totals
from nas.spaces.layers import Layer
from nas.spaces.networks.additive import AdditiveCost, BoundedCost, largest_cost, least_cost
from nas.spaces.space import SearchSpace
from nas.spaces.tables import Counts


def costs(space: SearchSpace, genotypes: ArrayLike, profile: HardwareProfile | None = None) -> CostArrays:
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
        return cost_arrays(*totals(space, genotypes, cost_counts))
    forecast = predictor(profile)
    sums, peaks = totals(space, genotypes, _Counting(forecast))
    standings = peaks[-1]
    if (refused := standings == UNMEASURED).any():
        require_measured(space.architecture(checked(space, genotypes)[refused.argmax()]), forecast.ground)
    ms = forecast.model.milliseconds(list(sums[2:]))
    low, high = forecast.interval(ms)
    return replace(
        cost_arrays(sums[:2], peaks[:1], profile.precision),
        latency_ms=ms,
        latency_low_ms=low,
        latency_high_ms=high,
        in_range=(standings == INSIDE) & forecast.resembles(ms),
    )


@dataclass(frozen=True, slots=True)
class _Counting:
    """What `costs` adds up over layers: costs and latency features; and how each stands to the measured."""

    forecast: LatencyPredictor

    def __call__(self, layer: Layer) -> Counts:
        sums, peaks = cost_counts(layer)
        return sums + self.forecast.model.counts(layer), (*peaks, standing(layer, self.forecast.ground))


@lru_cache(maxsize=32)
def latency_cost(profile: HardwareProfile, space: SearchSpace) -> BoundedCost:
    """The predicted milliseconds of `space`'s networks, between two sums over layers, for counting and drawing.

    Raises (when it meets such a layer):
        ProfileError: the profile holds no measurement of the layer's op or activation.
    """
    forecast = predictor(profile)
    counts = _Counts(forecast)
    if isinstance(forecast.model, LinearModel):
        *per_count, constant = forecast.model.coefficients
        exact = AdditiveCost(_Weighted(counts, tuple(value / MILLION for value in per_count)), constant)
        return BoundedCost(counts, forecast.model.milliseconds, exact, exact)
    model = forecast.model
    assert isinstance(model, RooflineModel)
    working_set = AdditiveCost(_Weighted(counts, (0, 1, 1)))
    low, high = model.bounds(
        floor(least_cost(space.choices, working_set)), ceil(largest_cost(space.choices, working_set))
    )
    ends = (AdditiveCost(_Weighted(counts, (PS, per_byte, 0))) for per_byte in (low, high))
    return BoundedCost(counts, model.milliseconds, *ends)


@dataclass(frozen=True, slots=True)
class _Counts:
    """The counts of a layer that can be predicted; equal predictors make it equal, so that tables are shared."""

    forecast: LatencyPredictor

    def __call__(self, layer: Layer) -> tuple[int, ...]:
        if standing(layer, self.forecast.ground) == UNMEASURED:
            raise ProfileError(f"{self.forecast.ground.profile} has no measured layer like {layer}")
        return self.forecast.model.counts(layer)


@dataclass(frozen=True, slots=True)
class _Weighted:
    """A weighted sum of a layer's counts."""

    counts: _Counts
    weights: tuple[float, ...]

    def __call__(self, layer: Layer) -> float:
        return sum(weight * count for weight, count in zip(self.weights, self.counts(layer), strict=True))
