"""What a study says so far, as arrays."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import moocore
import numpy as np
import numpy.typing as npt
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from nas.search.pareto.pool import Grid, Indices, Mask

Array = npt.NDArray[np.float64]
Partial = Callable[[Sequence[FrozenTrial]], Mapping[int, tuple[Sequence[float], Sequence[float]]]]
"""All trials -> by trial number, estimates of its objective values and their standard errors."""


@dataclass(frozen=True, slots=True)
class History:
    """What the other trials of a study say: n points, their losses (all minimised), and what awaits them.

    `losses`, shape (n, objectives), have standard `errors` beside their noise: 0 where the trial is
    `finished`, above it where a trial that was stopped or runs has an estimate; both are NaN where nothing
    is known. Trials that run, wait or failed are `pending`: they need not be proposed again. `violations`
    are above 0 where a constraint of the trial is not met. `enqueued` trials were not proposed by the sampler.
    """

    points: Indices
    losses: Array
    errors: Array
    finished: Mask
    pending: Mask
    violations: Array
    enqueued: Mask

    @classmethod
    def of(cls, study: Study, trial: FrozenTrial, grid: Grid, partial: Partial | None = None) -> "History":
        """All trials but `trial` that have every parameter of `grid`, by number."""
        trials, signs = study.get_trials(deepcopy=False), signs_of(study)
        estimates = partial(trials) if partial else {}
        nothing = np.full((2, len(signs)), np.nan)
        rows, known, finished, pending, violations, enqueued = [], [], [], [], [], []
        for other in trials:
            row = grid.row({**other.system_attrs.get("fixed_params", {}), **other.params})
            if row is None or other.number == trial.number:
                continue
            complete = other.state == TrialState.COMPLETE
            told = (other.values, [0.0] * len(signs)) if complete else estimates.get(other.number, nothing)
            usable = np.isfinite(np.array(told, dtype=np.float64))
            rows.append(row)
            known.append(np.array(told, dtype=np.float64) * [signs, np.abs(signs)] if usable.all() else nothing)
            finished.append(complete and bool(usable.all()))
            pending.append(other.state in (TrialState.RUNNING, TrialState.WAITING, TrialState.FAIL))
            violations.append(max(other.constraints.values(), default=0.0))
            enqueued.append("fixed_params" in other.system_attrs)
        losses, errors = np.array(known, dtype=np.float64).reshape(-1, 2, len(signs)).swapaxes(0, 1)
        return cls(
            np.array(rows, dtype=np.int64).reshape(-1, len(grid.counts)),
            losses,
            errors,
            np.array(finished, dtype=bool),
            np.array(pending, dtype=bool),
            np.array(violations, dtype=np.float64),
            np.array(enqueued, dtype=bool),
        )

    @property
    def informative(self) -> Mask:
        """Which trials have values or estimates of them."""
        known: Mask = np.isfinite(self.losses.sum(axis=1))
        return known

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
