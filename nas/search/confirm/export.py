"""The files of a confirmed network: fp32, checked against torch, and int8, each with its accuracy on the test split."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from nas.data.batches import ImageData
from nas.data.images import stratified
from nas.errors import NasError
from nas.exports.onnx_fp32 import describe, export, runner
from nas.exports.onnx_int8 import quantize
from nas.results.member import FileAccuracy, ModelFile
from nas.spaces.architecture import Architecture
from nas.training.long import Classes, LongTraining, predictor, right
from nas.training.metrics import wilson

DISAGREEMENT = 0.005
"""The largest share of images that rounding may give another class in ONNX Runtime than in torch."""


@dataclass(frozen=True, slots=True)
class Exported:
    """The files of one training, `difference` the largest one between the logits of torch and of ONNX Runtime.

    Accuracies are by ONNX Runtime on the test split. `digests` are those of the files' contents, by path.
    """

    seed: int
    difference: float
    files: tuple[ModelFile, ...]
    digests: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class Export:
    """Writes a training as ONNX files, fp32 and int8, to a `folder` of the run folder.

    int8 is calibrated on this many training images.
    """

    training: LongTraining
    folder: Path
    calibration: int

    @property
    def digest(self) -> str:
        """Changes with everything that changes the files of a network, wherever the run folder is."""
        return f"{self.training.digest}:{self.calibration}"

    def __call__(self, arch: Architecture, seed: int, metadata: Mapping[str, Any]) -> Exported:
        """The files of one training, with `metadata` and what is known here.

        Raises:
            NasError: ONNX Runtime does not agree with torch on the fp32 file.
        """
        path, small = self.folder / f"{arch.key}.onnx", self.folder / f"{arch.key}.int8.onnx"
        data, net = self.training.data(arch, seed), self.training.net(arch, seed)
        preprocessing = data.preprocessing()
        known = {"key": arch.key, "notation": arch.notation, "classes": preprocessing["classes"]}
        known |= {"preprocessing": preprocessing, "precision": "fp32"}
        difference = export(net, arch, path, {**known, **metadata}, trained_at=data.resolution)
        _require_agreement(net, path, data)
        share, images = self._judge(path, data, seed)
        files = [self._written("fp32", path, share, images, share)]
        try:
            quantize(path, small, self._calibration(data))
            value, images = self._judge(small, data, seed, precision="int8")
        except Exception as error:  # the quantiser may fail in any way, and the fp32 file is good without it
            small.unlink(missing_ok=True)
            why = f"{type(error).__name__}: {' '.join(str(error).split())}"
            files.append(ModelFile("onnx", "int8", path=None, bytes=None, error=why))
        else:
            files.append(self._written("int8", small, value, images, share))
        digests = {file.path: _digest(self._place(file.path)) for file in files if file.path}
        return Exported(seed, difference, tuple(files), digests)

    def is_whole(self, exported: Exported) -> bool:
        """Whether the files of an earlier export are still there as they were written."""
        return all(_digest(self._place(path)) == digest for path, digest in exported.digests.items())

    def _written(self, precision: str, path: Path, share: float, images: int, fp32: float) -> ModelFile:
        accuracy = FileAccuracy(share, *wilson(share, images), fp32)
        return ModelFile("onnx", precision, f"{self.folder.name}/{path.name}", path.stat().st_size, accuracy)

    def _place(self, path: str) -> Path:
        """The file of a path that is relative to the run folder."""
        return self.folder.parent / path

    def _judge(self, path: Path, data: ImageData, seed: int, **metadata: Any) -> tuple[float, int]:
        """The accuracy of a file on the test split, which is written into it, and the number of images."""
        found = right(_onnx(path), data.test_dataloader())
        judged = {"value": float(found.mean()), "split": "test", "seed": seed, "resolution": data.resolution}
        describe(path, {"accuracy": judged, **metadata})
        return float(found.mean()), len(found)

    def _calibration(self, data: ImageData) -> NDArray[np.float32]:
        """Training images, stratified, as the network sees them; the same for every network of a resolution."""
        few = stratified(data.images.train, max(self.calibration, len(data.images.classes)))
        pictures = ImageData(
            replace(data.images, val=few), batch_size=data.batch_size, resolution=data.resolution, device=data.device
        )
        return np.concatenate([images.cpu().numpy() for images, _ in pictures.val_dataloader()])


def _onnx(path: Path) -> Callable[[Tensor], Classes]:
    """The same, of an ONNX file."""
    run = runner(path)
    return lambda images: run(images.cpu().numpy()).argmax(1)


def _require_agreement(net: nn.Module, path: Path, data: ImageData) -> None:
    there, here = _onnx(path), predictor(net)
    differing = np.concatenate([there(images) != here(images) for images, _ in data.val_dataloader()])
    if differing.mean() > DISAGREEMENT:
        raise NasError(f"{path.name}: ONNX Runtime gives {differing.mean():.1%} of the images another class than torch")


def _digest(path: Path) -> str | None:
    return hashlib.blake2b(path.read_bytes(), digest_size=8).hexdigest() if path.is_file() else None
