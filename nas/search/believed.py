"""What to think of networks that have been judged, each with noise: what a model of all of them believes.

A proxy errs from network to network, and of many networks those that it flatters look best (the winner's curse). The
model of `sampler=pareto`, whatever the sampler, reads each accuracy together with those of networks like it.
"""

from collections.abc import Sequence

import numpy as np

from nas.problem import Problem
from nas.search.front import ranks
from nas.search.pareto.history import MOST
from nas.search.record.trial import TrialRecord
from nas.search.samplers.pareto import pareto_sampler

FEWEST = 12
"""Networks from which a model is made; of fewer, each stands for itself."""


def believed(problem: Problem, trials: Sequence[TrialRecord]) -> dict[int, list[float]]:
    """By number, the objective values of complete `trials`, the accuracy as the model believes it.

    Of more than `MOST`, those of the first fronts and others spread over the rest; it is the first that matter.
    """
    points = [trial.values(problem) for trial in trials]
    if len(trials) > MOST:
        order = np.argsort(ranks(points, problem.directions), kind="stable")
        spread = np.linspace(MOST // 2, len(order) - 1, MOST - MOST // 2).round().astype(np.int64)
        chosen = np.sort(order[np.concatenate([np.arange(MOST // 2), spread])]).tolist()
        trials, points = [trials[each] for each in chosen], [points[each] for each in chosen]
    values = np.array(points, dtype=np.float64)
    if len(trials) >= FEWEST:
        index = problem.objectives.index("accuracy")
        sampler = pareto_sampler(problem, seed=0, start=2, pool=100, stopped=False)
        values[:, index] = -sampler.smoothed([trial.params for trial in trials], -values[:, index])
    return {trial.number: row for trial, row in zip(trials, values.tolist(), strict=True)}
