"""Search spaces: sets of networks as choices, and the way between genotypes and networks.

A genotype is a row of ints, one per `Variable`: the index of its chosen value. Choices without effect
(the kernel of a block that the depth leaves out) make several genotypes one network:
`Architecture.key` tells networks apart, `SearchSpace.genotype` gives the one genotype of each.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from nas.errors import SpaceError
from nas.spaces.architecture import Architecture, Block
from nas.spaces.budget import Budget
from nas.spaces.choices import Stage, Variable
from nas.spaces.networks.additive import Costs, limits_of
from nas.spaces.networks.count import Count, count_inside
from nas.spaces.networks.draw import draw
from nas.spaces.networks.places import places

Genotypes = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SearchSpace:
    """A set of networks, as choices. `strides` are the allowed patterns, one stride per stage.

    Strides are chosen together, as one variable, so that every genotype has the same total stride.
    """

    name: str
    resolution: tuple[int, ...]
    width: tuple[float, ...]
    strides: tuple[tuple[int, ...], ...]
    stages: tuple[Stage, ...]
    in_channels: int = 3
    classes: int = 1000
    variables: tuple[Variable, ...] = field(init=False)

    def __post_init__(self) -> None:
        every = [
            Variable("resolution", self.resolution, True),
            Variable("width", self.width, True),
            Variable("strides", self.strides, False),
            *(variable for stage in self.stages for variable in stage.variables()),
        ]
        object.__setattr__(self, "variables", tuple(v for v in every if len(v.values) > 1))

    @property
    def size(self) -> int:
        """How many genotypes there are: the product of the choices. Distinct networks may be fewer."""
        return prod(self._counts)

    @property
    def _counts(self) -> list[int]:
        return [len(variable.values) for variable in self.variables]

    def with_data(self, in_channels: int, classes: int) -> "SearchSpace":
        """The same choices for images of `in_channels` channels and `classes` classes."""
        return replace(self, in_channels=in_channels, classes=classes)

    def count(self, budget: Budget | None = None, *, precision: str = "fp32", costs: Costs | None = None) -> Count:
        """How many distinct networks fit the budget; without one, how many there are, exactly.

        Exact for spaces of up to 50,000 networks and for limits that leave no more; otherwise certain
        bounds (`count_inside` says how). `costs` gives measures beyond MACs, params and weights at
        `precision`, by their name in the budget: `{"latency_ms": AdditiveCost(per_layer, constant)}`, or a
        `BoundedCost`, of which the bounds are less tight (both in `nas.spaces.networks.additive`).

        Raises:
            BudgetError: the budget limits the latency, and `costs` does not give it.
        """
        return count_inside(self, limits_of(budget or Budget(), costs, precision))

    def sample(
        self,
        rng: np.random.Generator,
        n: int,
        budget: Budget | None = None,
        *,
        spread: str | None = None,
        precision: str = "fp32",
        costs: Costs | None = None,
        accept: Callable[[Architecture], bool] | None = None,
    ) -> Genotypes:
        """N genotypes, shape (n, variables).

        With `rng` and `n` alone, each choice is uniform and independent of the others. That is not
        uniform over networks: those that many genotypes encode (shallow ones) come up more often, and
        repeats occur.

        With a budget, distinct networks inside it, uniform over *networks*, as canonical genotypes;
        `Budget()` has no limits. `accept` refuses some. There are fewer than n only where no more exist:
        then all are given, in random order.

        With `spread`, a measure such as `"macs"`: an equal share from each of 20 bins of that measure,
        from the least of any network to the limit, uniform inside a bin. The bins have equal width on a
        log scale, since costs span orders of magnitude and most networks are near the limit. What a bin
        lacks goes to the others. Where the budget limits only other measures, the range ends at the
        largest of 256 networks spread over the tightest limit; a bin that holds less than about one in
        4,000 of what its range of cost holds may then count as empty.

        `precision` and `costs` are as in `count`. Tables are made once for each space, cost and limit. A
        `BoundedCost` decides by its own figure, to the last bit, among networks drawn inside its lower
        bound: where bounds are so wide apart that fewer than about one in 4,000 of those is in a bin of a
        spread, it may count as empty, and a range that no limit ends goes to the largest upper bound.

        Raises:
            BudgetError: no network fits, the message names the smallest; several limits, a bounded cost
                or `accept` leave so few of so many that drawing did not find n.
        """
        if budget is None and spread is None and accept is None:
            return rng.integers(0, self._counts, size=(n, len(self.variables)), dtype=np.int64)
        return draw(self, rng, n, budget or Budget(), spread, precision, costs, accept)

    def mutate(self, rng: np.random.Generator, row: Genotypes) -> Genotypes:
        """A copy of `row` with each choice changed with probability 1 / variables, and at least one."""
        chosen = rng.random(len(row)) < 1 / len(row)
        chosen[rng.integers(len(row))] = True
        step = rng.integers(1, self._counts, dtype=np.int64)
        return np.where(chosen, (row + step) % self._counts, row)

    def cross(self, rng: np.random.Generator, first: Genotypes, second: Genotypes) -> Genotypes:
        """Uniform crossover: each choice from one of the two parents, at random."""
        return np.where(rng.random(len(first)) < 0.5, first, second)

    def genotypes(self) -> Iterator[Genotypes]:
        """Every genotype in lexicographic order, `size` of them."""
        for row in product(*(range(count) for count in self._counts)):
            yield np.array(row, dtype=np.int64)

    def architecture(self, row: Sequence[int] | Genotypes) -> Architecture:
        """The network that the genotype `row` encodes.

        Raises:
            SpaceError: the row has the wrong length, or an index out of range.
        """
        if len(row) != len(self.variables):
            raise SpaceError(f"a genotype of {self.name} has {len(self.variables)} entries, got {len(row)}")
        chosen: dict[str, Any] = {}
        for variable, index in zip(self.variables, row, strict=True):
            if not 0 <= index < len(variable.values):
                raise SpaceError(f"{variable.name}: index {index} is not in 0..{len(variable.values) - 1}")
            chosen[variable.name] = variable.values[index]
        return self._decode(chosen)

    def genotype(self, arch: Architecture) -> Genotypes:
        """The one canonical genotype of `arch`; choices without effect are 0.

        Raises:
            SpaceError: the network is not in the space.
        """
        fits = arch.resolution in self.resolution
        fits &= (arch.in_channels, arch.classes) == (self.in_channels, self.classes)
        found = places(self).read(arch) if fits else None
        if found is not None:
            found["resolution"] = arch.resolution
            indices = [v.values.index(found[v.name]) if v.name in found else 0 for v in self.variables]
            return np.array(indices, dtype=np.int64)
        raise SpaceError(f"the network is not in the space {self.name}: {arch.notation}")

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
            for position, count in enumerate(self._counts):
                for index in range(count):
                    tried = best.copy()
                    tried[position] = index
                    if (tried_size := size(self.architecture(tried))) < best_size:
                        best, best_size = tried, tried_size
        return self.architecture(best)

    def _decode(self, chosen: dict[str, Any]) -> Architecture:
        width, strides = chosen.get("width", self.width[0]), chosen.get("strides", self.strides[0])
        channels = self.in_channels
        blocks: list[Block] = []
        for stage, stride in zip(self.stages, strides, strict=True):
            for index in range(chosen.get(f"{stage.name}.depth", stage.depth[0])):
                block = stage.block(chosen, index, width, stride if index == 0 else 1, channels)
                if block is not None:
                    blocks.append(block)
                    channels = block.out_channels
        return Architecture(chosen.get("resolution", self.resolution[0]), self.in_channels, self.classes, tuple(blocks))
