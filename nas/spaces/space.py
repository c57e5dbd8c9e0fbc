"""Search spaces: sets of networks as choices, and the way between genotypes and networks.

A genotype is a row of ints, one per `Variable`: the index of its chosen value. Choices without effect
(the kernel of a block that the depth leaves out) make several genotypes one network:
`Architecture.key` tells networks apart, `SearchSpace.genotype` gives the one genotype of each.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from nas.errors import SpaceError
from nas.spaces.architecture import Architecture
from nas.spaces.budget import Budget
from nas.spaces.choices import Choices, Genotypes
from nas.spaces.networks.additive import NamedCosts, limits_of
from nas.spaces.networks.count import Count, count_inside
from nas.spaces.networks.draw import draw
from nas.spaces.networks.places import genotype
from nas.spaces.stage import Stage, Variable

__all__ = ["Genotypes", "SearchSpace"]


@dataclass(frozen=True, slots=True)
class SearchSpace:
    """A set of networks, as `choices`."""

    choices: Choices

    @property
    def name(self) -> str:
        """The name of its file."""
        return self.choices.name

    @property
    def resolution(self) -> tuple[int, ...]:
        """Resolutions, in pixels."""
        return self.choices.resolution

    @property
    def width(self) -> tuple[float, ...]:
        """Width multipliers."""
        return self.choices.width

    @property
    def strides(self) -> tuple[tuple[int, ...], ...]:
        """The allowed patterns, one stride per stage."""
        return self.choices.strides

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages in the order they run, stem and head among them."""
        return self.choices.stages

    @property
    def in_channels(self) -> int:
        """Channels of an image."""
        return self.choices.in_channels

    @property
    def classes(self) -> int:
        """Classes to tell apart."""
        return self.choices.classes

    @property
    def variables(self) -> tuple[Variable, ...]:
        """The choices of more than one value, in the order of a genotype."""
        return self.choices.variables

    @property
    def size(self) -> int:
        """How many genotypes there are: the product of the choices. Distinct networks may be fewer."""
        return self.choices.size

    def with_data(self, in_channels: int, classes: int, pixels: int | None = None) -> "SearchSpace":
        """The same choices for images of `in_channels` channels and `classes` classes, `pixels` high and wide.

        The latter count where the space gives its resolutions in proportion to them.
        """
        relative = self.choices.relative
        resolution = relative.of(pixels) if relative and pixels else self.resolution
        return SearchSpace(replace(self.choices, resolution=resolution, in_channels=in_channels, classes=classes))

    def count(self, budget: Budget | None = None, *, precision: str = "fp32", costs: NamedCosts | None = None) -> Count:
        """How many distinct networks fit the budget; without one, how many there are, exactly.

        Exact for spaces of up to 50,000 networks and for limits that leave no more; otherwise certain
        bounds (`count_inside` says how). `costs` gives measures beyond MACs, params, and weights and
        activations at `precision`, by their field: `{"latency_ms": AdditiveCost(per_layer, constant)}`, or a
        `BoundedCost`, of which the bounds are less tight (both in `nas.spaces.networks.additive`).

        Raises:
            BudgetError: the budget limits the latency, and `costs` does not give it.
        """
        return count_inside(self.choices, limits_of(budget or Budget(), costs, precision))

    def sample(
        self,
        rng: np.random.Generator,
        n: int,
        budget: Budget | None = None,
        *,
        evenly: str | None = None,
        precision: str = "fp32",
        costs: NamedCosts | None = None,
        accept: Callable[[Architecture], bool] | None = None,
    ) -> Genotypes:
        """N genotypes, shape (n, variables).

        With `rng` and `n` alone, each choice is uniform and independent of the others. That is not
        uniform over networks: those that many genotypes encode (shallow ones) come up more often, and
        repeats occur.

        With a budget, distinct networks inside it, uniform over *networks*, as canonical genotypes;
        `Budget()` has no limits. `accept` refuses some. There are fewer than n only where no more exist:
        then all are given, in random order.

        With `evenly`, the field of a measure such as `"macs"`: an equal share from each of 20 bins of that measure,
        from the least of any network to the limit, uniform inside a bin. The bins have equal width on a
        log scale, since costs span orders of magnitude and most networks are near the limit. What a bin
        lacks goes to the others. Where the budget limits only other measures, the range ends at the
        largest of 256 networks even over the tightest limit; a bin that holds less than about one in
        4,000 of what its range of cost holds may then count as empty.

        `precision` and `costs` are as in `count`. Tables are made once for each space, cost and limit. A
        `BoundedCost` decides by its own figure, to the last bit, among networks drawn inside its lower
        bound: where bounds are so wide apart that fewer than about one in 4,000 of those is in a
        bin, it may count as empty, and a range that no limit ends goes to the largest upper bound.

        Raises:
            BudgetError: no network fits, the message names the smallest; several limits, a bounded cost
                or `accept` leave so small a share that drawing did not find n.
        """
        if budget is None and evenly is None and accept is None:
            return rng.integers(0, self.choices.counts, size=(n, len(self.variables)), dtype=np.int64)
        return draw(self.choices, rng, n, budget or Budget(), evenly, precision, costs, accept)

    def mutate(self, rng: np.random.Generator, row: Genotypes) -> Genotypes:
        """A copy of `row` with each choice changed with probability 1 / variables, and at least one."""
        chosen = rng.random(len(row)) < 1 / len(row)
        chosen[rng.integers(len(row))] = True
        step = rng.integers(1, self.choices.counts, dtype=np.int64)
        return np.where(chosen, (row + step) % self.choices.counts, row)

    def cross(self, rng: np.random.Generator, first: Genotypes, second: Genotypes) -> Genotypes:
        """Uniform crossover: each choice from one of the two parents, at random."""
        return np.where(rng.random(len(first)) < 0.5, first, second)

    def genotypes(self) -> Iterator[Genotypes]:
        """Every genotype in lexicographic order, `size` of them."""
        for row in product(*(range(count) for count in self.choices.counts)):
            yield np.array(row, dtype=np.int64)

    def architecture(self, row: Sequence[int] | Genotypes) -> Architecture:
        """The network that the genotype `row` encodes.

        Raises:
            SpaceError: the row has the wrong length, or an index out of range.
        """
        return self.choices.architecture(row)

    def genotype(self, arch: Architecture) -> Genotypes:
        """The one canonical genotype of `arch`; choices without effect are 0.

        Raises:
            SpaceError: the network is not in the space.
        """
        return genotype(self.choices, arch)

    def contains(self, arch: Architecture) -> bool:
        """Whether some genotype encodes `arch`."""
        try:
            self.genotype(arch)
        except SpaceError:
            return False
        return True

    def smallest(self, size: Callable[[Architecture], float]) -> Architecture:
        """The network of least `size`, by coordinate descent: exact where size grows with each choice alone."""
        best = np.zeros(len(self.variables), dtype=np.int64)
        best_size, previous = size(self.architecture(best)), float("inf")
        while best_size < previous:
            previous = best_size
            for position, count in enumerate(self.choices.counts):
                for index in range(count):
                    tried = best.copy()
                    tried[position] = index
                    if (tried_size := size(self.architecture(tried))) < best_size:
                        best, best_size = tried, tried_size
        return self.architecture(best)
