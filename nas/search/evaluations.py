"""From settings to what judges networks: the images, the rungs of a search, and the long trainings at its end."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from nas.data.images import Images
from nas.data.prepare import prepare
from nas.data.settings import AUGMENTATION
from nas.data.views import ImageView, TrainingResolution
from nas.errors import RunFailed
from nas.exports import default_formats
from nas.exports.int8.ladder import Bounds
from nas.nets.pretrained import NONE, absolute, load
from nas.nets.pretrained.base import Pretrained
from nas.nets.start import FromWeights
from nas.problem import Problem
from nas.proxies.base import EvaluateOnce, Failed, Preparation, Progress
from nas.search.confirm.export import Export
from nas.search.context import AGAIN, Run
from nas.search.executors.machine import usable_cores
from nas.search.record import jobs
from nas.search.record.jobs import Job
from nas.search.rungs import Ladder, Rung
from nas.search.settings import SearchSettings
from nas.spaces.architecture import Architecture
from nas.training.long import LongTraining
from nas.training.start import FittedStart, OwnWeights

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Trainings:
    """How a run trains: the rungs for every network, long trainings of candidates and of baselines, and the files.

    Baselines are trained like the candidates, but never from shared weights: from the pretrained ones in `compared`, or
    from scratch. Seeds are counted from `first_seed`.
    """

    ladder: Ladder
    export: Export
    first_seed: int
    compared: FittedStart | None = None

    @property
    def long(self) -> LongTraining:
        """Of the candidates."""
        return self.export.training

    @property
    def baseline(self) -> LongTraining:
        """Of the networks to compare with."""
        return replace(self.long, start=self.compared)


@dataclass(frozen=True, slots=True)
class Data:
    """The images as the proxy sees them, and as long trainings do, each with the pixels that networks train at."""

    small: ImageView
    proxy_scale: TrainingResolution
    large: ImageView
    long_scale: TrainingResolution

    @property
    def images(self) -> Images:
        """The images at the proxy's resolution."""
        return self.small.images

    def seen_as(self, weights: Pretrained) -> "Data":
        """The same, normalised as pretrained `weights` want it."""
        statistics = weights.statistics(self.images.channels)
        small, large = (replace(view, statistics=statistics) for view in (self.small, self.large))
        return replace(self, small=small, large=large)


def rung_names(settings: SearchSettings) -> tuple[str, ...]:
    """The rungs of the search: those asked for, or the proxy alone."""
    return (settings.proxy.name,) if settings.rungs is None else settings.rungs


def decode_images(settings: SearchSettings, problem: Problem, native: int, folder: Path) -> Data:
    """The images, decoded once at each size needed, and at no more than their `native` pixels: batches are enlarged.

    A proxy that sees fewer pixels shifts images by fewer, in proportion, and by one at least.

    Raises:
        DataError: the source is missing, inconsistent or unreadable.
        RunError: `folder` cannot be written.
    """
    largest = max(problem.space.resolution)

    def pictures(scale: TrainingResolution) -> ImageView:
        data, pixels = settings.data, min(scale.pixels, native)
        place = folder.resolve() / "images" / str(pixels)
        prepare(data, settings.seed, pixels, place)
        augmentation = {name: getattr(data, name) for name in AUGMENTATION}
        return ImageView(place, **augmentation, accelerator=settings.accelerator)

    small = TrainingResolution(min(settings.proxy_pixels or largest, largest), largest)
    large = TrainingResolution(min(settings.confirm.resolution or largest, largest), largest)
    seen = pictures(small)
    seen = replace(seen, shift=math.ceil(seen.shift * small.pixels / largest))
    return Data(seen, small, pictures(large), large)


def make_trainings(settings: SearchSettings, data: Data, run: Run) -> Trainings:
    """The trainings of a run, after whatever its proxy needs beforehand."""
    return trainings_for(settings, data, run.problem, run.folder.resolve(), _evaluate_in(run), run.display)


def trainings_for(
    settings: SearchSettings, data: Data, problem: Problem, folder: Path, evaluate: EvaluateOnce, progress: Progress
) -> Trainings:
    """The trainings of a search for `problem` whose weights and files go into `folder`."""
    confirm, init, cores = settings.confirm, absolute(settings.init), usable_cores()
    start = compared = None
    if init != NONE:
        data = data.seen_as(load(init))
        start = FittedStart(FromWeights.of_family(init, problem.space), data.large, data.long_scale)
        compared = replace(start, weights=FromWeights.of_family(init))
    preparation = Preparation(
        problem,
        data.small,
        data.proxy_scale,
        settings.seed,
        folder,
        settings.training,
        settings.score,
        settings.long.epochs,
        evaluate,
        progress,
        start and replace(start, pictures=data.small, scale=data.proxy_scale),
        threads=min(settings.workers or cores, cores),
    )
    prepared = settings.proxy.prepare(preparation)
    rungs = tuple(Rung(name, prepared.evaluators[name]) for name in rung_names(settings))
    recipe = settings.training.recipe(
        confirm.passes(len(data.large.images.train), pretrained=start is not None),
        confirm.batch_size,
        confirm.learning_rate,
        pretrained=start is not None,
    )
    long = LongTraining(
        data.large,
        recipe,
        data.long_scale,
        folder / "weights",
        OwnWeights(start, prepared.start) if start and prepared.start else prepared.start or start,
        prepared.teacher,
    )
    formats = confirm.formats or default_formats(problem.profile.runtime)
    bounds = Bounds(confirm.int8_loss, confirm.int8_agreement)
    export = Export(long, folder / "models", confirm.calibration, formats, bounds)
    return Trainings(Ladder(rungs, settings.keep), export, settings.seed + 1, compared)


def _evaluate_in(run: Run) -> EvaluateOnce:
    """Evaluates what a proxy prepares with, each network once for `run`."""

    def evaluate(
        stage: str, name: str, gives: type[T], function: Callable[[Architecture], T], networks: Sequence[Architecture]
    ) -> list[T | Failed]:
        limit = run.trial_time_limit
        wanted = {jobs.prepared(name, arch): Job(gives, function, (arch,), limit) for arch in networks}
        results = list(run.do_once(stage, wanted).values())
        passing = [result for result in results if isinstance(result, Failed) and result.may_pass]
        if passing:  # what follows would be judged by other networks than in a run where they did not fail
            raise RunFailed(f"{stage}: {len(passing)} of {len(results)} failed: {passing[0].error}; {AGAIN}")
        return results

    return evaluate
