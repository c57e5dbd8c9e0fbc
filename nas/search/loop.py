"""The search itself: ask for a network, check the budget, send it up the rungs, tell; nothing is repeated."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from optuna.exceptions import UpdateFinishedTrialError
from optuna.samplers import BaseSampler
from optuna.trial import Trial, TrialState

from nas.errors import RunFailed
from nas.proxies.base import MOST_TRIES, Failed
from nas.search.context import AGAIN, Run
from nas.search.executors.pending import Pending
from nas.search.front import hypervolume, nondominated
from nas.search.parameters import decode, distributions
from nas.search.pareto.pool import Exhausted
from nas.search.patience import Patience
from nas.search.proposals import Proposals, is_inside
from nas.search.record.claims import give_up
from nas.search.record.trial import (
    accuracies,
    fail,
    left_running,
    read_trial,
    record,
    records,
    reopen,
    tell,
    write_rungs,
)
from nas.search.rungs import Ladder, rung_record
from nas.spaces.architecture import Architecture

POLL_S = 1.0
"""Where other drivers share the study, it is looked at so often for what they left."""
ALL_FAILED = 8
"""After this many failures without one success the search stops: something is wrong with all of them, or here."""


@dataclass(frozen=True, slots=True)
class Stopping:
    """When a search ends: after `trials` networks, after `time_limit` seconds, or as its `patience` says."""

    trials: int
    time_limit: float | None = None
    patience: Patience | None = None


def search(
    run: Run, ladder: Ladder, sampler: BaseSampler, stopping: Stopping, start: Sequence[Architecture] = ()
) -> str:
    """Evaluate networks until `stopping` says that it is enough, or none is left.

    A search begins with the networks of `start`, which are of the space. A network that is begun climbs the
    ladder until it is stopped, at the top, or fails: an evaluation that raises makes its trial a failed one, with
    the reason; if that may pass, it is tried `MOST_TRIES` times before, and again when the run is resumed.
    Trials that an earlier process left unfinished come first, under their own numbers, from the rung they had
    reached. Where other drivers share the study, what a dead one left is evaluated here, under a new number, and the
    search is over when nothing runs. Returns what ended it, in words.

    Raises:
        RunFailed: the first `ALL_FAILED` evaluations all failed, or as many in a row for reasons that may pass.
    """
    run.study.sampler = sampler
    proposals = Proposals(run, start, run.executor.slots)
    try:
        return _search(run, ladder, proposals, stopping)
    finally:
        proposals.close()


def _search(run: Run, ladder: Ladder, proposals: Proposals, stopping: Stopping) -> str:
    space, driver = run.problem.space, run.driver
    failures, points = _Failures(), dict[int, list[float]]()
    waiting = _unfinished(run, ladder)
    stop_at = time.monotonic() + stopping.time_limit if stopping.time_limit else float("inf")
    pending: Pending[Trial] = Pending(run.executor)
    while True:
        waiting += _with_rungs_left(run, ladder, driver.taken_over()) if driver else []
        ended = ""
        while pending.has_room and not ended:
            if waiting:
                trial = waiting.pop(0)
                rung = ladder.rungs[len(read_trial(trial).rungs)]
                pending.start(trial, rung.evaluator, decode(space, trial.params), limit=run.trial_time_limit)
            elif time.monotonic() >= stop_at:
                ended = f"the time limit of {stopping.time_limit:g} s is over"
            elif not (ended := _enough(run, stopping)):
                run.display.now(*_under_way(ladder, pending.keys), "choosing the next network")
                try:
                    begun = proposals.begin()
                except Exhausted:
                    ended = f"no network of {space.name} inside the budget is left to evaluate"
                else:
                    waiting += [begun] if begun else []
        run.display.now(*_under_way(ladder, pending.keys))
        if not pending and not (driver and driver.others_run()):
            return ended
        if not ended:
            proposals.prepare()
        for trial, future in pending.finished(POLL_S if driver else None):
            with _unless_taken_over(run, trial):
                if _goes_on(run, ladder, trial, future, failures):
                    waiting.append(trial)
                else:
                    _show(run, trial.number, points)


def _under_way(ladder: Ladder, trials: Sequence[Trial]) -> list[str]:
    """What is being done with the networks of `trials`, such as `trial 7: short`."""
    return [f"trial {trial.number}: {ladder.rungs[len(read_trial(trial).rungs)].name}" for trial in trials]


def _enough(run: Run, stopping: Stopping) -> str:
    """Why no further network is to be begun, by the record alone; empty where nothing says so."""
    states = [trial.state for trial in records(run.study)]
    begun = len(states) - states.count("rejected")
    if begun >= stopping.trials:
        stopped = states.count("stopped")
        return f"{begun} networks are evaluated" + (f", {stopped} of them stopped early" if stopped else "")
    return stopping.patience.enough(run.problem, run.study, run.reference_point) if stopping.patience else ""


def _unfinished(run: Run, ladder: Ladder) -> list[Trial]:
    """Trials an earlier process was evaluating, with rungs left to climb; all others it left are ended."""
    begun = []
    for trial in left_running(run.study, run.driver.name if run.driver else None):
        with _unless_taken_over(run, trial):
            if trial.params.keys() != distributions(run.problem.space).keys():  # of another program
                give_up(run.study, trial)
                continue
            reopen(trial)
            if is_inside(run, trial):
                begun.append(trial)
    return _with_rungs_left(run, ladder, begun)


def _with_rungs_left(run: Run, ladder: Ladder, begun: Sequence[Trial]) -> list[Trial]:
    """Those of `begun` with rungs left to climb; whoever began the others stopped before it ended them."""
    left = []
    for trial in begun:
        if not ladder.has_ended(read_trial(trial)):
            left.append(trial)
            continue
        with _unless_taken_over(run, trial):
            _tell(run, ladder, trial)
    return left


@contextmanager
def _unless_taken_over(run: Run, trial: Trial) -> Iterator[None]:
    """Write into `trial`, unless another driver, which took this one for dead, has ended it."""
    try:
        yield
    except UpdateFinishedTrialError:
        run.display.message(f"trial {trial.number} was taken over while this driver was not heard of")


def _goes_on(run: Run, ladder: Ladder, trial: Trial, future: Future[Any], failures: "_Failures") -> bool:
    """Write down what a rung gave; whether it is to be tried again or another is to follow. If not, the trial ends."""
    known = read_trial(trial)
    try:
        result = rung_record(ladder.rungs[len(known.rungs)].name, future.result())
    except Exception as error:  # an evaluation may fail in any way
        why = Failed.of(error)
        if failures.try_again(trial.number, len(known.rungs), why):
            return True
        fail(run.study, trial, why)
        failures.end(run, why)
        return False
    failures.in_a_row = 0
    write_rungs(trial, [*known.rungs, ladder.climb(run.problem, run.study, known, result)])
    if ladder.has_ended(read_trial(trial)):
        _tell(run, ladder, trial)
        return False
    return True


def _tell(run: Run, ladder: Ladder, trial: Trial) -> None:
    """End `trial` as its record says: stopped, or complete with the values of the top rung."""
    known = read_trial(trial)
    if len(known.rungs) < len(ladder.rungs):
        tell(run.study, trial, state=TrialState.PRUNED)
    else:
        tell(run.study, trial, known.values(run.problem))


@dataclass(slots=True)
class _Failures:
    """The failures of one process: how often each evaluation did, by trial and rung, and how many trials in a row."""

    of_each: Counter[tuple[int, int]] = field(default_factory=Counter)
    in_a_row: int = 0

    def try_again(self, number: int, rung: int, why: Failed) -> bool:
        """Whether an evaluation that failed is to be tried again at once."""
        self.of_each[number, rung] += 1
        return why.may_pass and self.of_each[number, rung] < MOST_TRIES

    def end(self, run: Run, why: Failed) -> None:
        """Count a trial that failed; end a search in which nothing else happens."""
        run.failures.append(why)
        self.in_a_row += 1
        if why.may_pass and self.in_a_row >= ALL_FAILED:
            raise RunFailed(f"{ALL_FAILED} evaluations in a row failed, the last with {why.error}; {AGAIN}")
        states = [each.state for each in records(run.study)]
        if states.count("failed") >= ALL_FAILED and "complete" not in states:
            raise RunFailed(f"the first {ALL_FAILED} evaluations all failed, the last with {why.error}")


def _show(run: Run, number: int, points: dict[int, list[float]]) -> None:
    """Tell the display of a finished trial; `points` are the objective values of complete ones by number, so far."""
    complete = [trial for trial in records(run.study) if trial.state == "complete"]
    for trial in complete:
        if trial.number not in points:
            points[trial.number] = trial.values(run.problem)
    found = list(points.values())
    run.display.trial(
        record(run.study, number).row(),
        front_size=len(nondominated(found, run.problem.directions)),
        hypervolume=hypervolume(found, run.problem.objectives, run.reference_point),
        best=max(accuracies(complete), default=None),
    )
