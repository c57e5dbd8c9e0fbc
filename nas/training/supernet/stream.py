"""The networks that each step of a supernet's training takes: a function of the seed and the step's number."""

import math

import numpy as np
from numpy.typing import NDArray

from nas.latency.batch import costs as costs_of
from nas.spaces.architecture import Architecture
from nas.spaces.budget import Budget
from nas.spaces.cost import cost
from nas.spaces.networks.additive import NamedCosts
from nas.spaces.networks.draw import BINS
from nas.spaces.space import Genotypes, SearchSpace

_ROUND = 240  # genotypes drawn at a time: whole turns of 2, 3, 4, 5 and 6 values


class NetworkStream:
    """Networks of `space`, without end, and the same for the same seed.

    Without `even`, each choice takes its values in turn (`balanced`). With it, or with a limit, networks are even
    over the logarithm of their MACs; so are those of genotypes `among`, shape (n, variables), and no others then.
    `costs` and `precision` are as in `SearchSpace.sample`. The `group` networks of a step, which go on side by side,
    are those that are next to each other in MACs among some hundred.

    Raises:
        BudgetError: no network meets the budget.
    """

    def __init__(
        self,
        space: SearchSpace,
        seed: int,
        *,
        even: bool = False,
        budget: Budget | None = None,
        costs: NamedCosts | None = None,
        precision: str = "fp32",
        group: int = 1,
        among: Genotypes | None = None,
    ) -> None:
        self._space = space
        self._group = group
        self._among = None if among is None else (among, _even_over_macs(space, among))
        self._seed = seed
        self._limits = (budget or Budget(), costs, precision)
        self._balanced = among is None and not even and not self._limits[0].limits
        self._round = (0, self._rows(0))

    def __getitem__(self, number: int) -> Architecture:
        """Network `number`, from 0 on."""
        if number // _ROUND != self._round[0]:
            self._round = (number // _ROUND, self._rows(number // _ROUND))
        rows = self._round[1]
        return self._space.architecture(rows[number % _ROUND % len(rows)])

    def ends(self) -> tuple[Architecture, Architecture]:
        """The network of the most MACs and that of the fewest; with a budget, among those drawn first."""
        if self._balanced:
            most = self._space.smallest(lambda arch: -cost(arch).macs)
            return most, self._space.smallest(lambda arch: cost(arch).macs)
        archs = sorted(map(self._space.architecture, self._rows(0)), key=lambda arch: cost(arch).macs)
        return archs[-1], archs[0]

    def _rows(self, number: int) -> Genotypes:
        rng = np.random.default_rng((self._seed, number))
        if self._among:
            rows, shares = self._among
            rows = rows[rng.choice(len(rows), _ROUND, p=shares)]
        elif self._balanced:
            rows = balanced(self._space, rng, _ROUND)
        else:
            budget, costs, precision = self._limits
            rows = self._space.sample(rng, _ROUND, budget, evenly="macs", precision=precision, costs=costs)
        return self._grouped(rows, rng) if self._group > 1 else rows

    def _grouped(self, rows: Genotypes, rng: np.random.Generator) -> Genotypes:
        """The same in an order of groups; what is left over comes last."""
        order = np.argsort(costs_of(self._space, rows).macs, kind="stable")
        rest = len(rows) % self._group
        left = rng.choice(len(rows), rest, replace=False)
        groups = np.delete(order, left).reshape(-1, self._group)
        grouped: Genotypes = rows[np.concatenate([rng.permutation(groups).ravel(), order[left]])]
        return grouped


def _even_over_macs(space: SearchSpace, rows: Genotypes) -> NDArray[np.float64]:
    """The probability of each, by which draws are even over the logarithm of MACs, in so many bins."""
    logs = np.log(costs_of(space, rows).macs)
    bins = np.digitize(logs, np.linspace(logs.min(), logs.max(), BINS + 1)[1:-1])
    _, place, count = np.unique(bins, return_inverse=True, return_counts=True)
    shares: NDArray[np.float64] = 1 / count[place] / len(count)
    return shares


def balanced(space: SearchSpace, rng: np.random.Generator, n: int) -> Genotypes:
    """N genotypes, shape (n, variables), in which each choice takes all its values in random order, again and again.

    So the alternatives of a place are trained equally often (Chu et al. 2021, https://arxiv.org/abs/1907.01845).
    """
    counts = [len(variable.values) for variable in space.variables]
    columns = [np.concatenate([rng.permutation(count) for _ in range(math.ceil(n / count))])[:n] for count in counts]
    return np.stack(columns, axis=1).astype(np.int64)
