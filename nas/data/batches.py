"""Images -> normalised training batches, for Lightning.

Batches are float32 N x C x R x R and int64 N; with mixup or CutMix, training labels are float32 N x classes. A batch
is gathered by index in one step, in the process that trains: at these sizes loader processes cost more than
they save. It goes to the device as uint8, and the rest happens there, in this order: RandAugment at the stored
resolution, normalise, crop or resize, flip and shift at the training resolution, padding with the mean colour (zero
after normalising), colour, erasing, mixup or CutMix.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import BatchSampler, DataLoader, Dataset, RandomSampler, SequentialSampler

from nas.data import augment as augmentations
from nas.data.images import Images, Split, few
from nas.errors import ConfigError
from nas.nets.device import device_of
from nas.reading.plain import readable

Batch = tuple[Tensor, Tensor]

Statistics = tuple[tuple[float, ...], tuple[float, ...]]
"""Mean and deviation of each channel."""


class ImageBatches(Dataset[Batch]):
    """Batches of a split by lists of indices, on `device`.

    `transform` takes uint8 N x C x R x R, int64 N and their indices to what the network sees.
    """

    def __init__(
        self, split: Split, device: torch.device, transform: Callable[[Tensor, Tensor, list[int]], Batch]
    ) -> None:
        self.split = split
        self.device = device
        self.transform = transform

    def __len__(self) -> int:
        return len(self.split)

    def __getitem__(self, indices: list[int]) -> Batch:
        # A list of indices copies, so that the tensors are writable though the split may be a read-only memory map.
        pixels, labels = self.split.pixels[indices], self.split.labels[indices]
        images, classes = (self._moved(torch.from_numpy(np.asarray(part))) for part in (pixels, labels))
        return self.transform(images, classes, indices)

    def _moved(self, tensor: Tensor) -> Tensor:
        return tensor.pin_memory().to(self.device, non_blocking=True) if self.device.type == "cuda" else tensor


class TrainingLoader(DataLoader[Batch]):
    """Batches in a new order each epoch; `state`, between two epochs, is all that the next ones depend on."""

    def __init__(
        self,
        batches: ImageBatches,
        order: "BatchesOfPart",
        generator: torch.Generator,
        flips: augmentations.Flips | None,
    ) -> None:
        super().__init__(batches, sampler=order, batch_size=None, generator=generator)
        self.flips = flips

    def state(self) -> dict[str, Tensor]:
        """Of the generator, and of the flips where they alternate."""
        assert self.generator is not None
        state = {"generator": self.generator.get_state()}
        return state if self.flips is None else {**state, "flips": self.flips.flipped_next.clone()}

    def go_on(self, state: dict[str, Tensor]) -> None:
        """Go on as the loader went on from which `state` was taken."""
        assert self.generator is not None
        self.generator.set_state(state["generator"])
        if self.flips is not None:
            self.flips.flipped_next.copy_(state["flips"])


class BatchesOfPart(BatchSampler):
    """Lists of indices in random order; of each batch the part of process number `rank` of `ranks`, all of one size.

    A last batch that would leave a part fewer than two images is dropped: batch norm cannot learn from it.
    """

    def __init__(
        self, batches: ImageBatches, size: int, generator: torch.Generator, rank: int = 0, ranks: int = 1
    ) -> None:
        drop_last = 0 < len(batches) % size < 2 * ranks
        super().__init__(RandomSampler(batches, generator=generator), size, drop_last)
        self._rank, self._ranks = rank, ranks

    def __iter__(self) -> Iterator[list[int]]:
        for indices in super().__iter__():
            whole = len(indices) // self._ranks * self._ranks
            yield indices[self._rank : whole : self._ranks]


class ImageData:
    """The loaders of a data set at one training resolution.

    The same `seed` gives the same batches, epoch by epoch, from every call of `train_dataloader`.
    `statistics`, mean and deviation of each channel on the scale 0..1, normalise the images; by default those of the
    train split as stored. `crop` is the smallest share of an image's area that is cropped, `colour` a strength, `erase`
    a chance, `mixup` and `cutmix` their alphas, `randaugment` its number of operations and their magnitude. Batches
    come on `device`, by default a GPU where there is one.

    Raises:
        ConfigError: batches of fewer than two images (batch norm), another value out of range, or no kornia.
    """

    def __init__(
        self,
        images: Images,
        *,
        batch_size: int,
        resolution: int | None = None,
        seed: int = 0,
        flip: bool | str = False,
        shift: int = 0,
        crop: float = 1.0,
        colour: float = 0.0,
        erase: float = 0.0,
        mixup: float = 0.0,
        cutmix: float = 0.0,
        randaugment: tuple[int, int] | None = None,
        statistics: Statistics | None = None,
        device: torch.device | str | None = None,
    ) -> None:
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
        self.crop = crop
        self.colour = colour
        self.erase = erase
        self.mixup = mixup
        self.cutmix = cutmix
        self.device = device_of() if device is None else torch.device(device)
        self._randaugment = augmentations.randaugment(*randaugment) if randaugment else None
        self.mean, self.std = statistics or (images.mean, images.std)

    def train_dataloader(self, rank: int = 0, ranks: int = 1) -> TrainingLoader:
        """Shuffled and augmented: the part of process number `rank` of `ranks` that train together.

        A last batch of one image is dropped: batch norm cannot learn from it.
        """
        generator = torch.Generator().manual_seed(self.seed)
        flips = augmentations.Flips(len(self.images.train), generator) if self.flip == "alternating" else None

        def transform(pixels: Tensor, labels: Tensor, indices: list[int]) -> Batch:
            if self._randaugment is not None:
                pixels = self._randaugment(pixels / 255, generator) * 255
            batch = self._changed(pixels, flips(indices) if flips else self.flip is True, generator)
            return self._mixed(batch, labels, generator)

        batches = ImageBatches(self.images.train, self.device, transform)
        order = BatchesOfPart(batches, self.batch_size, generator, rank, ranks)
        return TrainingLoader(batches, order, generator, flips)

    def _mixed(self, batch: Tensor, labels: Tensor, generator: torch.Generator) -> Batch:
        """By mixup or CutMix, where they are asked for; where both are, by one of them."""
        offered = ((augmentations.mixup, self.mixup), (augmentations.cutmix, self.cutmix))
        asked = [(mix, alpha) for mix, alpha in offered if alpha]
        if not asked:
            return batch, labels
        mix, alpha = asked[int(torch.randint(len(asked), (), generator=generator)) if len(asked) > 1 else 0]
        return mix(batch, labels, len(self.images.classes), alpha, generator)

    def _changed(self, pixels: Tensor, flip: bool | Tensor, generator: torch.Generator) -> Tensor:
        """Normalised, at the training resolution, and augmented."""
        if self.crop < 1:
            batch = normalise(pixels, self.mean, self.std)
            batch = augmentations.crop(batch, self.crop, self.resolution, generator)
        else:
            batch = self._normalised(pixels)
        batch = augmentations.augment(batch, flip, self.shift, generator)
        if self.colour:
            batch = augmentations.colour(batch, self.colour, self.mean, self.std, generator)
        return augmentations.erase(batch, self.erase, generator) if self.erase else batch

    def seen_dataloader(self, limit: int | None = None) -> DataLoader[Batch]:
        """The training images in order, as they are; at most `limit` of them, or one of each class, stratified."""
        return self._plain(self.images.train, limit)

    def val_dataloader(self, limit: int | None = None) -> DataLoader[Batch]:
        """In order, as they are; at most `limit`, stratified."""
        return self._plain(self.images.val, limit)

    def test_dataloader(self) -> DataLoader[Batch]:
        """In order, as they are."""
        return self._plain(self.images.test)

    def _plain(self, split: Split, limit: int | None = None) -> DataLoader[Batch]:
        split = few(split, limit, len(self.images.classes))
        batches = ImageBatches(split, self.device, lambda pixels, labels, _: (self._normalised(pixels), labels))
        order = BatchSampler(SequentialSampler(batches), self.batch_size, drop_last=False)
        # A generator of its own, because a loader without one draws from torch's global one.
        return DataLoader(batches, sampler=order, batch_size=None, generator=torch.Generator())

    def _normalised(self, pixels: Tensor) -> Tensor:
        return resize(normalise(pixels, self.mean, self.std), self.resolution)

    def preprocessing(self) -> dict[str, Any]:
        """What has to be done to an image before the network sees it, as plain JSON values.

        In order: turn as `exif` says, lay over the background where there is `alpha`, convert to `colour`, `fit` to
        `decoded_at` pixels by `interpolation`, then, if that is another number, to `resolution` bilinearly and
        antialiased; multiply by `scale`, subtract `mean`, divide by `std`.
        """
        return {
            "resolution": self.resolution,
            "decoded_at": self.images.resolution,
            "exif": "turned upright by its orientation",
            "alpha": "laid over white",
            "channels": self.images.channels,
            "colour": "grey" if self.images.channels == 1 else "RGB",
            "layout": "NCHW",
            "fit": "centre crop to a square, resize",
            "interpolation": "bicubic, antialiased",
            "scale": 1 / 255,
            "mean": list(self.mean),
            "std": list(self.std),
            "classes": [readable(name) for name in self.images.classes],
        }


def resize(images: Tensor, pixels: int) -> Tensor:
    """Square images N x C x R x R at `pixels`: bilinear, antialiased when reducing."""
    if images.shape[-1] == pixels:
        return images
    return F.interpolate(images, (pixels, pixels), mode="bilinear", align_corners=False, antialias=True)


def normalise(pixels: Tensor, mean: tuple[float, ...], std: tuple[float, ...]) -> Tensor:
    """N x C x R x R of 0..255 -> float32 with mean 0 and deviation 1 per channel; `mean`, `std` on the scale 0..1."""
    offset = torch.tensor(mean, device=pixels.device).view(1, -1, 1, 1) * 255
    factor = 1 / (torch.tensor(std, device=pixels.device).view(1, -1, 1, 1) * 255)
    return pixels.float().sub_(offset).mul_(factor)
