"""sampler=pareto: `ParetoSampler`, told what a search problem knows of every network before any training."""

import math
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from annotated_types import Ge, Le
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial

from nas.nets.slices.least_cut import least_cut
from nas.problem import Problem, reference_point
from nas.search.parameters import distributions, in_order
from nas.search.pareto.pool import Rows
from nas.search.pareto.sampler import ParetoSampler
from nas.search.record.trial import Drawn, note_proposal
from nas.search.samplers.stopped import estimates
from nas.spaces.graph_counts import graph_features
from nas.spaces.space import Genotypes

SPREAD = 2048
"""Networks in every pool of candidates that are spread evenly over the cost inside the budget."""


@dataclass(frozen=True, slots=True)
class ParetoSettings:
    """Models accuracy alone, since costs are known, and proposes what the front is expected to gain most from."""

    stateless: ClassVar[bool] = True

    name: Literal["pareto"]
    start: Annotated[int, Ge(1), Le(1_000_000)]
    """Networks spread over the range of cost before the first prediction, besides the warm start."""
    pool: Annotated[int, Ge(1), Le(1_000_000)]
    """Candidates that are weighed for each proposal."""

    def make(self, problem: Problem, seed: int) -> BaseSampler:
        """`ParetoSampler`, told what is known of every network."""
        return pareto_sampler(problem, seed, self.start, self.pool)


def pareto_sampler(problem: Problem, seed: int, start: int, pool: int, stopped: bool = True) -> ParetoSampler:
    """Costs are known objectives, the budget is what is feasible, networks are the keys.

    The surrogate sees the choices, the counts of the graph (MACs and params among them) and the latency, what is
    kept of pretrained weights, and what `stopped` networks reached. Trials note how they were `drawn`, and
    `expected_gain` as a share of the box.
    """
    space = problem.space
    reference = reference_point(problem, chance=1 / space.classes)
    box = math.prod(1 - value if name == "accuracy" else value for name, value in reference.items())

    def known(name: str) -> Any:
        return lambda rows: problem.value(name, problem.cost_arrays(rows.indices))

    def features(rows: Rows) -> Any:
        columns = [graph_features(space, rows.indices), np.log(problem.cost_arrays(rows.indices)["latency_ms"])]
        return np.column_stack([*columns, problem.kept_of(rows.indices)] if problem.kept else columns)

    @lru_cache(maxsize=4096)
    def key(row: tuple[int, ...]) -> str:
        return space.architecture(row).key

    @lru_cache(maxsize=1)
    def placed_evenly() -> Genotypes:
        return problem.draw(np.random.default_rng(seed), SPREAD, evenly="macs")

    def draw(rng: np.random.Generator, n: int) -> Genotypes:
        if problem.kept:  # and their offspring, by which it may go anywhere
            return least_cut(problem, seed)
        fresh = space.sample(rng, n)
        return np.concatenate([placed_evenly(), fresh[problem.inside(fresh)]])

    def proposed(study: Study, trial: FrozenTrial, drawn: Drawn, gain: float | None) -> None:
        note_proposal(study, trial, drawn, None if gain is None else gain / box)

    return ParetoSampler(
        seed=seed,
        known_objectives={i: known(name) for i, name in enumerate(problem.objectives) if name != "accuracy"},
        features=features,
        feasible=lambda rows: problem.inside(rows.indices),
        key=lambda rows: [key(tuple(row)) for row in rows.indices.tolist()],
        draw=draw,
        begin=draw if problem.kept else None,
        space=distributions(space),
        ordered=in_order(space),
        partial=partial(estimates, problem) if stopped else None,
        reference=[reference[name] for name in problem.objectives],
        start=start,
        pool=pool,
        repeat=False,
        proposed=proposed,
    )
