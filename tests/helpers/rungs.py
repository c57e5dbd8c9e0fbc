"""Searches over rungs without training: a ladder of lambdas, and one call that climbs it."""

from collections.abc import Callable, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

from optuna.study import Study

from nas.problem import Problem
from nas.proxies.base import Evaluation
from nas.proxies.scores.evaluate import ScoreValues
from nas.results.trials import TrialRow
from nas.search.display import Display
from nas.search.executors.base import Executor
from nas.search.loop import Stopping, search
from nas.search.patience import Patience
from nas.search.record.study import open_study
from nas.search.record.trial import Drawn, RungRecord, note_proposal, rows, write_candidate, write_rungs
from nas.search.rungs import Ladder, Rung
from nas.search.samplers.distinct import make_sampler
from nas.spaces.architecture import Architecture
from tests.helpers import search as helpers
from tests.helpers.search import context, sampler_settings

PROBLEM = helpers.problem()
TINY = PROBLEM.space
REFERENCE = {"accuracy": 0.1, "latency": 2.0}
RUNGS = ("score", "short", "long")


def worth(arch: Architecture) -> float:
    """A made-up accuracy in 0.2..0.9 that depends on the network alone."""
    return 0.2 + 0.7 * int(arch.key[:8], 16) / 16**8


def noise(arch: Architecture, rung: str) -> float:
    return 0.2 * (int(arch.key[8:], 16) * (1 + len(rung)) % 1000 / 1000 - 0.5)


class Calls:
    """A ladder of lambdas that notes what it was asked, and raises where it is told to."""

    def __init__(
        self, rungs: Sequence[str] = RUNGS, fail: Callable[[str, int], BaseException | None] = lambda rung, call: None
    ) -> None:
        self.asked: list[tuple[str, str]] = []
        self._fail = fail
        self.ladder = Ladder(tuple(Rung(name, self._evaluator(name)) for name in rungs), keep=0.33)

    def _evaluator(self, rung: str) -> Callable[[Architecture], Any]:
        def evaluate(arch: Architecture) -> Any:
            self.asked.append((rung, arch.key))
            error = self._fail(rung, len(self.asked) - 1)
            if error is not None:
                raise error
            value = worth(arch) + (noise(arch, rung) if rung != "long" else 0)
            if rung == "score":
                return ScoreValues({"a": 100 * value, "b": -1 / value}, {"a": 0.25, "b": 0.5})
            return Evaluation(value, value - 0.05, value + 0.05, "any", 2.0, 1, 32)

        return evaluate


def in_memory(problem: Problem = PROBLEM) -> Study:
    return helpers.in_memory(problem)


def on_disk(folder: Path) -> Study:
    folder.mkdir(exist_ok=True)
    return open_study(folder, None, PROBLEM.directions, {})


def go(
    study: Study,
    calls: Calls,
    trials: int,
    *,
    problem: Problem = PROBLEM,
    name: str = "random",
    executor: Executor | None = None,
    patience: Patience | None = None,
    time_limit: float | None = None,
    display: Display | None = None,
) -> list[TrialRow]:
    options = {"tpe": {"startup": 5}, "pareto": {"start": 6, "pool": 2000}}.get(name, {})
    sampler = make_sampler(problem, sampler_settings(name, **options), 0)
    run = context(problem, study, executor=executor, display=display)
    search(run, calls.ladder, sampler, Stopping(trials, time_limit, patience))
    return rows(study)


def recorded(
    *points: tuple[float, float], hoped: Sequence[float | None] = (), drawn: Sequence[Drawn | None] = ()
) -> Study:
    """A study of complete trials with these accuracies and latencies, and what their sampler noted."""
    study = in_memory()
    for (accuracy, latency_ms), gain, how in zip_longest(points, hoped, drawn):
        trial = study.ask()
        write_candidate(trial, {"latency_ms": latency_ms})
        write_rungs(trial, [RungRecord("short", 1.0, accuracy)])
        if how is not None or gain is not None:
            note_proposal(study, study.trials[trial.number], how or "model", gain)
        study.tell(trial, [accuracy, latency_ms])
    return study
