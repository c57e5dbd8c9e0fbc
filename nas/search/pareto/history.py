"""What a study says so far, as arrays."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from weakref import WeakKeyDictionary

import moocore
import numpy as np
import numpy.typing as npt
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from nas.search.pareto.pool import Grid, Indices, Mask

Array = npt.NDArray[np.float64]
Partial = Callable[[Study], Mapping[int, tuple[Sequence[float], Sequence[float]]]]
"""A study -> by trial number, estimates of objective values and their standard errors."""

MOST = 300
"""Trials that a proposal weighs at most, of those that say something: enough for a model, few enough to be quick."""

MOST_PENDING = 100
"""Trials that it weighs of those that run, wait or failed: the last."""


@dataclass(frozen=True, slots=True)
class Point:
    """What one trial says for itself: `row` is None where it lacks a parameter, `values` where it is not complete."""

    row: Indices | None
    values: tuple[Sequence[float], Sequence[float]] | None
    pending: bool
    violation: float
    enqueued: bool


_READ: WeakKeyDictionary[Study, tuple[Grid, dict[int, Point]]] = WeakKeyDictionary()
"""By number, the finished trials of the studies in use: they no longer change, and so are read once."""


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
        signs = signs_of(study)
        estimates = partial(study) if partial else {}
        nothing = np.full((2, len(signs)), np.nan)
        points = [(number, point) for number, point in _points(study, grid) if number != trial.number]
        told = [estimates.get(number, nothing) if point.values is None else point.values for number, point in points]
        known = np.array(told, dtype=np.float64).reshape(-1, 2, len(signs)) * [signs, np.abs(signs)]
        usable = np.isfinite(known).all(axis=(1, 2))
        losses, errors = np.where(usable[:, None, None], known, np.nan).swapaxes(0, 1)
        return cls(
            np.array([point.row for _, point in points], dtype=np.int64).reshape(-1, len(grid.counts)),
            losses,
            errors,
            np.array([point.values is not None for _, point in points], dtype=bool) & usable,
            np.array([point.pending for _, point in points], dtype=bool),
            np.array([point.violation for _, point in points], dtype=np.float64),
            np.array([point.enqueued for _, point in points], dtype=bool),
        )

    @property
    def informative(self) -> Mask:
        """Which trials have values or estimates of them."""
        known: Mask = np.isfinite(self.losses.sum(axis=1))
        return known

    def best(self, n: int) -> Indices:
        """At most n evaluated points, front after front; those that meet their constraints first."""
        return self.points[self._ranked()[0][:n]]

    def thinned(self, start: int) -> "History":
        """Of more than `MOST` trials: half of those the best, front after front, the rest spread over all others.

        The first `start` that finished are among them.
        """
        if len(self.points) <= MOST:
            return self
        first = np.flatnonzero(self.finished)[: min(start, MOST // 4)]
        kept = np.union1d(self._best_evenly(MOST // 2), first)
        others = np.setdiff1d(np.flatnonzero(self.informative), kept)
        others = others[_spread(len(others), MOST - len(kept))]
        silent = np.flatnonzero(self.pending & ~self.informative)[-MOST_PENDING:]
        chosen = np.sort(np.concatenate([kept, others, silent]))
        return History(*(getattr(self, each.name)[chosen] for each in fields(self)))

    def _best_evenly(self, n: int) -> Indices:
        """As `best`, their indices; of the last front, where not all of it fits, evenly along the first objective."""
        order, levels = self._ranked()
        if len(order) <= n:
            return order
        last = np.flatnonzero((levels == levels[:, [n]]).all(axis=0))
        line = order[last][np.argsort(self.losses[order[last], 0], kind="stable")]
        return np.concatenate([order[: last[0]], line[_spread(len(line), n - int(last[0]))]])

    def _ranked(self) -> tuple[Indices, Array]:
        """The indices of the evaluated points, the best first, and how bad each is: its violation, then its front."""
        finished = np.flatnonzero(self.finished)
        ranks = moocore.pareto_rank(self.losses[finished]) if len(finished) else np.zeros(0)
        levels = np.stack([np.maximum(self.violations[finished], 0), ranks])
        order = np.lexsort(levels[::-1])
        return finished[order], levels[:, order]


def signs_of(study: Study) -> Array:
    """What each objective is multiplied by to be minimised: -1 where it is maximised."""
    return np.array([-1.0 if direction == StudyDirection.MAXIMIZE else 1.0 for direction in study.directions])


def _spread(n: int, count: int) -> Indices:
    """At most `count` of n indices, evenly spaced, the first and the last among them."""
    return np.unique(np.linspace(0, n - 1, min(n, count)).round().astype(np.int64))


def _points(study: Study, grid: Grid) -> Iterator[tuple[int, Point]]:
    """By number, what the trials of the study say that have every parameter of `grid`."""
    known, read = _READ.get(study, (grid, {}))
    if known.space != grid.space:
        read = {}
    _READ[study] = grid, read
    for number, trial in enumerate(study.get_trials(deepcopy=False)):
        point = read.get(number)
        if point is None:
            point = _read(trial, grid)
            if trial.state.is_finished():
                read[number] = point
        if point.row is not None:
            yield number, point


def _read(trial: FrozenTrial, grid: Grid) -> Point:
    row = grid.row({**trial.system_attrs.get("fixed_params", {}), **trial.params})
    values = trial.values if trial.state == TrialState.COMPLETE else None
    return Point(
        None if row is None else np.array(row, dtype=np.int64),
        None if values is None else (values, [0.0] * len(values)),
        trial.state in (TrialState.RUNNING, TrialState.WAITING, TrialState.FAIL),
        max(trial.constraints.values(), default=0.0),
        "fixed_params" in trial.system_attrs,
    )
