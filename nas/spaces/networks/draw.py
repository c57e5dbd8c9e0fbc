"""Distinct networks inside a budget at random: uniform over networks, or even over the range of a cost."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from nas.errors import BudgetError
from nas.spaces.architecture import Architecture
from nas.spaces.budget import Budget, show
from nas.spaces.choices import Choices
from nas.spaces.networks.additive import (
    MACS,
    AdditiveCost,
    Limits,
    NamedCosts,
    NetworkCost,
    Over,
    PeakCost,
    architecture,
    inside,
    largest_cost,
    limits_of,
    loosened,
    measure_cost,
    path_costs,
)
from nas.spaces.networks.automaton import Ints, Paths
from nas.spaces.networks.count import count_networks
from nas.spaces.networks.histogram import table
from nas.spaces.networks.listing import LISTED, listing, smallest, whole_listing
from nas.spaces.networks.places import genotype

BINS = 20
"""Of a cost that networks are drawn evenly over, of equal width on a log scale."""

_BATCH = 4096
_TRIES = 20_000  # draws, and 50 more for each network asked for, before a set counts as out of reach
_BIN_TRIES = 4096  # the same for one bin
_PILOT = 256  # networks of which the largest cost ends a range that no limit ends

Accept = Callable[[Architecture], bool]


def draw(
    space: Choices,
    rng: np.random.Generator,
    n: int,
    budget: Budget,
    evenly: str | None,
    precision: str,
    costs: NamedCosts | None,
    accept: Accept | None,
) -> Ints:
    """What `SearchSpace.sample` draws with a budget, or evenly over a measure."""
    require_possible(space, budget, costs, precision)
    limits = limits_of(budget, costs, precision)
    drawing = _Drawing(space, rng, limits, accept)
    if evenly is not None:
        cost, _ = measure_cost(evenly, costs, precision)
        if isinstance(cost, PeakCost):
            raise BudgetError(f"networks cannot be drawn evenly over {evenly}, the largest of their layers; use macs")
        drawing.evenly(n, cost, _top(space, cost, limits))
    missing = n - len(drawing.rows)
    if missing and not drawing.anywhere(missing) and not drawing.every(missing):
        raise BudgetError(
            f"found {len(drawing.rows)} of {n} networks of {space.name} inside the budget {budget} in "
            f"{_TRIES + 50 * missing} draws; ask for fewer, or raise one of the limits"
        )
    if n and not drawing.rows and accept is None:
        raise BudgetError(
            f"no network of {space.name} meets all of the budget {budget} at once. Raise one of the limits"
        )
    rows = np.array(drawing.rows, dtype=np.int64).reshape(len(drawing.rows), len(space.variables))
    return rng.permutation(rows)


def require_possible(space: Choices, budget: Budget, costs: NamedCosts | None, precision: str) -> None:
    """Check that each limit alone leaves a network.

    Of a bounded cost whose least is not known for certain, a limit below every network may pass; drawing
    then finds none.

    Raises:
        BudgetError: the network of the least cost is over it; the message names that network.
    """
    for limited, limit in budget.limits.items():
        cost, unit = measure_cost(limited, costs, precision)
        least = smallest(space, cost)
        if least.bound * unit > limit:
            known = "smallest" if least.cost == least.bound else "smallest known"
            raise BudgetError(
                f"no network of {space.name} meets the budget {budget}: the {known} has "
                f"{show(limited, least.cost * unit)} ({least.arch.notation}). "
                "Raise the budget or take a smaller search space"
            )


@dataclass(slots=True)
class _Drawing:
    """Networks drawn so far, as genotypes: distinct, inside `limits`, accepted."""

    space: Choices
    rng: np.random.Generator
    limits: Limits
    accept: Accept | None
    rows: list[Ints] = field(default_factory=list)
    seen: set[tuple[int, bytes]] = field(default_factory=set)

    def anywhere(self, n: int) -> bool:
        """Add n networks, uniformly over all inside the limits; false where they are out of reach of drawing."""
        cost, limit = _tightest(self.space, self.limits)
        return self._between(n, cost, -np.inf, limit, limit, _TRIES)

    def every(self, n: int) -> bool:
        """Add n networks out of a list of all inside the limits, or all there are; false where a list is too long."""
        limits = self.limits or ((MACS, np.inf),)
        paths = listing(self.space, tuple((cost, -np.inf, limit) for cost, limit in limits))
        if paths is not None:
            self._take(paths, self.rng.permutation(len(paths.resolution)), n)
        return paths is not None

    def evenly(self, n: int, cost: NetworkCost, top: float) -> None:
        """Add n networks, an equal share from each bin of `cost` up to `top`, uniformly inside a bin.

        What a bin lacks goes to the others in equal shares.
        """
        low = max(smallest(self.space, cost).bound, 1e-6 * top)
        edges = np.geomspace(low, top, BINS + 1)
        edges[0], edges[-1] = -np.inf, top
        left = list(range(BINS))
        while left and n > 0:
            shares = np.full(len(left), n // len(left))
            shares[self.rng.permutation(len(left))[: n % len(left)]] += 1
            before = len(self.rows)
            left = [
                bin_
                for bin_, share in zip(left, shares.tolist(), strict=True)
                if self._between(share, cost, edges[bin_], edges[bin_ + 1], top, _BIN_TRIES)
            ]
            n -= len(self.rows) - before

    def _between(self, n: int, cost: NetworkCost, above: float, upto: float, top: float, tries: int) -> bool:
        """Add n networks, uniformly over those inside the limits with `above` < cost <= `upto`.

        False where there are fewer, or where `tries` draws and 50 for each network found fewer.
        """
        wanted = len(self.rows) + n
        limits = (*self.limits, (cost, upto))
        if count_networks(self.space) <= LISTED:
            paths = whole_listing(self.space)
            meets = inside(self.space, limits, paths) & (path_costs(self.space, cost, paths) > above)
            self._take(paths, self.rng.permutation(np.flatnonzero(meets)), n)
            return len(self.rows) == wanted
        lower, over, within = loosened(cost, above, upto)
        source = table(self.space, lower, _ceiling(within, loosened(cost, above, top)[2]))
        reachable = source.networks(over, within)
        if reachable == 0:
            return n == 0
        if reachable <= LISTED:
            intervals = ((cost, above, upto), *((other, -np.inf, limit) for other, limit in self.limits))
            if (listed := listing(self.space, intervals)) is not None:
                self._take(listed, self.rng.permutation(len(listed.resolution)), n)
                return len(self.rows) == wanted
        left = tries + 50 * n
        while len(self.rows) < wanted and left > 0:
            size = min(_BATCH, 64 + 2 * (wanted - len(self.rows)))
            paths = source.draw(self.rng, size, over, within)
            meets = inside(self.space, limits, paths) & (path_costs(self.space, cost, paths) > above)
            self._take(paths, np.flatnonzero(meets), wanted - len(self.rows))
            left -= size
        return len(self.rows) == wanted

    def _take(self, paths: Paths, order: Ints, n: int) -> None:
        """Add up to n of `paths` in `order`, those that are new and accepted."""
        wanted = len(self.rows) + n
        for index in order:
            if len(self.rows) == wanted:
                return
            resolution, terms = int(paths.resolution[index]), paths.terms[index]
            key = resolution, terms[terms >= 0].tobytes()
            if key not in self.seen:
                self.seen.add(key)
                arch = architecture(self.space, resolution, terms)
                if self.accept is None or self.accept(arch):
                    self.rows.append(genotype(self.space, arch))


def _ceiling(upto: float, top: float) -> float:
    """`top` / 4^k for the largest k that leaves at least `upto`, so that the bins share few tables."""
    while top / 4 >= upto:
        top /= 4
    return top


@lru_cache(maxsize=64)
def _tightest(space: Choices, limits: Limits) -> tuple[NetworkCost, float]:
    """The limit that alone leaves the fewest networks; without limits, one that leaves all."""
    if not limits:
        return MACS, largest_cost(space, MACS)
    if len(limits) == 1 or count_networks(space) <= LISTED:
        return limits[0]
    return min(limits, key=lambda pair: _leaves(space, *pair))


def _leaves(space: Choices, cost: NetworkCost, limit: float) -> float:
    """About how many networks a limit alone leaves: for a bounded cost, at the most."""
    lower, above, upto = loosened(cost, -np.inf, limit)
    return table(space, lower, upto).networks(above, upto)


@lru_cache(maxsize=64)
def _top(space: Choices, cost: NetworkCost, limits: Limits) -> float:
    """Where the range of `cost` inside `limits` ends: at its limit, or at the largest of 256 networks (fixed seed)."""
    if (limit := dict(limits).get(cost)) is not None or not limits:
        return min(largest_cost(space, cost), np.inf if limit is None else limit)
    drawing = _Drawing(space, np.random.default_rng(0), limits, None)
    tightest, most = _tightest(space, limits)
    if isinstance(tightest, AdditiveCost) and isinstance(tightest.layer, Over):  # the same for all inside
        drawing.anywhere(_PILOT)
    else:
        drawing.evenly(_PILOT, tightest, most)
    return max((cost(space.architecture(row)) for row in drawing.rows), default=largest_cost(space, cost))
