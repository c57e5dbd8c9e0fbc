"""Costs that add up over layers, for every step of a space's automaton.

MACs, params and latency (a sum over layers and a constant) are additive; peak activation bytes are not.
Arrays over steps have shape (resolutions, terms + 1): the last column is 0, the step that runs nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nas.errors import BudgetError, ConfigError
from nas.resources import names
from nas.spaces.architecture import Architecture, Block
from nas.spaces.automaton import Ints, Paths, Term, automaton
from nas.spaces.budget import Budget
from nas.spaces.cost import BYTES
from nas.spaces.layers import Layer, layers, out_size

if TYPE_CHECKING:
    from nas.spaces.space import SearchSpace

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


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


MACS = AdditiveCost(attrgetter("macs"))
PARAMS = AdditiveCost(attrgetter("params"))
Costs = Mapping[str, AdditiveCost]
Limits = tuple[tuple[AdditiveCost, float], ...]


def additive(measure: str, costs: Costs | None, precision: str) -> tuple[AdditiveCost, float]:
    """The cost behind a measure of a budget, and units of the measure per unit of the cost.

    Raises:
        BudgetError: `costs` does not say what the measure is.
        ConfigError: no such precision.
    """
    if precision not in BYTES:
        raise ConfigError(f"unknown precision {precision!r}; known: {names(BYTES)}")
    known = {"macs": (MACS, 1), "params": (PARAMS, 1), "weight_bytes": (PARAMS, BYTES[precision])}
    known |= {name: (cost, 1) for name, cost in (costs or {}).items()}
    if measure not in known:
        raise BudgetError(f"nothing says what {measure} costs; known: {names(known)}. Give it in costs=")
    return known[measure]


def limits_of(budget: Budget, costs: Costs | None, precision: str) -> Limits:
    """The most that `budget` allows of each cost it limits.

    Raises:
        BudgetError: it limits a measure, such as the latency, that `costs` does not give.
    """
    result: dict[AdditiveCost, float] = {}
    for measure, limit in budget.limits.items():
        cost, unit = additive(measure, costs, precision)
        result[cost] = min(result.get(cost, np.inf), limit / unit)
    return tuple(result.items())


@dataclass(frozen=True, slots=True)
class Reach:
    """The least and the most that paths cost up to each node, and from there on; shape (resolutions, nodes)."""

    least_before: Floats
    most_before: Floats
    least_after: Floats
    most_after: Floats


@lru_cache(maxsize=32)
def step_costs(space: "SearchSpace", cost: AdditiveCost) -> Floats:
    """What each term costs at each resolution, without the constant."""
    walks = _layers(space)
    result = np.array([[sum(cost.layer(layer) for layer in walk) for walk in row] + [0.0] for row in walks])
    if result.min() < 0:
        raise ValueError(f"the cost of a layer must not be negative, got {result.min()}")
    return result


def path_costs(space: "SearchSpace", cost: AdditiveCost, paths: Paths) -> Floats:
    """What each of `paths` costs, shape (n,)."""
    costs = step_costs(space, cost)[paths.resolution[:, None], paths.terms]
    return np.asarray(cost.constant + costs.sum(axis=1), dtype=np.float64)


def inside(space: "SearchSpace", limits: Limits, paths: Paths) -> Bools:
    """Which of `paths` meet all `limits`, shape (n,)."""
    result = np.ones(len(paths.resolution), dtype=np.bool_)
    for cost, limit in limits:
        result &= path_costs(space, cost, paths) <= limit
    return result


def least_cost(space: "SearchSpace", cost: AdditiveCost) -> float:
    """The least cost of any network of the space."""
    return cost.constant + float(reach(space, cost).least_after[:, -1].min())


def largest_cost(space: "SearchSpace", cost: AdditiveCost) -> float:
    """The largest cost of any network of the space."""
    return cost.constant + float(reach(space, cost).most_after[:, -1].max())


def cheapest(space: "SearchSpace", cost: AdditiveCost) -> Architecture:
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


def architecture(space: "SearchSpace", resolution: int, terms: Ints) -> Architecture:
    """The network that a path means."""
    return Architecture(space.resolution[resolution], space.in_channels, space.classes, automaton(space).blocks(terms))


@lru_cache(maxsize=32)
def reach(space: "SearchSpace", cost: AdditiveCost) -> Reach:
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


@lru_cache(maxsize=8)
def _layers(space: "SearchSpace") -> list[list[list[Layer]]]:
    """The layers of every term at every resolution."""
    terms = automaton(space).terms
    return [[_walk(term, resolution, space.classes) for term in terms] for resolution in space.resolution]


def _walk(term: Term, resolution: int, classes: int) -> list[Layer]:
    """The layers that `term` runs: those of a network of this one block, or the two after its blocks."""
    block = term.block or Block("conv", 1, 1, term.channels)
    walk = list(layers(Architecture(out_size(resolution, term.stride), term.channels, classes, (block,))))
    return walk[:-2] if term.block else walk[-2:]
