"""All networks inside limits, one by one, where they are few."""

from bisect import bisect_left
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from nas.spaces.architecture import Architecture
from nas.spaces.choices import Choices
from nas.spaces.networks.additive import (
    MACS,
    AdditiveCost,
    BoundedCost,
    Floats,
    Interval,
    NetworkCost,
    PeakCost,
    architecture,
    cheapest,
    layer_costs,
    least_cost,
    loosened,
    path_costs,
    reach,
    step_costs,
)
from nas.spaces.networks.automaton import Ints, Paths, automaton

LISTED = 50_000
"""Sets of more networks are not listed."""

_MOST_ENDINGS = 40 * LISTED

_AdditiveInterval = tuple[AdditiveCost, float, float]


@dataclass(slots=True)
class _Endings:
    """The ways from nodes to the end as linked lists: an ending runs `term`, then the ending `then`; 0 is the end."""

    terms: list[Ints]
    then: list[Ints]
    count: int = 1


@lru_cache(maxsize=8)
def listing(space: Choices, intervals: tuple[Interval, ...]) -> Paths | None:
    """Every network whose costs are in `intervals` (at least one); None when there are too many to look through."""
    endings = _Endings([np.array([-1])], [np.array([0])])
    additive = tuple(loosened(*interval) for interval in intervals)
    heads = []
    for resolution in range(len(space.resolution)):
        found = _endings(space, additive, resolution, endings)
        if found is None:
            return None
        heads.append(found)
    resolutions = np.repeat(np.arange(len(heads)), [len(found) for found in heads])
    if len(resolutions) > LISTED:
        return None
    terms, then = np.concatenate(endings.terms), np.concatenate(endings.then)
    at, path = np.concatenate(heads), []
    while at.any():
        path.append(terms[at])
        at = then[at]
    paths = Paths(resolutions, np.stack(path, axis=1) if path else np.zeros((0, 0), np.int64))
    for cost, above, upto in intervals:
        if isinstance(cost, BoundedCost):  # of which only the lower bound was looked at
            costs = path_costs(space, cost, paths)
            meets = (above < costs) & (costs <= upto)
            paths = Paths(paths.resolution[meets], paths.terms[meets])
    return paths


def whole_listing(space: Choices) -> Paths:
    """Every network of a space of at most `LISTED` networks."""
    paths = listing(space, ((MACS, -np.inf, np.inf),))
    if paths is None:
        raise ValueError(f"{space.name} has too many networks to list")
    return paths


class Smallest(NamedTuple):
    """A network and its cost. No network of the space costs less than `bound`, which may be that cost."""

    arch: Architecture
    cost: float
    bound: float


@lru_cache(maxsize=64)
def smallest(space: Choices, cost: NetworkCost | PeakCost) -> Smallest:
    """The network of the least cost.

    Of a bounded cost that is certain where few networks have a lower bound up to the cost of the one of the
    least lower bound, which is given otherwise.
    """
    if isinstance(cost, PeakCost):
        peaks = sorted(layer_costs(space, cost.layer))
        least = peaks[bisect_left(peaks, True, key=lambda peak: least_cost(space, cost.over(peak)) == 0)]
        return Smallest(cheapest(space, cost.over(least)), least, least)
    bound = least_cost(space, cost)
    if isinstance(cost, AdditiveCost):
        return Smallest(cheapest(space, cost), bound, bound)
    known = cheapest(space, cost.low)
    most = cost(known)
    paths = listing(space, ((cost, -np.inf, most),))
    if paths is None:
        return Smallest(known, most, bound)
    costs = path_costs(space, cost, paths)
    best, least = int(costs.argmin()), float(costs.min())
    return Smallest(architecture(space, int(paths.resolution[best]), paths.terms[best]), least, least)


def _endings(
    space: Choices, intervals: tuple[_AdditiveInterval, ...], resolution: int, endings: _Endings
) -> Ints | None:
    """Add every ending that some way to its node may complete; gives those from the root, or None for too many."""
    graph = automaton(space)
    costs = np.array([step_costs(space, cost)[resolution] for cost, _, _ in intervals])
    least, most, cheapest = (
        np.array([getattr(reach(space, cost), side)[resolution] for cost, _, _ in intervals])
        for side in ("least_before", "most_before", "least_after")
    )
    low, high = (np.array([interval[side] for interval in intervals])[:, None] for side in (1, 2))
    known: dict[int, tuple[Ints, Floats]] = {0: (np.array([0]), np.zeros((len(intervals), 1)))}
    for node in np.flatnonzero(np.all(least + cheapest <= high, axis=0))[1:].tolist():
        numbers, sums, terms = [], [], []
        for child, term in zip(*graph.steps[node], strict=True):
            if child in known:
                number, after = known[child]
                after = after + costs[:, [term]]
                kept = np.all((least[:, [node]] + after <= high) & (most[:, [node]] + after > low), axis=0)
                numbers.append(number[kept])
                sums.append(after[:, kept])
                terms.append(np.full(int(kept.sum()), term))
        if numbers:
            endings.then.append(np.concatenate(numbers))
            endings.terms.append(np.concatenate(terms))
            size = len(endings.then[-1])
            known[node] = (np.arange(endings.count, endings.count + size), np.concatenate(sums, axis=1))
            endings.count += size
            if endings.count > _MOST_ENDINGS:
                return None
    return known.get(len(graph.steps) - 1, (np.zeros(0, np.int64),))[0]
