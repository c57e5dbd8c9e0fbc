"""What a study says so far, as arrays."""

from dataclasses import dataclass

import moocore
import numpy as np
import numpy.typing as npt
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from nas.search.pool import Grid, Indices, Mask

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class History:
    """What the other trials of a study say: n points, their losses (all minimised), and what awaits them.

    `losses`, shape (n, objectives), is NaN where nothing finite was told. Trials that run, wait or failed
    are `pending`: nothing is known there, and it need not be proposed again. `violations` are above 0 where
    a constraint of the trial is not met.
    """

    points: Indices
    losses: Array
    pending: Mask
    violations: Array

    @classmethod
    def of(cls, study: Study, trial: FrozenTrial, grid: Grid) -> "History":
        """All trials but `trial` that have every parameter of `grid`, by number."""
        signs = signs_of(study)
        rows, losses, pending, violations = [], [], [], []
        for other in study.get_trials(deepcopy=False):
            row = grid.row({**other.system_attrs.get("fixed_params", {}), **other.params})
            if row is None or other.number == trial.number:
                continue
            values = np.array(other.values if other.state == TrialState.COMPLETE else [np.nan], dtype=np.float64)
            rows.append(row)
            losses.append(values * signs if np.isfinite(values).all() else np.full(len(signs), np.nan))
            pending.append(other.state in (TrialState.RUNNING, TrialState.WAITING, TrialState.FAIL))
            violations.append(max(other.constraints.values(), default=0.0))
        return cls(
            np.array(rows, dtype=np.int64).reshape(-1, len(grid.counts)),
            np.array(losses, dtype=np.float64).reshape(-1, len(signs)),
            np.array(pending, dtype=bool),
            np.array(violations, dtype=np.float64),
        )

    @property
    def finished(self) -> Mask:
        """Which trials have values."""
        return np.array([bool(np.isfinite(row).all()) for row in self.losses], dtype=bool)

    def best(self, n: int) -> Indices:
        """At most n evaluated points, front after front; those that meet their constraints first."""
        losses, violations = self.losses[self.finished], self.violations[self.finished]
        if not len(losses):
            return self.points[:0]
        order = np.lexsort((moocore.pareto_rank(losses), np.maximum(violations, 0)))
        return self.points[self.finished][order[:n]]


def signs_of(study: Study) -> Array:
    """What each objective is multiplied by to be minimised: -1 where it is maximised."""
    return np.array([-1.0 if direction == StudyDirection.MAXIMIZE else 1.0 for direction in study.directions])
