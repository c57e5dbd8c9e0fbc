"""From settings to what judges networks: the images, the rungs of a search, and the long trainings at its end."""

from dataclasses import dataclass, replace
from pathlib import Path

from optuna.study import Study

from nas.data.images import Images
from nas.data.prepare import prepare
from nas.data.views import ImageView, TrainingResolution
from nas.problem import Problem
from nas.proxies.base import Evaluator
from nas.proxies.scores import TrainingFree
from nas.proxies.shared_weights import FromShared, SharedWeights, TaughtByShared
from nas.proxies.short import Prior, ShortTraining
from nas.search.confirm.export import Export
from nas.search.display import Display
from nas.search.executors.base import Executor
from nas.search.preparing import ranked, restricted, shared_ranked, trained
from nas.search.rungs import Ladder, Rung
from nas.search.settings import SUPERNET, SearchSettings, ShortSettings, SupernetSettings
from nas.training.long import LongTraining
from nas.training.supernet.train import largest

RUNGS = {"short": ("score", "short", "long"), "supernet": ("score", "supernet"), "score": ("score",)}
"""The rungs that each proxy offers, from cheap to dear."""


@dataclass(frozen=True, slots=True)
class Trainings:
    """How a run trains: the rungs for every network, long trainings of candidates and of baselines, and the files.

    Baselines are trained like the candidates, but always from scratch. Seeds are counted from `first_seed`.
    """

    ladder: Ladder
    export: Export
    first_seed: int

    @property
    def long(self) -> LongTraining:
        """Of the candidates."""
        return self.export.training

    @property
    def baseline(self) -> LongTraining:
        """Of the networks to compare with."""
        return replace(self.long, start=None)


@dataclass(frozen=True, slots=True)
class Data:
    """The images as the proxy sees them, and as long trainings do, each with the pixels that networks train at."""

    small: ImageView
    proxy_scale: TrainingResolution
    large: ImageView
    long_scale: TrainingResolution

    @property
    def images(self) -> Images:
        """All images, at the proxy's resolution."""
        return replace(self.small, limit=None).images


def rung_names(settings: SearchSettings) -> tuple[str, ...]:
    """The rungs of the search: those asked for, or the proxy alone."""
    return (settings.proxy.name,) if settings.rungs is None else settings.rungs


def decoded(settings: SearchSettings, problem: Problem, folder: Path) -> Data:
    """The images, decoded once at each size needed.

    Raises:
        DataError: the source is missing, inconsistent or unreadable.
        RunError: `folder` cannot be written.
    """
    largest = max(problem.space.resolution)

    def pictures(pixels: int) -> ImageView:
        data, place = settings.data, folder.resolve() / "images" / str(pixels)
        prepare(data, settings.seed, pixels, place)
        return ImageView(place, data.flip, data.shift, data.mixup, data.randaugment, accelerator=settings.accelerator)

    small_pixels = min(settings.proxy.resolution, largest)
    small = pictures(small_pixels)
    large_pixels = min(settings.confirm.resolution or small.images.native_resolution, largest)
    large = pictures(large_pixels)
    if isinstance(settings.proxy, ShortSettings):
        small = replace(small, limit=settings.proxy.images)
    return Data(small, TrainingResolution(small_pixels, largest), large, TrainingResolution(large_pixels, largest))


def make_trainings(
    settings: SearchSettings,
    problem: Problem,
    data: Data,
    folder: Path,
    study: Study,
    executor: Executor,
    display: Display,
) -> Trainings:
    """The trainings of a run, after whatever its proxy needs beforehand: a supernet, or the scores of a population."""
    proxy, names, start, teacher = settings.proxy, rung_names(settings), None, None
    free = TrainingFree(data.small, settings.score.names, data.proxy_scale, settings.seed, settings.score.images)
    rungs = {"score": Rung("score", free)}
    if isinstance(proxy, ShortSettings):
        prior = None
        if proxy.correction:
            reference = ranked(problem, free, settings.score.population, study, executor, display)
            prior = Prior(reference, proxy.correction)
        recipe = settings.training.recipe(proxy.epochs, proxy.batch_size, proxy.learning_rate)
        short = ShortTraining(data.small, recipe, data.proxy_scale, settings.seed, prior)
        long = replace(short, recipe=replace(recipe, epochs=settings.long.epochs))
        rungs |= {"short": Rung("short", short), "long": Rung("long", long)}
    elif isinstance(proxy, SupernetSettings):
        path = folder.resolve() / "supernet.pt"
        shared = SharedWeights(
            problem.space, data.small, path, data.proxy_scale, proxy.calibration, precision=settings.training.precision
        )
        shared_recipe = proxy.recipe(settings.training)
        seconds = trained(problem, shared, shared_recipe, settings.seed, display)
        display.message(f"supernet: trained in {seconds:.0f} s")
        training = repr((shared_recipe, data.proxy_scale, settings.seed))
        evaluator: Evaluator = shared
        if proxy.joined:
            evaluator = shared_ranked(
                problem, shared, training, free, settings.score.population, study, executor, display
            )
        rungs["supernet"] = Rung("supernet", evaluator)
        start = FromShared(shared, training) if proxy.start else None
        if settings.training.distillation.teacher == SUPERNET:
            most = largest(problem.space, shared_recipe, settings.seed, **restricted(problem))
            teacher = TaughtByShared(shared, most, training)
    else:
        free_ranked = ranked(problem, free, settings.score.population, study, executor, display)
        rungs["score"] = Rung("score", free_ranked)
    ladder = Ladder(tuple(rungs[name] for name in names), settings.keep)
    confirm = settings.confirm
    longer = settings.training.recipe(confirm.epochs, confirm.batch_size, confirm.learning_rate)
    long_training = LongTraining(data.large, longer, data.long_scale, folder.resolve() / "weights", start, teacher)
    return Trainings(ladder, Export(long_training, folder.resolve() / "models", confirm.calibration), settings.seed + 1)
