"""How many networks of a space a budget holds: exactly where they are few, else between certain bounds."""

from dataclasses import dataclass
from functools import lru_cache
from math import ceil, floor

import numpy as np

from nas.spaces.choices import Choices
from nas.spaces.networks.additive import BoundedCost, Limits, NetworkCost, inside, least_cost, loosened, tightened
from nas.spaces.networks.automaton import automaton
from nas.spaces.networks.histogram import count_within, table
from nas.spaces.networks.listing import LISTED, listing, whole_listing

_BINS = 4096  # the bounds are then 0.5 % apart at 50M MACs of `separable`, less above
_FLOAT = 1e-12  # relative; above the error of adding up numbers past 2^53, below which floats are exact
_DRAWS = 4096  # to estimate the share of networks inside several limits


@dataclass(frozen=True, slots=True)
class Count:
    """How many networks: certainly from `low` to `high`, probably near `estimate`."""

    low: int
    high: int
    estimate: float

    @property
    def exact(self) -> bool:
        """Whether the number is known exactly."""
        return self.low == self.high


def count_networks(space: Choices) -> int:
    """How many networks the space holds, exactly."""
    return automaton(space).paths * len(space.resolution)


@lru_cache(maxsize=256)
def count_inside(space: Choices, limits: Limits) -> Count:
    """How many networks meet all `limits`.

    Exact for spaces of up to `LISTED` networks, and wherever one limit alone leaves no more. Otherwise the
    bounds are those of a histogram for one limit; for several, `high` is that of the tightest, `low` what
    must be left when no network over one limit is over another, and `estimate` comes from 4,096 networks
    drawn inside the tightest (fixed seed). For a bounded cost, `low` counts the networks of which the upper
    bound is inside, `high` those of which the lower bound is; the figure itself decides those drawn or listed.
    """
    everything = count_networks(space)
    if not limits:
        return Count(everything, everything, everything)
    if any(least_cost(space, cost) > limit for cost, limit in limits):
        return Count(0, 0, 0)
    if everything <= LISTED:
        number = int(inside(space, limits, whole_listing(space)).sum())
        return Count(number, number, number)
    bounds = [_bounds(space, cost, limit) for cost, limit in limits]
    high = min(most for _, most in bounds)
    if high <= LISTED and (listed := listing(space, tuple((cost, -np.inf, limit) for cost, limit in limits))):
        number = len(listed.resolution)
        return Count(number, number, number)
    low = max(0, everything - sum(everything - least for least, _ in bounds))
    apart = any(isinstance(cost, BoundedCost) and cost.low != cost.high for cost, _ in limits)
    drawn = apart or len(limits) > 1
    estimate = _estimate(space, limits, [most for _, most in bounds]) if drawn else (low + high) / 2
    return Count(low, high, min(high, max(low, estimate)))


def _bounds(space: Choices, cost: NetworkCost, limit: float) -> tuple[int, int]:
    """The least and the most networks there can be of a cost up to `limit`."""
    surely, within = tightened(cost, limit)
    possibly, _, below = loosened(cost, -np.inf, limit)
    low = count_within(space, surely, within, _BINS, up=True) if least_cost(space, surely) <= within else 0.0
    high = count_within(space, possibly, below, _BINS, up=False)
    exact = high < 2**53
    return int(low) if exact else floor(low * (1 - _FLOAT)), int(high) if exact else ceil(high * (1 + _FLOAT))


def _estimate(space: Choices, limits: Limits, most: list[int]) -> float:
    tightest, limit = limits[int(np.argmin(most))]
    cost, above, upto = loosened(tightest, -np.inf, limit)
    source = table(space, cost, upto)
    paths = source.draw(np.random.default_rng(0), _DRAWS, above, upto)
    return source.networks(above, upto) * float(inside(space, limits, paths).mean())
