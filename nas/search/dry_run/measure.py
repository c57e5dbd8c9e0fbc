"""Each step of a search tried once, on one network and in a folder that is removed afterwards."""

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np

from nas.errors import NasError, RunFailed
from nas.nets.device import use_one_thread
from nas.nets.pretrained import NONE, absolute
from nas.problem import Problem
from nas.proxies.base import Failed
from nas.proxies.supernet import SupernetProxy
from nas.search.checks import Checked
from nas.search.confirm.baselines import networks_to_compare
from nas.search.dry_run.estimate import Estimate, Step, reaching
from nas.search.evaluations import Data, Trainings, decode_images, trainings_for
from nas.search.settings import SearchSettings
from nas.spaces.architecture import Architecture
from nas.spaces.cost import cost

T = TypeVar("T")

FEW = 512
"""Training images, at most, of which a training for the dry run sees each once."""

_DRAWN = 63  # networks, evenly over MACs, of which the one of median MACs is tried
_RECORDED = 4_000  # bytes of a trial in the journal and in trials.csv
_FILES = 4 + 1 + 4  # bytes of a parameter: ONNX in fp32 and int8, and the trained weights


def measure(settings: SearchSettings, checked: Checked, workers: int) -> Estimate:
    """What the search of `settings` would take here, with so many `workers`.

    Raises:
        NasError: the search could not be done.
        RunFailed: what was tried failed.
    """
    use_one_thread()  # as every worker does
    problem = checked.problem
    arch = typical(problem, settings.seed)
    with tempfile.TemporaryDirectory(prefix="sepconv-nas-") as place:
        folder = Path(place)
        images, decode_s = _timed(lambda: decode_images(settings, problem, checked.pixels, folder))
        image_bytes = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        trainings, preparations = _prepared(settings, images, problem, folder, arch)
        wanted = reaching(settings.trials, settings.keep, len(trainings.ladder.rungs))
        evaluations = [
            Step(rung.name, _timed(partial(rung.evaluator, arch))[1], networks)
            for rung, networks in zip(trainings.ladder.rungs, wanted, strict=True)
        ]
        training_s = _training(trainings, arch, len(images.large.images.train))
    baselines = networks_to_compare(problem, settings.baselines, absolute(settings.init), checked.pixels).values()
    own, confirm = cost(arch), settings.confirm
    times = sum(cost(each).macs for each in baselines) / own.macs  # as many MACs as so many of `arch`
    kept = confirm.networks + len(baselines)
    return Estimate(
        arch.notation,
        own.macs,
        workers,
        decode_s,
        tuple(preparations),
        tuple(evaluations),
        (
            Step("confirmation", training_s, confirm.networks * confirm.seeds + confirm.extra),
            Step("baselines", training_s, times * settings.baselines.seeds),
        ),
        image_bytes,
        _FILES * own.params * kept,
        _RECORDED * settings.trials,
        settings.time_limit,
    )


def typical(problem: Problem, seed: int) -> Architecture:
    """A network inside the budget with the median MACs of some that are spread evenly over MACs."""
    rows = problem.draw(np.random.default_rng(seed), _DRAWN, evenly="macs")
    order = np.argsort(problem.cost_arrays(rows)["macs"], kind="stable")
    return problem.space.architecture(rows[order[len(order) // 2]])


def _prepared(
    settings: SearchSettings, data: Data, problem: Problem, folder: Path, arch: Architecture
) -> tuple[Trainings, list[Step]]:
    """The trainings, and what their proxy does beforehand: once, or for many networks."""
    steps: list[Step] = []

    def evaluate(
        stage: str, name: str, gives: type[T], function: Callable[[Architecture], T], networks: Sequence[Architecture]
    ) -> list[T | Failed]:
        found, seconds = _timed(lambda: function(arch))
        steps.append(Step(stage, seconds, len(networks)))
        return [found for _ in networks]

    proxy, times, fixed_s = settings.proxy, 1.0, 0.0
    if isinstance(proxy, SupernetProxy):
        images = len(data.images.train)
        planned = proxy.recipe(settings.training, images, pretrained=settings.init != NONE)
        fixed_s = 60 * (planned.minutes or 0)
        times = (planned.epochs or 0) * images / min(images, FEW)
        settings = replace(settings, proxy=replace(proxy, epochs=1, minutes=None))
        data = replace(data, small=replace(data.small, limit=min(images, FEW)))
    trainings, seconds = _timed(lambda: trainings_for(settings, data, problem, folder, evaluate, _Silent()))
    once_s = fixed_s + times * (seconds - sum(step.seconds for step in steps))
    return trainings, [Step("shared weights", once_s, int(isinstance(proxy, SupernetProxy))), *steps]


def _training(trainings: Trainings, arch: Architecture, images: int) -> float:
    """Seconds of a long training: one pass over a few images, as many times as it takes."""
    long, few = trainings.long, min(images, FEW)
    short = replace(long, pictures=replace(long.pictures, limit=few), recipe=replace(long.recipe, epochs=1))
    trained, seconds = _timed(lambda: short(arch, trainings.first_seed))
    return seconds - trained.seconds + trained.seconds * long.recipe.epochs * images / few


def _timed(function: Callable[[], T]) -> tuple[T, float]:
    """What `function` gives, and the seconds it took.

    Raises:
        RunFailed: it failed as an evaluation of the search would.
    """
    started = time.perf_counter()
    try:
        return function(), time.perf_counter() - started
    except NasError:
        raise
    except Exception as error:  # of torch, of a full disk: what the search records of a network
        raise RunFailed(f"what was tried failed: {Failed.of(error).error}") from error


class _Silent:
    """Shows nothing."""

    def stage(self, name: str, total: int, done: int = 0) -> None:
        """Nothing."""

    def advance(self, share: float | None = None) -> None:
        """Nothing."""

    def message(self, text: str) -> None:
        """Nothing."""

    def warning(self, text: str) -> None:
        """Nothing."""
