"""How a training sees the decoded images: which of them, at how many pixels, on which device."""

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import torch

from nas.data.batches import ImageData
from nas.data.images import Images, stratified
from nas.data.saved import open_saved
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
    """Where the decoded images are, and how a training sees them: all, or at most `limit` training images, stratified.

    All that sees them computes on the device that `accelerator` names. `flip`, `shift`, `mixup` and `randaugment` are
    those of `ImageData`.
    """

    folder: Path
    flip: bool = False
    shift: int = 0
    mixup: float = 0.0
    randaugment: tuple[int, int] | None = None
    limit: int | None = None
    accelerator: str = "auto"

    @property
    def device(self) -> torch.device:
        """Where batches are made, and networks trained and judged."""
        return device_of(self.accelerator)

    @property
    def images(self) -> Images:
        """The images, opened once in each process."""
        return _opened(self.folder, self.limit)

    def at(self, resolution: int, batch_size: int, seed: int) -> ImageData:
        """The data at `resolution` pixels, in batches."""
        return ImageData(
            self.images,
            batch_size=batch_size,
            resolution=resolution,
            seed=seed,
            flip=self.flip,
            shift=self.shift,
            mixup=self.mixup,
            randaugment=self.randaugment,
            device=self.device,
        )


@lru_cache(maxsize=4)
def _opened(folder: Path, limit: int | None) -> Images:
    images = open_saved(folder)
    if limit is None or limit >= len(images.train):
        return images
    return replace(images, train=stratified(images.train, max(limit, len(images.classes))))
