"""Full trainings of networks, one after the other; then the test split once, the files, and the run's front.json."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nas.data.prepare import describe, prepare
from nas.data.saved import open_saved
from nas.data.settings import AUGMENTATION
from nas.data.views import ImageView, TrainingResolution
from nas.errors import ConfigError, DataError
from nas.exports import BY_DEFAULT, default_formats
from nas.exports.int8.ladder import Bounds
from nas.identity import digest
from nas.nets.device import device_of
from nas.nets.pretrained import NONE, load
from nas.nets.slices.cut import require_cut
from nas.nets.start import FromWeights
from nas.nets.teacher import FileTeacher, open_teacher
from nas.reading.plain import readable
from nas.reading.words import cut
from nas.results.finished import FOLDER, FinishedFile, is_whole, read_finished, with_finished, write_finished
from nas.results.member import Accuracy, Finished
from nas.results.run_folder import read_front, write_front
from nas.search.confirm.export import Export, timed
from nas.search.confirm.intervals import accuracy_intervals
from nas.search.finish.settings import TrainSettings
from nas.search.finish.subject import Subject
from nas.search.result.about import latency_facts, origin
from nas.spaces.architecture import Architecture
from nas.spaces.cost import cost
from nas.training.full import Epoch, FullTraining, FullyTrained, is_first_process
from nas.training.long import LongTraining
from nas.training.recipe import Distillation
from nas.training.start import FittedStart

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Asked:
    """A network, how it is trained, and what its result depends on."""

    name: str
    arch: Architecture
    full: FullTraining
    seeds: tuple[int, ...]
    calibration: int
    bounds: Bounds
    teacher: Path | None

    @property
    def digest(self) -> str:
        """Changes with everything that changes the result, wherever the folder is."""
        long = self.full.long
        images = long.pictures.images
        seen = [getattr(long.pictures, name) for name in AUGMENTATION]
        counts = [len(split) for split in images.splits.values()]
        parts = (
            long.digest(self.arch),
            seen,
            counts,
            images.mean,
            self.full.devices,
            self.seeds,
            self.calibration,
            self.bounds,
        )
        return digest(parts, version=1)


def ask(settings: TrainSettings, subject: Subject, say: Say) -> list[Asked]:
    """Every network with its training; its images are decoded.

    Raises:
        NasError: a setting is wrong, or images cannot be read.
    """
    device_of(settings.accelerator)
    return [_asked(settings, subject, name, arch, say) for name, arch in subject.networks.items()]


def _asked(settings: TrainSettings, subject: Subject, name: str, arch: Architecture, say: Say) -> Asked:
    teacher = _teacher(settings, subject, name, arch, say)
    scale = TrainingResolution(arch.resolution, arch.resolution)
    recipe = settings.training.recipe(
        settings.epochs, settings.batch_size, settings.learning_rate, pretrained=subject.init != NONE
    )
    alpha, temperature = recipe.distillation.alpha, recipe.distillation.temperature
    recipe = replace(recipe, distillation=Distillation(None, alpha, temperature))
    place = subject.folder / FOLDER / "weights"
    view = ImageView(subject.folder, accelerator=settings.accelerator)
    long = LongTraining(view, recipe, scale, place, teacher=FileTeacher(teacher) if teacher else None)
    full = FullTraining(long, settings.devices, settings.strategy)
    full.check(view.device.type)
    if subject.init != NONE:
        require_cut(arch, load(subject.init), subject.space)
    view, start = _images(settings, subject, name, arch, say), None
    if subject.init != NONE:
        view = replace(view, statistics=load(subject.init).statistics(view.images.channels))
        start = FittedStart(FromWeights.of_family(subject.init, subject.space), view, scale)
    seeds = tuple(settings.seed + number for number in range(settings.seeds))
    long = replace(long, pictures=view, start=start)
    bounds = Bounds(settings.int8_loss, settings.int8_agreement)
    asked = Asked(name, arch, replace(full, long=long), seeds, settings.calibration, bounds, teacher)
    return replace(asked, full=replace(full, long=replace(long, folder=place / asked.digest)))


def _images(settings: TrainSettings, subject: Subject, name: str, arch: Architecture, say: Say) -> ImageView:
    """The images at the network's own resolution, at no more pixels than they have."""
    try:
        about = describe(subject.data)
        _check_images(name, arch, about.channels, len(about.classes))
        place = _place(subject, arch, about.native_resolution)
        if is_first_process():
            prepare(subject.data, subject.seed, int(place.name), place)
    except DataError as error:
        if settings.data is not None or not subject.front:
            raise
        place = _place(subject, arch, subject.front.data.native_resolution)
        try:
            open_saved(place, None)
        except DataError:
            where = "; give data=… and data.path=… of where the images are now"
            raise DataError(f"{cut(str(error), 300)}{where}") from None
        say(f"the images are not where they were ({error}); those decoded in {place} are used")
    augmentation = {key: getattr(subject.data, key) for key in AUGMENTATION}
    view = ImageView(place, **augmentation, accelerator=settings.accelerator)
    _check_images(name, arch, view.images.channels, len(view.images.classes))
    return view


def _place(subject: Subject, arch: Architecture, native: int) -> Path:
    return subject.folder / "images" / str(min(arch.resolution, native))


def _check_images(name: str, arch: Architecture, channels: int, classes: int) -> None:
    if (arch.in_channels, arch.classes) != (channels, classes):
        raise ConfigError(
            f"{name} takes images of {arch.in_channels} channels in {arch.classes} classes, the data have {channels} "
            f"channels and {classes} classes; give data=… of the images that were searched with"
        )


def _teacher(settings: TrainSettings, subject: Subject, name: str, arch: Architecture, say: Say) -> Path | None:
    if not settings.teacher_is_best:
        path = settings.training.teacher
    else:
        assert subject.front
        files = [each for each in subject.front.confirmed if each.onnx]
        best = max(files, key=lambda each: each.val_accuracy.value, default=None)
        if best is None or best.key == arch.key:
            say(f"{name} is the best of the run itself and has no teacher")
            return None
        path = subject.folder / str(best.onnx)
    if path is not None:
        open_teacher(path).require(arch.in_channels, arch.classes)
    return path


def finish(asked: Asked, subject: Subject, command: str, say: Say) -> Finished | None:
    """Train the network, test it, and write its files; None in all processes but the first.

    Raises:
        NasError: a training failed, or a file that every network must have could not be written.
    """
    key, say_here = asked.arch.key, say if is_first_process() else _nothing
    known = read_finished(subject.folder, key)
    if known and known.digest == asked.digest and is_whole(subject.folder, known):
        say_here(f"{asked.name} is finished already")
        return known.finished
    each = [asked.full(asked.arch, seed, _line(asked, number, say_here)) for number, seed in enumerate(asked.seeds, 1)]
    trained = [found for found in each if found is not None]
    if not trained:
        return None
    found = _tested(asked, subject, trained, command)
    write_finished(subject.folder, key, FinishedFile(asked.digest, found))
    return found


def _line(asked: Asked, number: int, say: Say) -> Callable[[Epoch], None]:
    which = f"{asked.name}, seed {number} of {len(asked.seeds)}" if len(asked.seeds) > 1 else asked.name

    def line(epoch: Epoch) -> None:
        left = f", {_duration(epoch.left)} left" if epoch.done < epoch.epochs else ""
        say(
            f"{which}: epoch {epoch.done}/{epoch.epochs}  loss {epoch.loss:.3f}  "
            f"validation {100 * epoch.judged.accuracy:.1f} %  best epoch {epoch.best}{left}"
        )

    return line


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def _tested(asked: Asked, subject: Subject, trained: list[FullyTrained], command: str) -> Finished:
    """The test split once, then the files of the best training."""
    long, arch = asked.full.long, asked.arch
    judged = [long.test(arch, each.trained.seed) for each in trained]
    (mean,) = accuracy_intervals([[each.accuracy for each in judged]], judged[0].images)
    best = max(trained, key=lambda each: each.trained.val)
    formats = default_formats(subject.front.hardware.runtime) if subject.front else BY_DEFAULT
    export = Export(long, subject.folder / FOLDER, asked.calibration, formats, asked.bounds)
    said = _metadata(asked, subject)
    exported = export(arch, best.trained.seed, said)
    scale = long.scale(arch)
    return Finished(
        accuracy=Accuracy(mean.value, mean.low, mean.high, "finished", len(judged), scale),
        val_accuracy=best.trained.val,
        epochs=long.recipe.epochs,
        best_epoch=best.best,
        seconds=sum(each.trained.seconds for each in trained),
        teacher=readable(asked.teacher.name) if asked.teacher else None,
        init=said["init"]["name"] if "init" in said else None,
        files=tuple(timed(file, subject.folder) for file in exported.files),
        command=readable(command),
        weights=exported.weights,
    )


def _metadata(asked: Asked, subject: Subject) -> Mapping[str, Any]:
    """What the files say of the network beside what the export knows."""
    costs = cost(asked.arch)
    found: dict[str, Any] = {"macs": str(costs.macs), "params": str(costs.params)}
    found["training"] = {"epochs": asked.full.long.recipe.epochs, "how": "nas.train"}
    found |= origin(subject.init, asked.arch)
    if subject.front:
        found["run"] = {"space": subject.front.search_space, "search_seed": subject.front.seed}
    if subject.front and (member := subject.about(asked.arch)):
        found["latency_ms"] = latency_facts(member.latency_ms, subject.front.hardware.label, asked.arch)
    return found


def put_into_run(subject: Subject) -> None:
    """Write what is finished into the run's front.json.

    Raises:
        RunError: it cannot be read or written.
    """
    write_front(with_finished(read_front(subject.folder), subject.folder), subject.folder)


def _nothing(line: str) -> None:
    """Of the processes that train together, one speaks."""
