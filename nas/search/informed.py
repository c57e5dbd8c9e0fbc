"""`ParetoSampler` told what a search problem knows of every network before any training."""

from functools import lru_cache
from typing import Any

import numpy as np

from nas.search.pareto import ParetoSampler
from nas.search.pool import Rows
from nas.search.problem import OBJECTIVES, Problem
from nas.search.space import distributions
from nas.spaces.counts import graph_features
from nas.spaces.space import Genotypes

SPREAD = 4096
"""So many networks, spread evenly over the cost inside the budget, are in every pool of candidates."""


def informed_sampler(problem: Problem, seed: int, start: int, pool: int) -> ParetoSampler:
    """Costs are known objectives, the budget is what is feasible, networks are the keys.

    The surrogate sees the choices, the counts of the graph (MACs and params among them) and the latency.
    """
    space = problem.space

    def known(name: str) -> Any:
        return lambda rows: problem.score(rows.indices)[OBJECTIVES[name]]

    def features(rows: Rows) -> Any:
        latency = np.log(problem.score(rows.indices)["latency_ms"])
        return np.column_stack([graph_features(space, rows.indices), latency])

    @lru_cache(maxsize=1)
    def spread() -> Genotypes:
        return problem.draw(np.random.default_rng(seed), SPREAD, spread="macs")

    def draw(rng: np.random.Generator, n: int) -> Genotypes:
        fresh = space.sample(rng, n)
        return np.concatenate([spread(), fresh[problem.inside(fresh)]])

    return ParetoSampler(
        seed=seed,
        known_objectives={i: known(name) for i, name in enumerate(problem.objectives) if name != "accuracy"},
        features=features,
        feasible=lambda rows: problem.inside(rows.indices),
        key=lambda rows: [space.architecture(row).key for row in rows.indices],
        draw=draw,
        space=distributions(space),
        start=start,
        pool=pool,
        repeat=False,
    )
