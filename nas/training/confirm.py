"""Confirmation: long trainings, each judged on the validation split; then the test split once, and the files.

A network is trained once per seed, and the weights of each training are kept until the files are written. Everything
that is chosen - networks, further seeds, the seed that is exported - is chosen on the validation split.
"""

import hashlib
import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nas.errors import NasError
from nas.nets.build import build
from nas.nets.export import describe, export, runner
from nas.nets.quantize import quantize
from nas.resources import replace_file
from nas.spaces.architecture import Architecture
from nas.training.data import Batch, ImageData
from nas.training.distillation import Teacher
from nas.training.fit import fit
from nas.training.images import stratified
from nas.training.metrics import wilson
from nas.training.proxies import Pictures, Scale
from nas.training.recipe import Recipe

Start = Callable[[Architecture], Mapping[str, Tensor]]
"""The state dict of `build(arch)` that its training starts from; pickles, and its repr tells it from others."""

Classes = NDArray[np.int64]

DISAGREEMENT = 0.005
"""The largest share of images that rounding may give another class in ONNX Runtime than in torch."""


@dataclass(frozen=True, slots=True)
class Trained:
    """One training: `val` is its accuracy, 0..1, on so many validation `images`, `right` which of them it got."""

    seed: int
    val: float
    right: str
    images: int
    resolution: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Judged:
    """The accuracy of one training, 0..1, on the test split."""

    accuracy: float
    images: int


@dataclass(frozen=True, slots=True)
class LongTraining:
    """Trains a network with a seed, from scratch or from what `start` gives; the weights go to `folder`.

    It learns from the `teacher` too, where there is one, which pickles and tells itself from others by its repr.
    """

    pictures: Pictures
    recipe: Recipe
    scale: Scale
    folder: Path
    start: Start | None = None
    teacher: Teacher | None = None

    @property
    def digest(self) -> str:
        """Changes with everything that changes the result of a training, wherever the run folder is."""
        return hashlib.blake2b(
            repr((self.recipe, self.scale, self.start, self.teacher)).encode(), digest_size=4
        ).hexdigest()

    def data(self, arch: Architecture, seed: int) -> ImageData:
        """The images as `arch` is trained and judged on them."""
        return self.pictures.at(self.scale(arch), self.recipe.batch_size, seed)

    def __call__(self, arch: Architecture, seed: int) -> Trained:
        """Train `arch`, judge it on the validation split, and keep its weights.

        Raises:
            Diverged: the loss stopped being finite.
        """
        data = self.data(arch, seed)
        initial = self.start(arch) if self.start else None
        fitted = fit(arch, data, self.recipe, seed, initial=initial, teacher=self.teacher)
        found = right(_torch(fitted.net), data.val_dataloader())
        content = io.BytesIO()
        torch.save({name: tensor.cpu() for name, tensor in fitted.net.state_dict().items()}, content)
        path = self._weights(arch, seed)
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, content.getvalue())
        return Trained(seed, float(found.mean()), hexadecimal(found), len(found), self.scale(arch), fitted.seconds)

    def net(self, arch: Architecture, seed: int) -> nn.Module:
        """The trained network; trained again if its weights are gone."""
        path = self._weights(arch, seed)
        if not path.is_file():
            self(arch, seed)
        net = build(arch)
        net.load_state_dict(torch.load(path, weights_only=True))
        return net.eval().to(self.pictures.device)

    def test(self, arch: Architecture, seed: int) -> Judged:
        """Judge a training on the test split."""
        found = right(_torch(self.net(arch, seed)), self.data(arch, seed).test_dataloader())
        return Judged(float(found.mean()), len(found))

    def _weights(self, arch: Architecture, seed: int) -> Path:
        return self.folder / f"{arch.key}-{seed}-{self.digest}.pt"


@dataclass(frozen=True, slots=True)
class Exported:
    """The files of one training, `difference` the largest one between the logits of torch and of ONNX Runtime.

    `accuracy_int8` is that of the int8 file on the test split with its 95 % interval, and beside it `fp32`, that of the
    other file; both by ONNX Runtime. Where no int8 file could be made, `failed` says why. `digests` are those of the
    files' contents.
    """

    seed: int
    onnx: str
    onnx_bytes: int
    difference: float
    onnx_int8: str | None
    onnx_int8_bytes: int | None
    accuracy_int8: dict[str, float] | None
    failed: str | None
    digests: dict[str, str | None]


@dataclass(frozen=True, slots=True)
class Export:
    """Writes a training as ONNX files, fp32 and int8, to `folder`; int8 is calibrated on so many training images."""

    training: LongTraining
    folder: Path
    calibration: int

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
        share, _ = self._judge(path, data, seed)
        accuracy_int8 = failed = None
        try:
            quantize(path, small, self._calibration(data))
            value, images = self._judge(small, data, seed, precision="int8")
        except Exception as error:  # the quantiser may fail in any way, and the fp32 file is good without it
            small.unlink(missing_ok=True)
            failed = f"{type(error).__name__}: {' '.join(str(error).split())}"
        else:
            low, high = wilson(value, images)
            accuracy_int8 = {"value": value, "low": low, "high": high, "fp32": share}
        return Exported(
            seed=seed,
            onnx=path.name,
            onnx_bytes=path.stat().st_size,
            difference=difference,
            onnx_int8=None if failed else small.name,
            onnx_int8_bytes=None if failed else small.stat().st_size,
            accuracy_int8=accuracy_int8,
            failed=failed,
            digests={file.name: _digest(file) for file in ([path] if failed else [path, small])},
        )

    def is_whole(self, exported: Mapping[str, Any]) -> bool:
        """Whether the files of an earlier export are still there as they were written."""
        return all(_digest(self.folder / name) == digest for name, digest in exported["digests"].items())

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


def right(predict: Callable[[Tensor], Classes], batches: Iterable[Batch]) -> NDArray[np.bool_]:
    """Which images of `batches`, in their order, `predict` gives their label."""
    return np.concatenate([predict(images) == labels.cpu().numpy() for images, labels in batches])


def hexadecimal(flags: NDArray[np.bool_]) -> str:
    """Flags as text, four to a letter; `bits` reads it."""
    return np.packbits(flags).tobytes().hex()


def bits(text: str, count: int) -> NDArray[np.bool_]:
    """The first `count` flags in `text`, as `hexadecimal` writes them."""
    return np.unpackbits(np.frombuffer(bytes.fromhex(text), dtype=np.uint8), count=count).astype(bool)


def _torch(net: nn.Module) -> Callable[[Tensor], Classes]:
    """From images to the class of the largest logit."""
    net.eval()
    device = next(net.parameters()).device

    def predict(images: Tensor) -> Classes:
        with torch.no_grad():
            return np.asarray(net(images.to(device, memory_format=torch.channels_last)).argmax(1).cpu())

    return predict


def _onnx(path: Path) -> Callable[[Tensor], Classes]:
    """The same, of an ONNX file."""
    run = runner(path)
    return lambda images: run(images.cpu().numpy()).argmax(1)


def _require_agreement(net: nn.Module, path: Path, data: ImageData) -> None:
    there, here = _onnx(path), _torch(net)
    differing = np.concatenate([there(images) != here(images) for images, _ in data.val_dataloader()])
    if differing.mean() > DISAGREEMENT:
        raise NasError(f"{path.name}: ONNX Runtime gives {differing.mean():.1%} of the images another class than torch")


def _digest(path: Path) -> str | None:
    return hashlib.blake2b(path.read_bytes(), digest_size=8).hexdigest() if path.is_file() else None
