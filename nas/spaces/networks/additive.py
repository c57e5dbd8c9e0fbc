"""Costs that add up over layers, or lie between two that do, for every step of a space's automaton.

MACs and params are additive. A predicted latency need not be, but lies between two additive costs; those
prune, count and draw, and the exact figure then decides. Of peak activation bytes the largest counts: they are within
a limit where no layer is over it, and how many are is additive.
Arrays over steps have shape (..., resolutions, terms + 1): the last column is 0, the step that runs nothing.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter
from typing import Any

import numpy as np
import numpy.typing as npt

from nas.errors import BudgetError, ConfigError
from nas.reading.words import short
from nas.resources import names
from nas.spaces.architecture import Architecture
from nas.spaces.block import Block
from nas.spaces.budget import Budget
from nas.spaces.choices import Choices
from nas.spaces.cost import BYTES
from nas.spaces.layers import Layer, layers, out_size
from nas.spaces.networks.automaton import Ints, Paths, Term, automaton

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

_SLACK = 1e-9  # relative, around the bounds of a BoundedCost: above the error of adding up fractions


@dataclass(frozen=True, slots=True)
class AdditiveCost:
    """A network's cost as a constant and a sum over its layers; no layer's may be negative.

    Tables are kept by equality of the cost, so make it once, or `layer` of a type with an equality.
    """

    layer: Callable[[Layer], float]
    constant: float = 0.0

    def __call__(self, arch: Architecture) -> float:
        """The cost of one network."""
        return self.constant + sum(self.layer(layer) for layer in layers(arch))


@dataclass(frozen=True, slots=True)
class BoundedCost:
    """A network's cost as a function of sums over its layers, between two additive costs.

    `counts`: whole numbers of one layer, so that their sums are exact in any order. `combine` gives the cost
    from the sums, ints or int arrays, and gives both the same bits. For every network low <= cost <= high
    must hold, to nine digits. `low` and `high` may be equal: then a cost that is additive but for rounding
    is decided by the figure of `combine`. Tables are kept by equality, as those of `AdditiveCost`.
    """

    counts: Callable[[Layer], tuple[int, ...]]
    combine: Callable[[Sequence[Any]], Any]
    low: AdditiveCost
    high: AdditiveCost

    def __call__(self, arch: Architecture) -> float:
        """The cost of one network."""
        return float(self.combine(_sums(self.counts, layers(arch))))


@dataclass(frozen=True, slots=True)
class PeakCost:
    """A network's cost as the largest of its layers'. It can be limited, but not be drawn evenly over."""

    layer: Callable[[Layer], float]

    def __call__(self, arch: Architecture) -> float:
        """The cost of one network."""
        return max(map(self.layer, layers(arch)))

    def over(self, limit: float) -> AdditiveCost:
        """How many layers of a network cost more than `limit`."""
        return AdditiveCost(Over(self.layer, limit))


@dataclass(frozen=True, slots=True)
class Over:
    """1 for a layer whose cost is over the limit, else 0."""

    cost: Callable[[Layer], float]
    limit: float

    def __call__(self, layer: Layer) -> float:
        """Of one layer."""
        return float(self.cost(layer) > self.limit)


MACS = AdditiveCost(attrgetter("macs"))
PARAMS = AdditiveCost(attrgetter("params"))
PEAK = PeakCost(attrgetter("live_elements"))
NONE_OVER = 0.5
"""A limit on how many layers are over something that allows none."""

NetworkCost = AdditiveCost | BoundedCost
NamedCosts = Mapping[str, NetworkCost | PeakCost]
"""Costs by the field of their measure."""
Limits = tuple[tuple[NetworkCost, float], ...]
Interval = tuple[NetworkCost, float, float]
"""A cost, and the range it must be in: above the first number, up to the second."""


def measure_cost(field: str, costs: NamedCosts | None, precision: str) -> tuple[NetworkCost | PeakCost, float]:
    """The cost behind a measure of a budget, and units of the measure per unit of the cost.

    Raises:
        BudgetError: `costs` does not say what the measure is.
        ConfigError: no such precision.
    """
    if precision not in BYTES:
        raise ConfigError(f"unknown precision {short(precision)}; known: {names(BYTES)}")
    width = BYTES[precision]
    known: dict[str, tuple[NetworkCost | PeakCost, float]] = {
        "macs": (MACS, 1),
        "params": (PARAMS, 1),
        "weight_bytes": (PARAMS, width),
        "peak_activation_bytes": (PEAK, width),
    }
    known |= {name: (cost, 1) for name, cost in (costs or {}).items()}
    if field not in known:
        raise BudgetError(f"nothing says what {field} costs; known: {names(known)}. Give it in costs=")
    return known[field]


def limits_of(budget: Budget, costs: NamedCosts | None, precision: str) -> Limits:
    """The most that `budget` allows of each cost it limits; of layers over a limit on a peak, none.

    Raises:
        BudgetError: it limits a measure, such as the latency, that `costs` does not give.
    """
    result: dict[NetworkCost, float] = {}
    for field, limit in budget.limits.items():
        cost, unit = measure_cost(field, costs, precision)
        if isinstance(cost, PeakCost):
            result[cost.over(limit / unit)] = NONE_OVER
        else:
            result[cost] = min(result.get(cost, np.inf), limit / unit)
    return tuple(result.items())


def loosened(cost: NetworkCost, above: float, upto: float) -> tuple[AdditiveCost, float, float]:
    """A range of an additive cost that holds every network with `above` < cost <= `upto`, and maybe others."""
    return (cost.low, -np.inf, upto * (1 + _SLACK)) if isinstance(cost, BoundedCost) else (cost, above, upto)


def tightened(cost: NetworkCost, upto: float) -> tuple[AdditiveCost, float]:
    """A limit on an additive cost that only networks of a cost up to `upto` meet, and maybe not all."""
    return (cost.high, upto * (1 - _SLACK)) if isinstance(cost, BoundedCost) else (cost, upto)


@dataclass(frozen=True, slots=True)
class Reach:
    """The least and the most that paths cost up to each node, and from there on; shape (resolutions, nodes)."""

    least_before: Floats
    most_before: Floats
    least_after: Floats
    most_after: Floats


@lru_cache(maxsize=32)
def step_costs(space: Choices, cost: AdditiveCost) -> Floats:
    """What each term costs at each resolution, without the constant."""
    walks = _layers(space)
    result = np.array([[sum(cost.layer(layer) for layer in walk) for walk in row] + [0.0] for row in walks])
    if result.min() < 0:
        raise ValueError(f"the cost of a layer must not be negative, got {result.min()}")
    return result


@lru_cache(maxsize=32)
def _step_counts(space: Choices, counts: Callable[[Layer], tuple[int, ...]]) -> Ints:
    """What each term counts at each resolution, shape (k, resolutions, terms + 1)."""
    found = np.array([[_sums(counts, walk) for walk in row] for row in _layers(space)], dtype=np.int64)
    return np.pad(np.moveaxis(found, -1, 0), ((0, 0), (0, 0), (0, 1)))


def path_costs(space: Choices, cost: NetworkCost, paths: Paths) -> Floats:
    """What each of `paths` costs, shape (n,): for a bounded cost the figure of `cost` itself, to the last bit."""
    if isinstance(cost, BoundedCost):
        tables = _step_counts(space, cost.counts)
        sums = [table[paths.resolution[:, None], paths.terms].sum(axis=1) for table in tables]
        return np.asarray(cost.combine(sums), dtype=np.float64)
    costs = step_costs(space, cost)[paths.resolution[:, None], paths.terms]
    return np.asarray(cost.constant + costs.sum(axis=1), dtype=np.float64)


def inside(space: Choices, limits: Limits, paths: Paths) -> Bools:
    """Which of `paths` meet all `limits`, shape (n,)."""
    result = np.ones(len(paths.resolution), dtype=np.bool_)
    for cost, limit in limits:
        result &= path_costs(space, cost, paths) <= limit
    return result


def least_cost(space: Choices, cost: NetworkCost) -> float:
    """The least cost of any network of the space; for a bounded cost, one that no network is below."""
    if isinstance(cost, BoundedCost):
        return least_cost(space, cost.low) * (1 - _SLACK)
    return cost.constant + float(reach(space, cost).least_after[:, -1].min())


def largest_cost(space: Choices, cost: NetworkCost) -> float:
    """The largest cost of any network of the space; for a bounded cost, one that no network is above."""
    if isinstance(cost, BoundedCost):
        return largest_cost(space, cost.high) * (1 + _SLACK)
    return cost.constant + float(reach(space, cost).most_after[:, -1].max())


def cheapest(space: Choices, cost: AdditiveCost) -> Architecture:
    """The network of the least cost."""
    graph, costs, after = automaton(space), step_costs(space, cost), reach(space, cost).least_after
    resolution, node = int(after[:, -1].argmin()), len(graph.steps) - 1
    path = []
    while node:
        nodes, terms = graph.steps[node]
        step = int((costs[resolution, terms] + after[resolution, nodes]).argmin())
        node = int(nodes[step])
        path.append(terms[step])
    return architecture(space, resolution, np.array(path))


def architecture(space: Choices, resolution: int, terms: Ints) -> Architecture:
    """The network that a path means."""
    return Architecture(space.resolution[resolution], space.in_channels, space.classes, automaton(space).blocks(terms))


@lru_cache(maxsize=32)
def reach(space: Choices, cost: AdditiveCost) -> Reach:
    """Least and most cost around every node; the constant counts before."""
    graph, costs = automaton(space), step_costs(space, cost)
    nodes = len(graph.steps)
    after = [np.zeros((nodes, len(costs))), np.zeros((nodes, len(costs)))]
    before = [np.full((nodes, len(costs)), np.inf), np.full((nodes, len(costs)), -np.inf)]
    for node in range(1, nodes):
        children, terms = graph.steps[node]
        after[0][node] = (after[0][children] + costs.T[terms]).min(axis=0)
        after[1][node] = (after[1][children] + costs.T[terms]).max(axis=0)
    before[0][-1] = before[1][-1] = cost.constant
    for node in range(nodes - 1, 0, -1):
        children, terms = graph.steps[node]
        np.minimum.at(before[0], children, before[0][node] + costs.T[terms])
        np.maximum.at(before[1], children, before[1][node] + costs.T[terms])
    return Reach(before[0].T, before[1].T, after[0].T, after[1].T)


def layer_costs(space: Choices, cost: Callable[[Layer], float]) -> set[float]:
    """Every cost that a layer of some network has."""
    return {cost(layer) for row in _layers(space) for walk in row for layer in walk}


@lru_cache(maxsize=8)
def _layers(space: Choices) -> list[list[list[Layer]]]:
    """The layers of every term at every resolution."""
    terms = automaton(space).terms
    return [[_walk(term, resolution, space.classes) for term in terms] for resolution in space.resolution]


def _sums(counts: Callable[[Layer], tuple[int, ...]], walk: Iterable[Layer]) -> list[int]:
    """The `counts` of all layers together."""
    return [sum(column) for column in zip(*map(counts, walk), strict=True)]


def _walk(term: Term, resolution: int, classes: int) -> list[Layer]:
    """The layers that `term` runs: those of a network of this one block, or the two after its blocks."""
    block = term.block or Block("conv", 1, 1, term.channels)
    walk = list(layers(Architecture(out_size(resolution, term.stride), term.channels, classes, (block,))))
    return walk[:-2] if term.block else walk[-2:]
