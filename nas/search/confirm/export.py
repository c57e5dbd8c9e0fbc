"""The files of a confirmed network, one of each format, each with its accuracy on the test split."""

import hashlib
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn

from nas.data.batches import ImageData
from nas.data.images import stratified
from nas.errors import NasError
from nas.exports import EXPORTERS
from nas.exports.base import Exporter, Floats, Run, TrainedNetwork
from nas.proxies.base import Failed
from nas.results.member import FileAccuracy, ModelFile
from nas.spaces.architecture import Architecture
from nas.training.long import Classes, LongTraining, correct, predictor
from nas.training.metrics import wilson


@dataclass(frozen=True, slots=True)
class Exported:
    """The files of one training, in the order of `EXPORTERS`.

    Accuracies are on the test split, by what runs each format here. `digests` are those of the files' contents, by
    path. Where `again` is set, one is missing for a reason that may pass.
    """

    seed: int
    files: tuple[ModelFile, ...]
    digests: Mapping[str, str | None]
    again: bool = False


@dataclass(frozen=True, slots=True)
class Export:
    """Writes a training as a file of each format to a `folder` of the run folder.

    Ranges of activations are taken from this many training images, `calibration`.
    """

    training: LongTraining
    folder: Path
    calibration: int

    @property
    def digest(self) -> str:
        """Changes with everything that changes the files of a network, wherever the run folder is."""
        return ":".join([self.training.digest, str(self.calibration), *EXPORTERS])

    def __call__(self, arch: Architecture, seed: int, metadata: Mapping[str, Any]) -> Exported:
        """The files of one training, with `metadata` and what is known here.

        Raises:
            NasError: a format that every network must have could not be written, or does not agree with torch.
        """
        data, net = self.training.data(arch, seed), self.training.net(arch, seed)
        preprocessing = data.preprocessing()
        known = {"key": arch.key, "notation": arch.notation, "classes": preprocessing["classes"]}
        known |= {"preprocessing": preprocessing, **metadata}
        trained = TrainedNetwork(net, arch, data.resolution, known, lambda: self._calibration(data))
        files: list[ModelFile] = []
        written: dict[str, Path] = {}
        shares: list[float] = []
        again = False
        for name, exporter in EXPORTERS.items():
            path = self.folder / f"{arch.key}{exporter.suffix}"
            try:
                exporter.write(trained, path, written)
                _require_agreement(exporter, net, path, data)
                share, images = self._judge(exporter, path, data, seed)
            except Exception as error:  # the tools of a format may fail in any way, and the others are good without it
                path.unlink(missing_ok=True)
                if exporter.required:
                    raise
                why = Failed.of(self._full_disk(written) or error)
                again = again or why.may_pass
                files.append(ModelFile(exporter.format, exporter.precision, path=None, bytes=None, error=why.error))
            else:
                written[name] = path
                shares.append(share)
                accuracy = FileAccuracy(share, *wilson(share, images), fp32=shares[0], seed=seed)
                place = f"{self.folder.name}/{path.name}"
                files.append(ModelFile(exporter.format, exporter.precision, place, path.stat().st_size, accuracy))
        digests = {file.path: _digest(self._place(file.path)) for file in files if file.path}
        return Exported(seed, tuple(files), digests, again)

    def is_whole(self, exported: Exported) -> bool:
        """Whether the files of an earlier export are still there as they were written, and nothing may be added."""
        kept = all(_digest(self._place(path)) == digest for path, digest in exported.digests.items())
        return kept and not exported.again

    def _judge(self, exporter: Exporter, path: Path, data: ImageData, seed: int) -> tuple[float, int]:
        """The accuracy of a file on the test split, which is written into it, and the number of images."""
        found = correct(_predictor(exporter.open(path)), data.test_dataloader())
        judged = {"value": float(found.mean()), "split": "test", "seed": seed, "resolution": data.resolution}
        exporter.describe(path, {"accuracy": judged})
        return float(found.mean()), len(found)

    def _full_disk(self, written: Mapping[str, Path]) -> OSError | None:
        """What writing raises where there is no room for what an exporter may need; not all libraries notice."""
        needed = 4 * sum(path.stat().st_size for path in written.values())
        try:
            with tempfile.TemporaryFile(dir=self.folder) as probe:
                probe.write(bytes(needed))
                probe.flush()
        except OSError as error:
            return error
        return None

    def _place(self, path: str) -> Path:
        """The file of a path that is relative to the run folder."""
        return self.folder.parent / path

    def _calibration(self, data: ImageData) -> Floats:
        """Training images, stratified, as the network sees them; the same for every network of a resolution."""
        few = stratified(data.images.train, max(self.calibration, len(data.images.classes)))
        pictures = ImageData(
            replace(data.images, val=few),
            batch_size=data.batch_size,
            resolution=data.resolution,
            statistics=(data.mean, data.std),
            device=data.device,
        )
        return np.concatenate([images.cpu().numpy() for images, _ in pictures.val_dataloader()])


def _predictor(run: Run) -> Callable[[Tensor], Classes]:
    """From images to the class of the largest logit, of a file."""
    return lambda images: run(images.cpu().numpy()).argmax(1)


def _require_agreement(exporter: Exporter, net: nn.Module, path: Path, data: ImageData) -> None:
    if exporter.disagreement is None:
        return
    there, here = _predictor(exporter.open(path)), predictor(net)
    differing = np.concatenate([there(images) != here(images) for images, _ in data.val_dataloader()]).mean()
    if differing > exporter.disagreement:
        raise NasError(f"{path.name}: it gives {differing:.1%} of the images another class than torch")


def _digest(path: Path) -> str | None:
    return hashlib.blake2b(path.read_bytes(), digest_size=8).hexdigest() if path.is_file() else None
