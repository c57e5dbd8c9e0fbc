"""The search itself: ask for a network, check the budget, evaluate, tell; nothing is repeated."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import asdict
from typing import Any, Protocol

from optuna.study import Study
from optuna.trial import Trial, TrialState

from nas.search.executors import Executor
from nas.search.front import hypervolume, nondominated
from nas.search.problem import Problem
from nas.search.sampler import DistinctSampler, Exhausted, decode, distributions
from nas.search.study import row, rows
from nas.spaces.architecture import Architecture
from nas.training.proxies import Evaluation, Evaluator

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
    evaluator: Evaluator,
    study: Study,
    sampler: DistinctSampler,
    executor: Executor,
    *,
    trials: int,
    reference: Mapping[str, float],
    observer: Observer,
    time_limit: float | None = None,
    start: Sequence[Architecture] = (),
) -> str:
    """Evaluate networks until `trials` are done, `time_limit` seconds are over, or none is left.

    A new study begins with the networks of `start`, which are of the space. Trials that an earlier process
    left unfinished are done first, under their own numbers. A trial whose evaluation raises becomes a failed
    one with its reason. Returns which of the three ended the search, in words.

    Raises:
        SearchFailed: the first `ALL_FAILED` evaluations all failed.
    """
    study.sampler = sampler
    unfinished = _unfinished(problem, study)
    for begun in start:
        row = (int(index) for index in problem.space.genotype(begun))
        params = {variable.name: index for variable, index in zip(problem.space.variables, row, strict=True)}
        study.enqueue_trial(params, skip_if_exists=True)
    stop_at = time.monotonic() + time_limit if time_limit else float("inf")
    running: dict[Future[Evaluation], Trial] = {}
    finished = sum(r["state"] in ("complete", "failed") for r in rows(study))
    ended = ""
    while True:
        while len(running) < executor.slots and not ended:
            if finished + len(running) >= trials:
                break
            if time.monotonic() >= stop_at:
                ended = f"the time limit of {time_limit:g} s is over"
                break
            try:
                trial = unfinished.pop(0) if unfinished else study.ask(distributions(problem.space))
            except Exhausted:
                _unfinished(problem, study)  # closes the trial that was asked for
                ended = f"no network of {problem.space.name} inside the budget is left to evaluate"
                break
            arch = _proposed(problem, study, trial)
            if arch is not None:
                running[executor.submit(evaluator, arch)] = trial
        if not running:
            return ended or f"{finished} networks are evaluated"
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            trial = running.pop(future)
            _tell(problem, study, trial, future)
            finished += 1
            _notify(problem, study, trial.number, reference, observer)


def _unfinished(problem: Problem, study: Study) -> list[Trial]:
    """Trials an earlier process was evaluating; those it had not even drawn yet are closed for good."""
    begun = []
    for frozen in study.get_trials(states=(TrialState.RUNNING,)):
        if len(frozen.params) == len(problem.space.variables):
            begun.append(Trial(study, frozen._trial_id))
        else:
            study.tell(frozen.number, state=TrialState.FAIL)
    return begun


def _proposed(problem: Problem, study: Study, trial: Trial) -> Architecture | None:
    """The network of `trial` if it is inside the budget; else the trial ends as rejected."""
    arch = decode(problem.space, trial.params)
    measures = problem.candidate(arch).measures()
    if "candidate" not in trial.user_attrs:  # a resumed trial has it already
        trial.set_constraint("budget", problem.budget.excess(measures) - 1)
        trial.set_user_attr("key", arch.key)
        trial.set_user_attr("candidate", measures)
    violation = problem.budget.violation(measures)
    if violation is None:
        return arch
    trial.set_user_attr("error", violation)
    trial.set_user_attr("state", "rejected")
    study.tell(trial, state=TrialState.PRUNED)
    return None


def _tell(problem: Problem, study: Study, trial: Trial, future: Future[Evaluation]) -> None:
    error = future.exception()
    if error is None and not math.isfinite(future.result().accuracy):
        error = ValueError(f"the accuracy is {future.result().accuracy}")
    if error is not None:
        trial.set_user_attr("error", f"{type(error).__name__}: {' '.join(str(error).split())}")
        study.tell(trial, state=TrialState.FAIL)
        states = [r["state"] for r in rows(study)]
        if states.count("failed") >= ALL_FAILED and "complete" not in states:
            raise SearchFailed(f"the first {ALL_FAILED} evaluations all failed, the last with {error!r}") from error
        return
    evaluation = asdict(future.result())
    trial.set_user_attr("evaluation", evaluation)
    study.tell(trial, problem.values({**trial.user_attrs["candidate"], **evaluation}))


def _notify(problem: Problem, study: Study, number: int, reference: Mapping[str, float], observer: Observer) -> None:
    complete = [r for r in rows(study) if r["state"] == "complete"]
    points = [problem.values(r) for r in complete]
    observer.trial(
        row(study.get_trials(deepcopy=False)[number]),
        front_size=len(nondominated(points, problem.directions)),
        hypervolume=hypervolume(points, problem.objectives, reference),
        best=max((r["accuracy"] for r in complete), default=0.0),
    )


def evaluate_once(
    study: Study, executor: Executor, jobs: Mapping[str, tuple[Any, ...]], on_done: Callable[[], None]
) -> dict[str, dict[str, Any]]:
    """Results of evaluations that are not trials: `jobs` maps a name to (function, *arguments).

    Each result (a dataclass) is kept in the study's user attributes under its name, so that a resumed run
    does not repeat it. A job that fails gives {"error": reason}.
    """
    results = {name: study.user_attrs[name] for name in jobs if name in study.user_attrs}
    waiting = [name for name in jobs if name not in results]
    running: dict[Future[Any], str] = {}
    while waiting or running:
        while waiting and len(running) < executor.slots:
            name = waiting.pop(0)
            running[executor.submit(*jobs[name])] = name
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            name, error = running.pop(future), future.exception()
            results[name] = asdict(future.result()) if error is None else {"error": f"{type(error).__name__}: {error}"}
            study.set_user_attr(name, results[name])
            on_done()
    return results
