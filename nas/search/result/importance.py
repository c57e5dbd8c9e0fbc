"""Which choices of a space matter for an objective: the share of its variance that each explains alone.

That is the main effect of a functional analysis of variance, the first-order index of Sobol, with what chance explains
taken off as epsilon squared does (Kelley 1935, doi:10.1073/pnas.21.9.554). A search looks at good networks more often
than at others, so that shares are those among the networks that it evaluated.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nas.problem import Problem
from nas.results.quality import Importance
from nas.search.record.trial import TrialRecord

FEWEST = 20
"""Of fewer networks nothing is said."""


def importances(problem: Problem, trials: Sequence[TrialRecord]) -> tuple[Importance, ...]:
    """For each objective, over the networks that were evaluated to the end; none of fewer than `FEWEST`."""
    complete = [trial for trial in trials if trial.state == "complete"]
    if len(complete) < FEWEST:
        return ()
    choices = sorted({name for trial in complete for name in trial.params})
    taken = {name: np.array([str(trial.params.get(name)) for trial in complete]) for name in choices}
    values = np.array([trial.values(problem) for trial in complete])
    found = []
    for objective, column in zip(problem.objectives, values.T, strict=True):
        shares = {name: explained(column, each) for name, each in taken.items()}
        ordered = sorted(shares.items(), key=lambda entry: (-entry[1], entry[0]))
        listed = {name: round(share, 4) for name, share in ordered if round(share, 4) > 0}
        found.append(Importance(objective, len(complete), listed))
    return tuple(found)


def explained(values: npt.NDArray[np.float64], choice: npt.NDArray[np.str_]) -> float:
    """The share of the variance of `values` that `choice` explains, 0..1: epsilon squared."""
    _, groups, counts = np.unique(choice, return_inverse=True, return_counts=True)
    n, k = len(values), len(counts)
    deviations = values - values.mean()
    total = float(deviations @ deviations)
    if n <= k or total <= 1e-18 * n * max(1.0, float(np.abs(values).max()) ** 2):
        return 0.0
    means = np.bincount(groups, deviations) / counts
    between = float(counts @ means**2)
    within = (total - between) / (n - k)
    return min(1.0, max(0.0, (between - (k - 1) * within) / total))
