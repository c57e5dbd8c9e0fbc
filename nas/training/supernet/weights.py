"""The shared weights of a space, in use: what they judge, where they let trainings start, whom they teach."""

from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Self

import torch
from torch import Tensor, nn

from nas.data.batches import ImageData, resize
from nas.data.views import ImageView, TrainingResolution
from nas.errors import RunError
from nas.nets.conventions import PLAIN, Conventions
from nas.nets.start import FromWeights
from nas.nets.supernet import Supernet, recalibrate
from nas.reading.words import short
from nas.spaces.architecture import Architecture
from nas.spaces.space import SearchSpace
from nas.training.metrics import Metrics, judge
from nas.training.precision import autocast
from nas.training.supernet.checkpoint import facts, read


@dataclass(frozen=True, slots=True)
class SharedWeights:
    """The networks of `space` with the weights in the file `checkpoint`, which `train_supernet` wrote.

    The statistics of batch norms are taken from `calibration` batches of `batch_size` training images, the same for
    all networks of one resolution. `start` is what they were begun from, if that is not nothing.
    """

    space: SearchSpace
    pictures: ImageView
    checkpoint: Path
    scale: TrainingResolution
    calibration: int = 8
    batch_size: int = 128
    precision: str = "auto"
    start: FromWeights | None = None

    @property
    def conventions(self) -> Conventions:
        """Those of its networks."""
        return self.start.conventions if self.start else PLAIN

    def judge(self, arch: Architecture) -> Metrics:
        """All that the validation split tells of `arch`.

        Raises:
            RunError: the checkpoint is not there, not finished, or of another space or other images.
            SpaceError: `arch` is not in the space.
        """
        net = self.subnet(arch)
        with autocast(self.precision, self.pictures.device):
            return judge(net, self._data(arch).val_dataloader())

    def subnet(self, arch: Architecture) -> nn.Module:
        """`arch` with its weights and the statistics of its batch norms; raises as `judge` does."""
        net = _open_supernet(self.space, self.pictures, self.checkpoint, self.scale, self.start).subnet(arch)
        net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        batches = islice(self._data(arch).train_dataloader(), self.calibration)
        with autocast(self.precision, self.pictures.device):
            recalibrate(net, (images.to(memory_format=torch.channels_last) for images, _ in batches))
        return net.eval()

    def _data(self, arch: Architecture) -> ImageData:
        return self.pictures.at(self.scale(arch), self.batch_size, seed=0)


@dataclass(frozen=True, slots=True)
class FromShared:
    """Where a long training starts: a network's slice of the shared weights, which `made_by` tells from others."""

    shared: SharedWeights
    made_by: str

    @property
    def identity(self) -> tuple[str, str]:
        """The same wherever the file of the shared weights lies."""
        return "shared weights", self.made_by

    @property
    def conventions(self) -> Conventions:
        """Those of the networks."""
        return self.shared.conventions

    def of(self, arch: Architecture) -> Self:
        """Itself, for any."""
        return self

    def __call__(self, arch: Architecture) -> dict[str, Tensor]:
        """A state dict of `build(arch)`; raises as `SharedWeights.judge` does."""
        return {name: value.cpu() for name, value in self.shared.subnet(arch).state_dict().items()}


@dataclass(frozen=True, slots=True)
class TaughtByShared:
    """A teacher: the logits of `arch` with its slice of the shared weights, which `made_by` tells from others."""

    shared: SharedWeights
    arch: Architecture
    made_by: str

    @property
    def identity(self) -> tuple[str, str, str]:
        """The same wherever the file of the shared weights lies."""
        return "shared weights", self.arch.notation, self.made_by

    def __call__(self, images: Tensor) -> Tensor:
        """Normalised images, N x C x R x R, to logits by the pixels `arch` was trained at.

        Raises as `SharedWeights.judge` does.
        """
        logits: Tensor = _teacher(self.shared, self.arch)(resize(images, self.shared.scale(self.arch)))
        return logits


@lru_cache(maxsize=1)
def _teacher(shared: SharedWeights, arch: Architecture) -> nn.Module:
    """The subnet, made once in each process."""
    return shared.subnet(arch)


@lru_cache(maxsize=2)
def _open_supernet(
    space: SearchSpace, pictures: ImageView, checkpoint: Path, scale: TrainingResolution, start: FromWeights | None
) -> Supernet:
    """The supernet of a file, opened once in each process; processes of one machine share the memory."""
    content = read(checkpoint, facts(space, pictures, scale, start))
    if not content["finished"]:
        raise RunError(f"the training of {short(str(checkpoint), 200)} is not finished; go on with it first")
    conventions = start.conventions if start else PLAIN
    with torch.device("meta"):
        net = Supernet(space, conventions)
    net.load_state_dict(content["weights"], assign=True)
    return net.to(pictures.device)
