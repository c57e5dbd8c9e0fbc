"""How many ways lead from each node of a space's automaton to the end, at each cost: dynamic programming.

Costs are in whole bins of a limit. Rounded down, every network inside the limit is counted and some just
outside it; rounded up, only networks inside it are, but not quite all. Numbers are floats: exact below
2^53, to 12 digits above.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from nas.spaces.choices import Choices
from nas.spaces.networks.additive import AdditiveCost, Floats, reach, step_costs
from nas.spaces.networks.automaton import Ints, Paths, Steps, automaton

BINS = 256
"""Of a table to draw from: coarse, since what is drawn is held to its exact cost."""

_SLACK = 1e-12  # relative; above the error of dividing by the width of a bin


@dataclass(frozen=True, slots=True)
class Table:
    """Ways to the end for all networks up to `limit`, costs rounded down; a row is a node at one resolution.

    `ways`: shape (rows, BINS + 1); row 0 is the end. The steps of row i are `first[i]` to `first[i + 1]`.
    """

    limit: float
    constant: float
    longest: int
    ways: Floats
    roots: Ints
    first: Ints
    child: Ints
    shift: Ints
    term: Ints

    def networks(self, above: float, upto: float) -> float:
        """How many networks `draw` takes its draws from."""
        return float(self.ways[self.roots, self._bins(above, upto)].sum())

    def draw(self, rng: np.random.Generator, n: int, above: float, upto: float) -> Paths:
        """N independent draws, uniform over a set that holds every network with `above` < cost <= `upto`.

        The set also holds some networks of a cost near those two. `upto` must not exceed `limit`.
        """
        bins = self._bins(above, upto)
        ways = self.ways[self.roots, bins]
        weights = ways.ravel().cumsum()
        picked = np.searchsorted(weights, _below(rng, weights[-1:].repeat(n)), side="right")
        resolution, left = np.divmod(picked, ways.shape[1])
        row, left, path = self.roots[resolution], left + bins.start, []
        while row.any():
            chosen = self._choose(rng, row, left)
            path.append(np.where(row == 0, -1, self.term[chosen]))
            left = np.where(row == 0, 0, left - self.shift[chosen])
            row = np.where(row == 0, 0, self.child[chosen])
        return Paths(resolution, np.stack(path, axis=1))

    def _choose(self, rng: np.random.Generator, row: Ints, left: Ints) -> Ints:
        """A step from each row, in proportion to the ways that go on from it with what is left."""
        first, count = self.first[row], self.first[row + 1] - self.first[row]
        options = np.arange(count.max())
        inside = options < count[:, None]
        steps = np.where(inside, first[:, None] + options, 0)
        remaining = left[:, None] - self.shift[steps]
        weights = np.where(inside & (remaining >= 0), self.ways[self.child[steps], remaining], 0.0).cumsum(axis=1)
        taken = (weights <= _below(rng, weights[:, -1])[:, None]).sum(axis=1)
        return np.where(count > 0, first + taken, 0)

    def _bins(self, above: float, upto: float) -> slice:
        """Rounded costs that a network of a cost in this range can have: each term loses less than one bin."""
        scale = BINS / (self.limit - self.constant)
        least = int(max(0.0, above - self.constant) * scale * (1 - _SLACK)) - self.longest
        most = int((upto - self.constant) * scale * (1 + _SLACK))
        return slice(max(0, least), min(BINS, most) + 1)


def _below(rng: np.random.Generator, totals: Floats) -> Floats:
    """Uniform in [0, total) for each total above 0."""
    return np.minimum(rng.random(len(totals)) * totals, np.nextafter(totals, -np.inf))


@lru_cache(maxsize=8)
def table(space: Choices, cost: AdditiveCost, limit: float) -> Table:
    """The table of all networks of a cost up to `limit`, which at least one must have."""
    ways, roots, steps = [np.eye(1, BINS + 1)[0]], [], [(np.zeros(0, np.int64),) * 3]
    for resolution in range(len(space.resolution)):
        rows = {0: 0}
        for node, found, (nodes, terms), shifts in _sweep(space, cost, resolution, limit, BINS, up=False):
            rows[node] = len(ways)
            ways.append(np.pad(found, (0, BINS + 1 - len(found))))
            steps.append((np.array([rows[child] for child in nodes]), shifts, terms))
        roots.append(rows.get(len(automaton(space).steps) - 1, -1))
    ways.append(np.zeros(BINS + 1))  # the last row, -1: a resolution without any network inside the limit
    steps.append(steps[0])
    first = np.cumsum([0, *(len(shifts) for _, shifts, _ in steps)])
    child, shift, term = (np.concatenate(column) for column in zip(*steps, strict=True))
    longest = automaton(space).longest
    return Table(limit, cost.constant, longest, np.array(ways), np.array(roots), first, child, shift, term)


@lru_cache(maxsize=256)
def count_within(space: Choices, cost: AdditiveCost, limit: float, bins: int, up: bool) -> float:
    """How many networks cost at most `limit`: never too many when rounded `up`, else never too few."""
    total = 0.0
    root = len(automaton(space).steps) - 1
    for resolution in range(len(space.resolution)):
        for node, found, *_ in _sweep(space, cost, resolution, limit, bins, up):
            total += found.sum() if node == root else 0.0
    return total


Swept = tuple[int, Floats, Steps, Ints]


def _sweep(space: Choices, cost: AdditiveCost, resolution: int, limit: float, bins: int, up: bool) -> Iterator[Swept]:
    """Each node that networks inside `limit` pass: its ways by rounded cost, its steps and their rounded costs.

    Ways are kept up to what the cheapest way to the node leaves of the limit, and as long as they are needed.
    """
    graph, bound = automaton(space), reach(space, cost)
    before, after = bound.least_before[resolution], bound.least_after[resolution]
    bin_ = (limit - cost.constant) / bins
    exact = step_costs(space, cost)[resolution]
    whole = np.ceil(exact / bin_ * (1 + _SLACK)) if up else np.floor(exact / bin_ * (1 - _SLACK))
    room = np.floor((limit - before) / bin_ * (1 + _SLACK))
    kept: dict[int, Floats] = {0: np.ones(1)}
    for node in np.flatnonzero(before + after <= limit)[1:].tolist() if before[-1] + after[-1] <= limit else ():
        nodes, terms = graph.steps[node]
        alive = before[node] + exact[terms] + after[nodes] <= limit
        nodes, terms = nodes[alive], terms[alive]
        shifts = whole[terms].astype(np.int64)
        ways = np.zeros(int(room[node]) + 1)
        for child, shift in zip(nodes.tolist(), shifts.tolist(), strict=True):
            part = kept[child][: max(0, len(ways) - shift)]
            ways[shift : shift + len(part)] += part
        kept[node] = ways
        yield node, ways, Steps(nodes, terms), shifts
        for child in graph.released[node]:
            kept.pop(child, None)
