"""Further files of a finished run's networks, from its folder alone: its weights, and its decoded images."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from nas.data.batches import ImageData
from nas.data.saved import open_saved
from nas.errors import DataError, ProfileError, RunError
from nas.exports.base import TrainedNetwork
from nas.exports.int8.ladder import Bounds
from nas.latency.profile import load_profile
from nas.nets.safetensors_file import Trained, open_trained
from nas.reading.words import cut
from nas.results.finished import FOLDER, read_finished, with_finished, write_finished
from nas.results.front import Front
from nas.results.member import Member, ModelFile
from nas.results.run_folder import read_front, write_front
from nas.search.confirm.export import asked_of_int8, calibration_images, timed, write_files
from nas.search.confirm.slower import with_slower
from nas.search.record.folder import taken

_BATCH = 64


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which formats, for how many images at a time, what int8 may lose, and how many images calibrate it."""

    formats: tuple[str, ...]
    batch: int | None
    bounds: Bounds
    calibration: int


def ship(folder: Path, keys: Sequence[str], wanted: Wanted) -> dict[str, tuple[ModelFile, ...]]:
    """Write the formats of the members of those keys, put them into front.json, and return them by key.

    Raises:
        RunError: weights or images are gone, or another process works in the folder.
        NasError: the ONNX file in fp32 does not agree with torch.
    """
    with taken(folder) as held:
        try:
            front = read_front(folder)
            found = {each.key: _written(folder, front, each, wanted) for each in front.confirmed if each.key in keys}
            _keep_finished(folder, front, found)
            write_front(with_finished(_with_files(front, found), folder), folder)
        finally:
            held.release()
    return found


def _written(folder: Path, front: Front, member: Member, wanted: Wanted) -> tuple[ModelFile, ...]:
    trained = open_trained(folder, member.shipped())
    data = _images(folder, trained)
    known = {key: text for key, text in trained.said.items() if key != "accuracy"}
    network = TrainedNetwork(
        *(trained.net, member.architecture, data.resolution, known),
        lambda: calibration_images(data, wanted.calibration),
        wanted.batch,
        asked_of_int8(data, wanted.bounds),
    )
    models = folder / (FOLDER if member.finished else "models")
    files = write_files(network, wanted.formats, models, data, int(trained.said["seed"])).files
    profile = None
    with suppress(ProfileError):  # one that was given by a path, and is elsewhere now
        profile = load_profile(front.hardware.label)
    return with_slower([timed(file, folder) for file in files], profile, member.architecture)


def _images(folder: Path, trained: Trained) -> ImageData:
    """The run's images as the network was judged on them."""
    steps = trained["preprocessing"]
    place = folder / "images" / str(steps["decoded_at"])
    try:
        images = open_saved(place)
    except DataError:
        raise RunError(f"{cut(str(place), 200)} has no decoded images; run the search's command again") from None
    statistics = tuple(steps["mean"]), tuple(steps["std"])
    return ImageData(images, batch_size=_BATCH, resolution=steps["resolution"], statistics=statistics, device="cpu")


def _keep_finished(folder: Path, front: Front, found: Mapping[str, Sequence[ModelFile]]) -> None:
    """Put the files of full trainings beside these."""
    for member in front.confirmed:
        known = read_finished(folder, member.key) if member.finished and member.key in found else None
        if known:
            files = _joined(known.finished.files, found[member.key])
            write_finished(folder, member.key, replace(known, finished=replace(known.finished, files=files)))


def _with_files(front: Front, found: Mapping[str, Sequence[ModelFile]]) -> Front:
    """The front with the files of networks without a full training added."""

    def added(member: Member) -> Member:
        if member.finished or member.key not in found:
            return member
        files = _joined(member.files, found[member.key])
        paths = {(each.format, each.precision): each.path for each in files}
        onnx, onnx_int8 = (paths.get(("onnx", precision)) for precision in ("fp32", "int8"))
        return replace(member, files=files, onnx=onnx, onnx_int8=onnx_int8)

    return replace(front, front=tuple(map(added, front.front)), confirmed=tuple(map(added, front.confirmed)))


def _joined(files: Sequence[ModelFile], more: Sequence[ModelFile]) -> tuple[ModelFile, ...]:
    """All of them, each of `more` in place of an earlier one of its format and precision."""
    return tuple({(each.format, each.precision): each for each in (*files, *more)}.values())
