"""How a training sees the decoded images: which of them, at how many pixels, on which device."""

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import torch

from nas.data.batches import ImageData, Statistics
from nas.data.images import Images, few
from nas.data.saved import open_saved
from nas.data.settings import AUGMENTATION
from nas.nets.device import device_of
from nas.spaces.architecture import Architecture


@dataclass(frozen=True, slots=True)
class TrainingResolution:
    """The pixels of a training: a network of `largest` pixels trains at `pixels`, others in proportion.

    So a space's choice of resolution still counts when all of it trains small. With `pixels` equal to `largest` each
    network trains at its own resolution; images that are smaller are enlarged in batches.
    """

    pixels: int
    largest: int

    def __call__(self, arch: Architecture) -> int:
        """The pixels at which `arch` trains; never more than its own resolution."""
        return max(1, min(arch.resolution, round(self.pixels * arch.resolution / self.largest)))


@dataclass(frozen=True, slots=True)
class ImageView:
    """Where the decoded images are, and how a training sees them: all, or at most `limit` training images and
    `val_limit` validation images, stratified.

    All that sees them computes on the device that `accelerator` names. What `AUGMENTATION` names, and `statistics`, are
    those of `ImageData`.
    """

    folder: Path
    flip: bool | str = False
    shift: int = 0
    crop: float = 1.0
    colour: float = 0.0
    erase: float = 0.0
    mixup: float = 0.0
    cutmix: float = 0.0
    randaugment: tuple[int, int] | None = None
    limit: int | None = None
    val_limit: int | None = None
    accelerator: str = "auto"
    statistics: Statistics | None = None

    @property
    def device(self) -> torch.device:
        """Where batches are made, and networks trained and judged."""
        return device_of(self.accelerator)

    @property
    def images(self) -> Images:
        """The images, opened once in each process."""
        return _opened(self.folder, self.limit, self.val_limit)

    def at(self, resolution: int, batch_size: int, seed: int) -> ImageData:
        """The data at `resolution` pixels, in batches."""
        return ImageData(
            self.images,
            batch_size=batch_size,
            resolution=resolution,
            seed=seed,
            statistics=self.statistics,
            device=self.device,
            **{name: getattr(self, name) for name in AUGMENTATION},
        )


@lru_cache(maxsize=4)
def _opened(folder: Path, limit: int | None, val_limit: int | None) -> Images:
    images = open_saved(folder)
    classes = len(images.classes)
    return replace(images, train=few(images.train, limit, classes), val=few(images.val, val_limit, classes))
