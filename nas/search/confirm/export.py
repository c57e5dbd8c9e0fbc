"""The files of a confirmed network, one of each format, each with its accuracy on the test split."""

import hashlib
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from nas.data.batches import ImageData
from nas.data.images import Split, few, stratified
from nas.errors import NasError
from nas.exports import BY_DEFAULT, EXPORTERS
from nas.exports.base import Exporter, TrainedNetwork
from nas.exports.files import Reference, compare, confused, write_file
from nas.exports.graph import Floats, Labelled, Run, at_size
from nas.exports.int8.ladder import ANY, Asked, Bounds
from nas.exports.onnx_file import as_texts
from nas.nets.conventions import Conventions
from nas.nets.safetensors_file import write_safetensors
from nas.proxies.base import Failed
from nas.results.member import FileAccuracy, ModelFile
from nas.search.confirm.mistakes import by_class
from nas.spaces.architecture import Architecture
from nas.spaces.cost import cost
from nas.training.long import LongTraining
from nas.training.metrics import wilson

WEIGHTS = ".safetensors"
"""Of the name of the file of trained weights."""

_MOST_JUDGED = 5000
"""Validation images, stratified, that tell what each way to int8 loses."""


@dataclass(frozen=True, slots=True)
class Exported:
    """The files of one training, in the order of `EXPORTERS`, and its weights.

    Accuracies are on the test split, by what runs each format here. `digests` are those of the files' contents, by
    path. Where `again` is set, one is missing for a reason that may pass.
    """

    seed: int
    files: tuple[ModelFile, ...]
    digests: Mapping[str, str | None]
    again: bool = False
    weights: str | None = None


@dataclass(frozen=True, slots=True)
class Export:
    """Writes a training as a file of each of the `formats` to a `folder` of the run folder.

    Ranges of activations are taken from this many training images, `calibration`; int8 keeps within `bounds`.
    """

    training: LongTraining
    folder: Path
    calibration: int
    formats: tuple[str, ...] = BY_DEFAULT
    bounds: Bounds = ANY

    def digest(self, arch: Architecture) -> str:
        """Changes with everything that changes the files of `arch`, wherever the run folder is."""
        return ":".join([self.training.digest(arch), str(self.calibration), str(self.bounds), *self.formats])

    def __call__(self, arch: Architecture, seed: int, metadata: Mapping[str, Any]) -> Exported:
        """The files of one training, with `metadata` and what is known here.

        Raises:
            NasError: a format that every network must have could not be written, or does not agree with torch.
        """
        data, net = self.training.data(arch, seed), self.training.net(arch, seed).cpu()
        known = {**told(arch, data, self.training.conventions), "seed": str(seed), **metadata}
        weights = self.folder / f"{arch.key}{WEIGHTS}"
        write_safetensors(weights, net.state_dict(), as_texts(known))
        asked = asked_of_int8(data, self.bounds)
        trained = TrainedNetwork(
            *(net, arch, data.resolution, known), lambda: calibration_images(data, self.calibration), asked=asked
        )
        found = write_files(trained, self.formats, self.folder, data, seed)
        place = f"{self.folder.name}/{weights.name}"
        pictures = (each.by_class.picture for each in found.files if each.by_class)
        paths = (place, *(each.path for each in found.files), *pictures)
        digests = {path: _digest(self._place(path)) for path in paths if path}
        return Exported(seed, found.files, digests, found.again, place)

    def is_whole(self, exported: Exported) -> bool:
        """Whether the files of an earlier export are still there as they were written, and nothing may be added."""
        kept = all(_digest(self._place(path)) == digest for path, digest in exported.digests.items())
        return kept and not exported.again

    def _place(self, path: str) -> Path:
        """The file of a path that is relative to the run folder."""
        return self.folder.parent / path


@dataclass(frozen=True, slots=True)
class Files:
    """Files written, or why they were not; where `again` is set, one is missing for a reason that may pass."""

    files: tuple[ModelFile, ...]
    again: bool


def asked_of_int8(data: ImageData, bounds: Bounds) -> Asked:
    """What int8 must hold on the validation split, of many images on some; it learns from the training split."""
    judged = _judging(data, few(data.images.val, _MOST_JUDGED, len(data.images.classes)))
    return Asked(bounds, lambda: _seen(judged, "val"), lambda: (images for images, _ in _seen(data, "train")))


def told(arch: Architecture, data: ImageData, conventions: Conventions) -> dict[str, Any]:
    """What a file says of its network and its images; notation and costs are those at the pixels of the images."""
    preprocessing, sized = data.preprocessing(), at_size(arch, data.resolution)
    return {
        "key": arch.key,
        "notation": sized.notation,
        "architecture": sized.to_json(),
        "classes": preprocessing["classes"],
        "preprocessing": preprocessing,
        "eps": str(conventions.eps),
        "padding": conventions.padding,
    }


def timed(file: ModelFile, folder: Path) -> ModelFile:
    """The file with its milliseconds on this machine, where it runs here."""
    time = next(
        each.time for each in EXPORTERS.values() if (each.format, each.precision) == (file.format, file.precision)
    )
    if not file.path or not file.resolution or time is None or file.not_run:
        return file
    return replace(file, host_latency_ms=time(folder / file.path, file.resolution))


def write_files(trained: TrainedNetwork, formats: Sequence[str], folder: Path, data: ImageData, seed: int) -> Files:
    """The files of a network, each judged on the test split where it runs here; the ONNX file in fp32 comes first.

    Raises:
        NasError: a format that every network must have could not be written, or does not agree with torch.
    """
    reference = Reference.of(trained.net, lambda: _seen(data, "test"))
    files: list[ModelFile] = []
    written: dict[str, Path] = {}
    fp32: float | None = None
    again = False
    with tempfile.TemporaryDirectory(dir=folder, prefix=".export-") as aside:
        for name in (name for name in EXPORTERS if name == "onnx" or name in formats):
            exporter = EXPORTERS[name]
            path = (folder if name in formats else Path(aside)) / f"{trained.arch.key}{exporter.suffix}"
            try:
                write_file(exporter, trained, path, written)
                file = _judged(exporter, path, trained, data, reference, fp32, seed)
                if name == "onnx" and name in formats:
                    file = replace(file, by_class=by_class(path, reference, data.images))
            except Exception as error:  # the tools of a format may fail in any way, and the others are good without it
                path.unlink(missing_ok=True)
                if exporter.required:
                    raise
                why = Failed.of(_full_disk(folder, written) or error)
                again = again or why.may_pass
                files.append(ModelFile(exporter.format, exporter.precision, path=None, bytes=None, error=why.error))
                continue
            written[name] = path
            if name == "onnx" and file.accuracy:
                fp32 = file.accuracy.value
            files += [file] if name in formats else []
    return Files(tuple(files), again)


def _judged(
    exporter: Exporter,
    path: Path,
    trained: TrainedNetwork,
    data: ImageData,
    reference: Reference,
    fp32: float | None,
    seed: int,
) -> ModelFile:
    """What front.json says of a file that was written, its accuracy on the test split where it runs here."""
    sized = at_size(trained.arch, trained.resolution)
    known = ModelFile(
        *(exporter.format, exporter.precision, f"{path.parent.name}/{path.name}", path.stat().st_size),
        resolution=trained.resolution,
        macs=cost(sized).macs,
        int8=trained.int8.result() if exporter.precision == "int8" else None,
    )
    if exporter.open is None:
        return replace(known, not_run=f"it runs on {exporter.runs_on}")
    run = exporter.open(path)
    _require_agreement(exporter, trained, run, path, data)
    found, agreement = compare(run, reference)
    share = float((found == reference.labels).mean())
    judged = {"value": share, "split": "test", "seed": seed, "resolution": data.resolution}
    if exporter.describe:
        exporter.describe(path, {"accuracy": judged})
    accuracy = FileAccuracy(share, *wilson(share, len(found)), fp32=share if fp32 is None else fp32, seed=seed)
    mistaken = confused(reference.labels, found)
    return replace(known, accuracy=accuracy, torch=agreement, bytes=path.stat().st_size, confused=mistaken)


def _require_agreement(exporter: Exporter, trained: TrainedNetwork, run: Run, path: Path, data: ImageData) -> None:
    if exporter.disagreement is None:
        return
    _, agreement = compare(run, Reference.of(trained.net, lambda: _seen(data, "val")))
    if (differing := 1 - agreement.top_class) > exporter.disagreement:
        raise NasError(f"{path.name}: it gives {differing:.1%} of the images another class than torch")


def _seen(data: ImageData, split: str) -> Labelled:
    """The images of a split as the network sees them; those of train augmented, and with labels of no use."""
    loader = getattr(data, f"{split}_dataloader")()
    return ((images.cpu().numpy(), labels.cpu().numpy()) for images, labels in loader)


def calibration_images(data: ImageData, count: int) -> Floats:
    """Training images, stratified, as the network sees them; the same for every network of a resolution."""
    pictures = _judging(data, stratified(data.images.train, max(count, len(data.images.classes))))
    return np.concatenate([images.cpu().numpy() for images, _ in pictures.val_dataloader()])


def _judging(data: ImageData, val: Split) -> ImageData:
    """The same data with another validation split."""
    return ImageData(
        replace(data.images, val=val),
        batch_size=data.batch_size,
        resolution=data.resolution,
        statistics=(data.mean, data.std),
        device=data.device,
    )


def _full_disk(folder: Path, written: Mapping[str, Path]) -> OSError | None:
    """What writing raises where there is no room for what an exporter may need; not all libraries notice."""
    needed = 4 * sum(path.stat().st_size for path in written.values())
    try:
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(bytes(needed))
            probe.flush()
    except OSError as error:
        return error
    return None


def _digest(path: Path) -> str | None:
    return hashlib.blake2b(path.read_bytes(), digest_size=8).hexdigest() if path.is_file() else None
