"""What a stopped network says of the one it might have become: its lower rung, read as an accuracy of the top rung.

Over the networks that went through all rungs, what a lower rung gave is regressed on the top rung's accuracy and on
the logarithms of the costs, and a network that ended on that rung is read back through the line (calibration: Osborne
1991, https://doi.org/10.2307/1403690). So it is an observation with noise, for the model to weigh; regressing the
other way would give an average that leans on the networks of the line already. Those are selected by what the rung
gave, luck included, among others of like cost: the line lies too high and is too flat by part of that luck, and
stopped networks look somewhat worse than they are.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from optuna.study import Study

from nas.problem import Problem
from nas.search.record.trial import TrialRecord, trials
from nas.search.rungs import rank_values

Array = npt.NDArray[np.float64]

FEWEST = 5
"""Nothing is read from fewer networks than these beside one for each cost."""


def estimates(problem: Problem, study: Study) -> Mapping[int, tuple[list[float], list[float]]]:
    """By trial number, the objective values that stopped and running trials point to, and their standard errors.

    None of a rung that does not rise with the accuracy of the top rung, or that too few networks passed.
    """
    every = trials(study)
    top = max((len(trial.rungs) for trial in every if trial.state == "complete"), default=0) - 1
    found = {}
    for step in range(top):
        climbed = [trial for trial in every if len(trial.rungs) > step]
        whole = np.array([len(trial.rungs) > top for trial in climbed])
        here = np.array([len(trial.rungs) == step + 1 for trial in climbed])
        given = np.asarray(rank_values([trial.rungs[step] for trial in climbed]))
        costs = _log_costs(problem, climbed)
        if whole.sum() < FEWEST + costs.shape[1]:
            continue
        accuracy = np.asarray(rank_values([climbed[index].rungs[top] for index in np.flatnonzero(whole)]))
        slope, rest, error = _line(accuracy, costs[whole], given[whole])
        if slope <= 0:
            continue
        read = (given - np.column_stack([np.ones(len(costs)), costs]) @ rest) / slope
        for index in np.flatnonzero(here):
            measures = {**climbed[index].measures, "accuracy": float(read[index])}
            errors = [error / slope if name == "accuracy" else 0.0 for name in problem.objectives]
            found[climbed[index].number] = (problem.values(measures), errors)
    return found


def _log_costs(problem: Problem, trials: Sequence[TrialRecord]) -> Array:
    """Shape (n, costs among the objectives)."""
    costs = [problem.cost_values(trial.measures) for trial in trials]
    return np.log(np.array(costs, dtype=np.float64).reshape(len(trials), -1))


def _line(accuracy: Array, costs: Array, given: Array) -> tuple[float, Array, float]:
    """Least squares of `given`: its slope in accuracy, the other coefficients (1, costs), the residual deviation."""
    design = np.column_stack([np.ones(len(costs)), costs, accuracy])
    weights: Array = np.asarray(np.linalg.lstsq(design, given, rcond=None)[0], dtype=np.float64)
    residual = given - design @ weights
    return float(weights[-1]), weights[:-1], float(np.sqrt(residual @ residual / (len(given) - design.shape[1])))
