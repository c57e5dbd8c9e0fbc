"""The search itself: ask for a network, check the budget, send it up the rungs, tell; nothing is repeated."""

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any, Protocol

from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import Trial, TrialState

from nas.problem import Problem
from nas.search.executors.base import Executor
from nas.search.front import hypervolume, nondominated
from nas.search.parameters import decode, distributions, encode
from nas.search.pareto.pool import Exhausted
from nas.search.patience import Patience
from nas.search.record.study import reached, row, rows
from nas.search.rungs import Ladder, contents
from nas.spaces.architecture import Architecture

ALL_FAILED = 8
"""After so many failures without one success the search stops: something is wrong with all of them."""


class Observer(Protocol):
    """Is told of each finished trial."""

    def trial(self, row: dict[str, Any], *, front_size: int, hypervolume: float, best: float) -> None:
        """`row` has just finished; the other figures are of the whole search so far."""


class SearchFailed(RuntimeError):
    """No training succeeds at all."""


def search(
    problem: Problem,
    ladder: Ladder,
    study: Study,
    sampler: BaseSampler,
    executor: Executor,
    *,
    trials: int,
    reference: Mapping[str, float],
    observer: Observer,
    time_limit: float | None = None,
    patience: Patience | None = None,
    start: Sequence[Architecture] = (),
) -> str:
    """Evaluate networks until `trials` are begun, `time_limit` seconds are over, `patience` ends, or none is left.

    A new study begins with the networks of `start`, which are of the space. A network that is begun climbs the
    ladder until it is stopped, at the top, or fails: an evaluation that raises makes its trial a failed one, with
    the reason. Trials that an earlier process left unfinished come first, under their own numbers, from the rung
    they had reached. Returns which of the four ended the search, in words.

    Raises:
        SearchFailed: the first `ALL_FAILED` evaluations all failed.
    """
    study.sampler = sampler
    waiting = _unfinished(problem, ladder, study)
    for begun in start:
        study.enqueue_trial(encode(problem.space, problem.space.genotype(begun)), skip_if_exists=True)
    stop_at = time.monotonic() + time_limit if time_limit else float("inf")
    running: dict[Future[Any], Trial] = {}
    exhausted = ""
    while True:
        ended = ""
        while len(running) < executor.slots and not ended:
            if waiting:
                trial = waiting.pop(0)
                rung = ladder.rungs[len(reached(trial))]
                running[executor.submit(rung.evaluator, decode(problem.space, trial.params))] = trial
            elif time.monotonic() >= stop_at:
                ended = f"the time limit of {time_limit:g} s is over"
            elif not (ended := exhausted or _enough(problem, study, trials, patience, reference)):
                try:
                    trial = study.ask(distributions(problem.space))
                except Exhausted:
                    _unfinished(problem, ladder, study)  # closes the trial that was asked for
                    exhausted = f"no network of {problem.space.name} inside the budget is left to evaluate"
                else:
                    waiting += [trial] if _is_inside(problem, study, trial) else []
        if not running:
            return ended
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            trial = running.pop(future)
            if _goes_on(problem, ladder, study, trial, future):
                waiting.append(trial)
            else:
                _notify(problem, study, trial.number, reference, observer)


def _enough(
    problem: Problem, study: Study, trials: int, patience: Patience | None, reference: Mapping[str, float]
) -> str:
    """Why no further network is to be begun, by the record alone; empty where nothing says so."""
    states = [r["state"] for r in rows(study)]
    begun = len(states) - states.count("rejected")
    if begun >= trials:
        stopped = states.count("stopped")
        return f"{begun} networks are evaluated" + (f", {stopped} of them stopped early" if stopped else "")
    return patience.enough(problem, study, reference) if patience else ""


def _unfinished(problem: Problem, ladder: Ladder, study: Study) -> list[Trial]:
    """Trials an earlier process was evaluating, with rungs left to climb; all others it left are ended."""
    begun = []
    for frozen in study.get_trials(states=(TrialState.RUNNING,)):
        trial = Trial(study, frozen._trial_id)
        if len(frozen.params) < len(problem.space.variables):  # it had not even been drawn
            study.tell(trial, state=TrialState.FAIL)
        elif ladder.has_ended(trial):
            _tell(problem, ladder, study, trial)
        elif _is_inside(problem, study, trial):
            begun.append(trial)
    return begun


def _is_inside(problem: Problem, study: Study, trial: Trial) -> bool:
    """Whether the network of `trial` is inside the budget; if not, the trial ends as rejected."""
    if "candidate" not in trial.user_attrs:  # a resumed trial has it already
        candidate = problem.candidate(decode(problem.space, trial.params))
        if not trial.constraints:  # Optuna warns of a second time
            trial.set_constraint("budget", problem.budget.excess(candidate.measures()) - 1)
        trial.set_user_attr("key", candidate.key)
        trial.set_user_attr("candidate", candidate.measures())
    violation = problem.budget.violation(trial.user_attrs["candidate"])
    if violation is None:
        return True
    trial.set_user_attr("error", violation)
    trial.set_user_attr("state", "rejected")
    study.tell(trial, state=TrialState.PRUNED)
    return False


def _goes_on(problem: Problem, ladder: Ladder, study: Study, trial: Trial, future: Future[Any]) -> bool:
    """Write down what a rung gave; whether another is to follow. If not, the trial is told."""
    try:
        result = contents(future.result())
    except Exception as error:  # an evaluation may fail in any way
        _fail(study, trial, error)
        return False
    trial.set_user_attr("rungs", ladder.climb(problem, study, trial, result))
    if ladder.has_ended(trial):
        _tell(problem, ladder, study, trial)
        return False
    return True


def _tell(problem: Problem, ladder: Ladder, study: Study, trial: Trial) -> None:
    """End `trial` as its record says: stopped, or complete with the values of the top rung."""
    records = reached(trial)
    if len(records) < len(ladder.rungs):
        study.tell(trial, state=TrialState.PRUNED)
    else:
        study.tell(trial, problem.values({**trial.user_attrs["candidate"], **records[-1]}))


def _fail(study: Study, trial: Trial, error: Exception) -> None:
    trial.set_user_attr("error", f"{type(error).__name__}: {' '.join(str(error).split())}")
    study.tell(trial, state=TrialState.FAIL)
    states = [r["state"] for r in rows(study)]
    if states.count("failed") >= ALL_FAILED and "complete" not in states:
        raise SearchFailed(f"the first {ALL_FAILED} evaluations all failed, the last with {error!r}") from error


def _notify(problem: Problem, study: Study, number: int, reference: Mapping[str, float], observer: Observer) -> None:
    complete = [r for r in rows(study) if r["state"] == "complete"]
    points = [problem.values(r) for r in complete]
    observer.trial(
        row(study.get_trials(deepcopy=False)[number]),
        front_size=len(nondominated(points, problem.directions)),
        hypervolume=hypervolume(points, problem.objectives, reference),
        best=max((r["accuracy"] for r in complete), default=0.0),
    )
