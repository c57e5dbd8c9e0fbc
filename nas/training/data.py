"""Images -> normalised training batches, for Lightning.

Batches are float32 N x C x R x R and int64 N. A batch is gathered by index in one step, in the process
that trains: at these sizes loader processes cost more than they save. Order of work: scale, normalise,
resize, then augment at the training resolution, padding with the mean colour (zero after normalising).
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import BatchSampler, DataLoader, Dataset, RandomSampler, SequentialSampler

from nas.errors import ConfigError
from nas.training.images import Images, Split

Batch = tuple[Tensor, Tensor]


class ImageBatches(Dataset[Batch]):
    """Batches of a split by lists of indices; `transform` takes uint8 N x C x R x R to what the network sees."""

    def __init__(self, split: Split, transform: Callable[[Tensor], Tensor]) -> None:
        self.split = split
        self.transform = transform

    def __len__(self) -> int:
        return len(self.split)

    def __getitem__(self, indices: list[int]) -> Batch:
        # A list of indices copies, so that the tensors are writable though the split may be a read-only memory map.
        pixels, labels = self.split.pixels[indices], self.split.labels[indices]
        return self.transform(torch.from_numpy(np.asarray(pixels))), torch.from_numpy(np.asarray(labels))


class ImageData(pl.LightningDataModule):
    """The loaders of a data set at one training resolution.

    The same `seed` gives the same batches, epoch by epoch, from every call of `train_dataloader`.
    `mean` and `std` are those of the train split as stored, per channel, on the scale 0..1.

    Raises:
        ConfigError: batches of fewer than two images (batch norm), or another value out of range.
    """

    def __init__(
        self,
        images: Images,
        *,
        batch_size: int,
        resolution: int | None = None,
        seed: int = 0,
        flip: bool = False,
        shift: int = 0,
    ) -> None:
        super().__init__()
        if batch_size < 2:
            raise ConfigError(f"batch_size must be at least 2, which batch norm needs, got {batch_size}")
        if resolution is not None and resolution < 1:
            raise ConfigError(f"resolution must be at least 1 pixel, got {resolution}")
        if shift < 0:
            raise ConfigError(f"shift must be 0 or more pixels, got {shift}")
        self.images = images
        self.batch_size = batch_size
        self.resolution = images.resolution if resolution is None else resolution
        self.seed = seed
        self.flip = flip
        self.shift = shift
        self.mean = images.mean
        self.std = images.std

    def train_dataloader(self) -> DataLoader[Batch]:
        """Shuffled and augmented. A last batch of one image is dropped: batch norm cannot learn from it."""
        generator = torch.Generator().manual_seed(self.seed)

        def transform(pixels: Tensor) -> Tensor:
            return augment(self._normalised(pixels), self.flip, self.shift, generator)

        batches = ImageBatches(self.images.train, transform)
        drop_last = len(batches) % self.batch_size == 1
        order = BatchSampler(RandomSampler(batches, generator=generator), self.batch_size, drop_last)
        return DataLoader(batches, sampler=order, batch_size=None, generator=generator)

    def val_dataloader(self) -> DataLoader[Batch]:
        """In order, as they are."""
        return self._plain(self.images.val)

    def test_dataloader(self) -> DataLoader[Batch]:
        """In order, as they are."""
        return self._plain(self.images.test)

    def _plain(self, split: Split) -> DataLoader[Batch]:
        batches = ImageBatches(split, self._normalised)
        order = BatchSampler(SequentialSampler(batches), self.batch_size, drop_last=False)
        # A generator of its own, because a loader without one draws from torch's global one.
        return DataLoader(batches, sampler=order, batch_size=None, generator=torch.Generator())

    def _normalised(self, pixels: Tensor) -> Tensor:
        scaled = normalise(pixels, self.mean, self.std)
        if scaled.shape[-1] == self.resolution:
            return scaled
        size = (self.resolution, self.resolution)
        return F.interpolate(scaled, size, mode="bilinear", align_corners=False, antialias=True)

    def preprocessing(self) -> dict[str, Any]:
        """What has to be done to an image before the network sees it, as plain JSON values.

        In order: `fit` to `resolution`, convert to `colour`, multiply by `scale`, subtract `mean`, divide by `std`.
        """
        return {
            "resolution": self.resolution,
            "channels": self.images.channels,
            "colour": "grey" if self.images.channels == 1 else "RGB",
            "layout": "NCHW",
            "fit": "centre crop to a square, resize",
            "interpolation": "bicubic, antialiased",
            "scale": 1 / 255,
            "mean": list(self.mean),
            "std": list(self.std),
            "classes": list(self.images.classes),
        }


def normalise(pixels: Tensor, mean: tuple[float, ...], std: tuple[float, ...]) -> Tensor:
    """uint8 N x C x R x R -> float32 with mean 0 and deviation 1 per channel; `mean`, `std` on the scale 0..1."""
    offset = torch.tensor(mean).view(1, -1, 1, 1) * 255
    factor = 1 / (torch.tensor(std).view(1, -1, 1, 1) * 255)
    return pixels.float().sub_(offset).mul_(factor)


def augment(batch: Tensor, flip: bool, shift: int, generator: torch.Generator) -> Tensor:
    """Each image of N x C x R x R flipped left to right with chance 1/2, and moved by -shift..shift pixels.

    What moves in is zero. One gather for the whole batch.
    """
    if not flip and not shift:
        return batch
    count, _, height, width = batch.shape
    rows = torch.arange(height).expand(count, -1)
    columns = torch.arange(width).expand(count, -1)
    if flip:
        flipped = torch.rand(count, 1, generator=generator) < 0.5
        columns = torch.where(flipped, width - 1 - columns, columns)
    if shift:
        rows = rows + torch.randint(0, 2 * shift + 1, (count, 1), generator=generator)
        columns = columns + torch.randint(0, 2 * shift + 1, (count, 1), generator=generator)
        batch = F.pad(batch, (shift, shift, shift, shift))
    images = torch.arange(count)[:, None, None]
    # Indexed as N x R x R x C: the advanced indices are split by the channel slice and go first.
    return batch[images, :, rows[:, :, None], columns[:, None, :]].movedim(-1, 1).contiguous()
