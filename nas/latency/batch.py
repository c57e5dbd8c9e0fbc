"""Costs and predictions for whole arrays of genotypes: the numbers of `cost` and of a profile's predictors."""

from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from math import ceil, floor
from typing import Any

from numpy.typing import ArrayLike

from nas.errors import ProfileError
from nas.latency.features import INSIDE, MILLION, UNMEASURED, require_measured, standing
from nas.latency.models.linear import LinearModel
from nas.latency.models.roofline import PS, RooflineModel
from nas.latency.predictions import Predictor, by_field, predictors
from nas.latency.profile import HardwareProfile
from nas.spaces.costs import CostArrays, checked, cost_arrays, cost_counts, totals
from nas.spaces.layers import Layer
from nas.spaces.networks.additive import AdditiveCost, BoundedCost, NamedCosts, largest_cost, least_cost
from nas.spaces.space import SearchSpace
from nas.spaces.tables import Counts

_ANY = Layer("pool", 1, 1, 1, 1, 1, 1)


def costs(space: SearchSpace, genotypes: ArrayLike, profile: HardwareProfile | None = None) -> CostArrays:
    """Costs and, with `profile`, milliseconds (and what else it predicts) of the network of each genotype.

    `genotypes` has shape (n, variables), as `space.sample` gives. Every figure is the one that `cost` (at
    the profile's precision, else fp32) and `latency` give, to the last bit. The first call for a space and
    profile fills tables (under a second for `separable`); after that a million networks take less than one.
    A space too rich for tables (`tables.MOST_ROWS`) is walked network by network: the same figures, slowly.

    Raises:
        SpaceError: not an int array of that shape, or an index out of range.
        ProfileError: the profile holds no measurement of an op or an activation of one of the networks.
    """
    if profile is None:
        return CostArrays(cost_arrays(*totals(space, genotypes, cost_counts)))
    by = predictors(profile)
    sums, peaks = totals(space, genotypes, _Counting(tuple(by.values())))
    found: dict[str, Any] = {**cost_arrays(sums[:2], peaks[:1], profile.precision)}
    counts = iter(sums[2:])
    for (field, each), standings in zip(by.items(), peaks[1:], strict=True):
        if (refused := standings == UNMEASURED).any():
            require_measured(space.architecture(checked(space, genotypes)[refused.argmax()]), each.ground)
        own = list(islice(counts, len(each.model.counts(_ANY))))
        figures = each.model.milliseconds(own)
        in_range = (standings == INSIDE) & each.resembles(figures)
        found |= by_field(field, figures, *each.interval(figures, own), in_range)
    return CostArrays(found)


@dataclass(frozen=True, slots=True)
class _Counting:
    """What `costs` adds up over layers: costs and what predictions take; and how each stands to the measured."""

    predictors: tuple[Predictor, ...]

    def __call__(self, layer: Layer) -> Counts:
        sums, peaks = cost_counts(layer)
        for each in self.predictors:
            sums += each.model.counts(layer)
            peaks += (standing(layer, each.ground),)
        return sums, peaks


def predicted_costs(profile: HardwareProfile, space: SearchSpace) -> NamedCosts:
    """What `profile` predicts of `space`'s networks, by field, each between two sums over layers.

    Raises (when it meets such a layer):
        ProfileError: the profile holds no measurement of the layer's op or activation.
    """
    return {field: _bounded_cost(each, space) for field, each in predictors(profile).items()}


@lru_cache(maxsize=32)
def _bounded_cost(forecast: Predictor, space: SearchSpace) -> BoundedCost:
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

    forecast: Predictor

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
