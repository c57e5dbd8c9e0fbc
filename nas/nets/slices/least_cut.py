"""The networks of a space that keep the most of pretrained weights at their pixels and milliseconds."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from nas.problem import Problem
from nas.spaces.space import Genotypes

ROUNDS = 12
"""Generations of offspring; more find little that keeps more."""
CHILDREN = 4
"""Offspring of each network in a generation: half cross two of them, then one to three choices are drawn anew."""
NETWORKS = 2048
"""How many there are, unless something else is asked for."""
BINS = 24
"""Networks are alike in cost when they are in the same one of so many bins of milliseconds."""


@lru_cache(maxsize=4)
def least_cut(problem: Problem, seed: int, n: int = NETWORKS) -> Genotypes:
    """About `n` networks inside the budget that keep the most of the weights (`Problem.kept_of`) among those of their
    resolution and their milliseconds, as many of each; made once for equal arguments: not to be changed.
    """
    rng, counts = np.random.default_rng(seed), np.array(problem.space.choices.counts)
    rows = problem.draw(rng, n, evenly="macs")
    for _ in range(ROUNDS):
        first, second = rows[rng.integers(len(rows), size=(2, CHILDREN * n))]
        crossed = (rng.random(len(first)) < 0.5)[:, None] & (rng.random(first.shape) < 0.5)
        changed = rng.random(first.shape) < rng.integers(1, 4, (len(first), 1)) / len(counts)
        children = np.where(changed, rng.integers(0, counts, first.shape), np.where(crossed, second, first))
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
