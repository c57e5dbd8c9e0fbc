"""Confirmation: long trainings, each judged on the validation split; then the test split once, and the files.

A network is trained once per seed, and the weights of each training are kept until the files are written. Everything
that is chosen - networks, further seeds, the seed that is exported - is chosen on the validation split.
"""

import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nas.data.batches import Batch, ImageData
from nas.data.views import ImageView, TrainingResolution
from nas.identity import digest
from nas.nets.build import build
from nas.nets.conventions import PLAIN, Conventions
from nas.resources import replace_file
from nas.spaces.architecture import Architecture
from nas.training.distillation import Teacher
from nas.training.fit import fit
from nas.training.recipe import Recipe


class Start(Protocol):
    """What trainings start from; pickles, and its `identity` tells it from others."""

    @property
    def identity(self) -> tuple[Any, ...]:
        """Plain values that are others for another start."""

    @property
    def conventions(self) -> Conventions:
        """Those of the weights."""

    def of(self, arch: Architecture) -> "Start":
        """The start of `arch`, where that of others is another one."""

    def __call__(self, arch: Architecture) -> Mapping[str, Tensor]:
        """A state dict of `build(arch, conventions)`, where torch is seeded for what is drawn."""


Classes = NDArray[np.int64]


def begin(start: Start, arch: Architecture, seed: int) -> Mapping[str, Tensor]:
    """What a training with `seed` starts from; torch's own random state stays as it was."""
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        return start(arch)


@dataclass(frozen=True, slots=True)
class Trained:
    """One training: `val` is its accuracy, 0..1, on this many validation `images`, `correct` which of them it got."""

    seed: int
    val: float
    correct: str
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

    It learns from the `teacher` too, where there is one, which pickles and whose `identity` tells it from others.
    Networks follow the conventions of the weights that they start from.
    """

    pictures: ImageView
    recipe: Recipe
    scale: TrainingResolution
    folder: Path
    start: Start | None = None
    teacher: Teacher | None = None

    @property
    def conventions(self) -> Conventions:
        """Those of its networks."""
        return self.start.conventions if self.start else PLAIN

    def digest(self, arch: Architecture) -> str:
        """Changes with everything that changes the result of a training of `arch`, wherever the run folder is."""
        start = self.start and self.start.of(arch)
        return digest((self.recipe, self.scale, start, self.teacher), version=1, size=4)

    def data(self, arch: Architecture, seed: int) -> ImageData:
        """The images as `arch` is trained and judged on them."""
        return self.pictures.at(self.scale(arch), self.recipe.batch_size, seed)

    def __call__(self, arch: Architecture, seed: int) -> Trained:
        """Train `arch`, judge it on the validation split, and keep its weights.

        Raises:
            Diverged: the loss stopped being finite.
        """
        data = self.data(arch, seed)
        initial = begin(self.start, arch, seed) if self.start else None
        fitted = fit(arch, data, self.recipe, seed, initial=initial, teacher=self.teacher, conventions=self.conventions)
        found = correct(predictor(fitted.net), data.val_dataloader())
        content = io.BytesIO()
        torch.save({name: tensor.cpu() for name, tensor in fitted.net.state_dict().items()}, content)
        path = self.weights(arch, seed)
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, content.getvalue())
        return Trained(seed, float(found.mean()), hexadecimal(found), len(found), self.scale(arch), fitted.seconds)

    def net(self, arch: Architecture, seed: int) -> nn.Module:
        """The trained network; trained again if its weights are gone."""
        path = self.weights(arch, seed)
        if not path.is_file():
            self(arch, seed)
        net = build(arch, self.conventions)
        net.load_state_dict(torch.load(path, weights_only=True))
        return net.eval().to(self.pictures.device)

    def test(self, arch: Architecture, seed: int) -> Judged:
        """Judge a training on the test split."""
        found = correct(predictor(self.net(arch, seed)), self.data(arch, seed).test_dataloader())
        return Judged(float(found.mean()), len(found))

    def weights(self, arch: Architecture, seed: int) -> Path:
        """The file of a training's weights."""
        return self.folder / f"{arch.key}-{seed}-{self.digest(arch)}.pt"


def correct(predict: Callable[[Tensor], Classes], batches: Iterable[Batch]) -> NDArray[np.bool_]:
    """Which images of `batches`, in their order, `predict` gives their label."""
    return np.concatenate([predict(images) == labels.cpu().numpy() for images, labels in batches])


def hexadecimal(flags: NDArray[np.bool_]) -> str:
    """Flags as text, four to a letter; `bits` reads it."""
    return np.packbits(flags).tobytes().hex()


def bits(text: str, count: int) -> NDArray[np.bool_]:
    """The first `count` flags in `text`, as `hexadecimal` writes them."""
    return np.unpackbits(np.frombuffer(bytes.fromhex(text), dtype=np.uint8), count=count).astype(bool)


def predictor(net: nn.Module) -> Callable[[Tensor], Classes]:
    """From images to the class of the largest logit."""
    net.eval()
    device = next(net.parameters()).device

    def predict(images: Tensor) -> Classes:
        with torch.no_grad():
            return np.asarray(net(images.to(device, memory_format=torch.channels_last)).argmax(1).cpu())

    return predict
