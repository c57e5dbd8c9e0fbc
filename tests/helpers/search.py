"""Searches without training: made-up accuracies, a small space, and one call that runs until enough is done."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any

import optuna
import yaml
from omegaconf import OmegaConf
from optuna.study import Study

from nas.commandline import parse
from nas.latency.profile import load_profile
from nas.problem import Problem
from nas.proxies.base import Evaluation
from nas.resources import data_dir
from nas.results.front import DataFacts
from nas.results.trials import TrialRow
from nas.search.context import Run
from nas.search.display import Display
from nas.search.executors.base import Executor
from nas.search.executors.inline import InlineExecutor
from nas.search.loop import Stopping, search
from nas.search.record.drivers import Driver
from nas.search.record.trial import rows
from nas.search.result.about import About
from nas.search.rungs import Ladder, Rung
from nas.search.samplers import SAMPLERS
from nas.search.samplers.base import SamplerSettings
from nas.search.samplers.distinct import make_sampler
from nas.spaces.architecture import Architecture
from nas.spaces.budget import Budget
from nas.spaces.load import load_space
from tests.helpers.display import Silent

OPTIONS: dict[str, dict[str, Any]] = {
    path.stem: {key: value for key, value in yaml.safe_load(path.read_text()).items() if key != "name"}
    for path in (data_dir("conf") / "sampler").glob("*.yaml")
}
"""What conf/sampler says of each, but for the name."""
PIXEL4 = load_profile("pixel4")
TINY = load_space("tiny").with_data(1, 10)
REFERENCE = {"accuracy": 0.1, "latency": 2.0, "macs": 1e7, "params": 1e6, "memory": 1e6}


def problem(budget: Budget | None = None, objectives: Any = ("accuracy", "latency"), space: Any = TINY) -> Problem:
    return Problem(space, PIXEL4, budget or Budget(), tuple(objectives))


def evaluate(arch: Architecture) -> Evaluation:
    """A made-up accuracy that depends on the network alone."""
    share = 0.2 + 0.7 * int(arch.key[:8], 16) / 16**8
    return Evaluation(share, share - 0.05, share + 0.05, "short", 1.5, 1, arch.resolution)


class Counting:
    """`evaluate` that notes what it was asked, and fails where it is told to."""

    def __init__(self, fail: Callable[[int], BaseException | None] = lambda call: None) -> None:
        self.asked: list[str] = []
        self._fail = fail

    def __call__(self, arch: Architecture) -> Evaluation:
        self.asked.append(arch.key)
        error = self._fail(len(self.asked) - 1)
        if error is not None:
            raise error
        return evaluate(arch)


def sampler_settings(name: str, **options: Any) -> SamplerSettings:
    """The settings of conf/sampler, with other `options`."""
    return parse(OmegaConf.create({"name": name, **OPTIONS[name], **options}), SAMPLERS[name])


def in_memory(wanted: Problem) -> Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(directions=list(wanted.directions))


def context(
    wanted: Problem,
    study: Study,
    *,
    executor: Executor | None = None,
    display: Display | None = None,
    folder: Path = Path("nowhere"),
    reference: Mapping[str, float] = REFERENCE,
    driver: Driver | None = None,
) -> Run:
    """What the steps of a run share; hypervolume counts from `reference`."""
    point = {name: reference[name] for name in wanted.objectives}
    return Run(wanted, study, executor or InlineExecutor(), folder, display or Silent(), point, driver=driver)


def go(
    wanted: Problem,
    study: Study,
    name: str = "random",
    *,
    trials: int,
    seed: int = 0,
    evaluator: Callable[[Architecture], Evaluation] = evaluate,
    executor: Executor | None = None,
    time_limit: float | None = None,
    display: Display | None = None,
    start: Sequence[Architecture] = (),
) -> list[TrialRow]:
    """Search until `trials` are done; the rows of the study."""
    run = context(wanted, study, executor=executor, display=display)
    sampler = make_sampler(wanted, sampler_settings(name), seed)
    search(run, Ladder((Rung("short", evaluator),)), sampler, Stopping(trials, time_limit), start)
    return rows(study)


def keys(found: list[TrialRow], *states: str) -> list[str | None]:
    return [row.key for row in found if not states or row.state in states]


@lru_cache
def tiny_measures() -> dict[str, dict[str, Any]]:
    """What every network of tiny costs, by key."""
    candidates = [problem().candidate(TINY.architecture(row)) for row in TINY.genotypes()]
    return {candidate.key: candidate.measures() for candidate in candidates}


class Threads:
    """An executor of several threads, which notes how many were busy at most."""

    shared_files = True

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self.most = 0
        self._pool = ThreadPoolExecutor(2 * slots)
        self._running: list[Any] = []

    def submit(self, function: Callable[..., Any], *args: Any, limit: float | None = None) -> Any:
        self._running = [future for future in self._running if not future.done()]
        future = self._pool.submit(function, *args)
        self._running.append(future)
        self.most = max(self.most, len(self._running))
        return future

    def close(self) -> None:
        self._pool.shutdown()


ABOUT = About(
    seed=0,
    data=DataFacts("digits", None, ("0", "1"), 6, 2, 2, {"train": {"0": 3, "1": 3}, "val": {"0": 1, "1": 1}}, 32),
    sampler="random",
    proxy={"name": "short", "how": "short"},
    rungs=("short",),
    command="python -m nas.search",
)
"""What a search's result says of its settings."""
