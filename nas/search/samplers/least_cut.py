"""Where a search from pretrained weights looks: networks of any cost that keep the most of them at their own."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from nas.problem import Problem
from nas.search.parameters import distributions, in_order
from nas.search.pareto.pool import Grid
from nas.spaces.space import Genotypes

ROUNDS = 8
"""Generations of offspring; more find little that keeps more."""
CHILDREN = 4
"""Offspring of each network in a generation."""
BINS = 24
"""Networks are alike in cost when they are in the same one of so many bins of milliseconds."""


@lru_cache(maxsize=4)
def least_cut(problem: Problem, seed: int, n: int) -> Genotypes:
    """About `n` networks inside the budget that keep the most of the weights (`Problem.kept_of`) among those of their
    resolution and their milliseconds, as many of each; made once for equal arguments: not to be changed.
    """
    rng = np.random.default_rng(seed)
    grid = Grid(distributions(problem.space), in_order(problem.space))
    rows = problem.draw(rng, n, evenly="macs")
    for _ in range(ROUNDS):
        children = grid.offspring(rng, rows, CHILDREN * n)
        rows = np.unique(np.concatenate([rows, children[problem.inside(children)]]), axis=0)
        rows = rows[_foremost(problem, rows, n)]
    return rows


def _foremost(problem: Problem, rows: Genotypes, n: int) -> npt.NDArray[np.int64]:
    """The places of at most `n`: the best of each kind, then the second of each, and so on."""
    names = [variable.name for variable in problem.space.variables]
    pixels = rows[:, names.index("resolution")] if "resolution" in names else np.zeros(len(rows), dtype=np.int64)
    logs = np.log(problem.cost_arrays(rows)["latency_ms"])
    kind = pixels * BINS + np.floor((logs - logs.min()) / (np.ptp(logs) or 1.0) * (BINS - 1e-9)).astype(np.int64)
    order = np.lexsort((-problem.kept_of(rows), kind))
    first = np.searchsorted(kind[order], kind[order])
    return order[np.argsort(np.arange(len(rows)) - first, kind="stable")[:n]]
