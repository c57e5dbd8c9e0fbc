"""Random changes of a training batch, as one operation on the whole batch, on whatever device it is.

Every random number is drawn by the CPU generator given, so that a seed means the same on every device.
"""

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from nas.data.settings import NO_KORNIA
from nas.errors import ConfigError


def augment(batch: Tensor, flip: bool | Tensor, shift: int, generator: torch.Generator) -> Tensor:
    """Each image of N x C x R x R flipped left to right with chance 1/2, and moved by -shift..shift pixels.

    `flip` may also say which are flipped, a flag for each. What moves in is zero. One gather for the whole batch.
    """
    if flip is False and not shift:
        return batch
    count, channels, height, width = batch.shape
    rows = torch.arange(height).expand(count, -1)
    columns = torch.arange(width).expand(count, -1)
    if flip is not False:
        flipped = torch.rand(count, 1, generator=generator) < 0.5 if flip is True else flip[:, None]
        columns = torch.where(flipped, width - 1 - columns, columns)
    if shift:
        rows = rows + torch.randint(0, 2 * shift + 1, (count, 1), generator=generator)
        columns = columns + torch.randint(0, 2 * shift + 1, (count, 1), generator=generator)
        batch = F.pad(batch, (shift, shift, shift, shift))
    rows, columns = rows.to(batch.device), columns.to(batch.device)
    places = rows[:, :, None] * batch.shape[-1] + columns[:, None, :]
    flat = batch.flatten(2).gather(2, places.view(count, 1, -1).expand(-1, channels, -1))
    return flat.view(count, channels, height, width)


class Flips:
    """Which images of a batch are flipped where each is every other time it is seen, after a random first time.

    Jordan 2024, https://arxiv.org/abs/2404.00498: two epochs see each image both ways.
    """

    def __init__(self, count: int, generator: torch.Generator) -> None:
        self.flipped_next = torch.rand(count, generator=generator) < 0.5

    def __call__(self, indices: list[int]) -> Tensor:
        """A flag for each of the images at `indices`, none of them twice."""
        flipped = self.flipped_next[indices]
        self.flipped_next[indices] = ~flipped
        return flipped


def crop(batch: Tensor, smallest: float, pixels: int, generator: torch.Generator) -> Tensor:
    """A random part of each image of N x C x R x R, resized to `pixels`, bilinear (random-resized-crop).

    The part has `smallest`..1 of the area and sides of 3:4 to 4:3, at most those of the image. Szegedy et al. 2014,
    https://arxiv.org/abs/1409.4842. Images of more than twice `pixels` are reduced to that first, antialiased.
    """
    if batch.shape[-1] > 2 * pixels:
        batch = F.interpolate(batch, (2 * pixels, 2 * pixels), mode="bilinear", align_corners=False, antialias=True)
    width, height = _sides(len(batch), (smallest, 1), _CROPPED, generator)
    left, top = (torch.rand(len(batch), 1, generator=generator) * (1 - side) for side in (width, height))
    centres = (torch.arange(pixels) + 0.5) / pixels
    across, down = ((start + side * centres) * 2 - 1 for start, side in ((left, width), (top, height)))
    places = torch.stack([across[:, None, :].expand(-1, pixels, -1), down[:, :, None].expand(-1, -1, pixels)], -1)
    # Channels last is faster, and what training wants.
    batch = batch.contiguous(memory_format=torch.channels_last)
    return F.grid_sample(batch, places.to(batch.device), padding_mode="border", align_corners=False)


def colour(
    batch: Tensor, strength: float, mean: tuple[float, ...], std: tuple[float, ...], generator: torch.Generator
) -> Tensor:
    """Brightness, contrast and saturation of each normalised image changed, each by a factor 1 - `strength`..1 + it.

    `mean` and `std` are what it was normalised by; grey images have no saturation. Together they are one matrix and one
    offset for each image; what leaves 0..255 is not cut off.
    """
    count, channels = batch.shape[:2]
    bright, contrast, saturation = 1 + strength * (2 * torch.rand(3, count, 1, 1, generator=generator) - 1)
    grey = torch.tensor(_GREY if channels == 3 else (1.0,)).expand(channels, channels)
    mixed = contrast * bright * (saturation * torch.eye(channels) + (1 - saturation) * grey)
    middle, spread = torch.tensor(mean).view(-1, 1), torch.tensor(std).view(-1, 1)
    matrix = (mixed * spread.T / spread).to(batch.device)
    average = batch.mean((2, 3))[..., None].cpu() * spread + middle  # of each channel, on the scale 0..1
    offset = (1 - contrast) * bright * (grey @ average) + mixed @ middle - middle
    return torch.baddbmm((offset / spread).to(batch.device), matrix, batch.flatten(2)).view_as(batch)


def erase(batch: Tensor, chance: float, generator: torch.Generator) -> Tensor:
    """A rectangle of each image of N x C x R x R made zero, with `chance`: 2 to 33 % of its area, sides of 1:3 to 3:1.

    Zhong et al. 2017, https://arxiv.org/abs/1708.04896.
    """
    count, size = len(batch), batch.shape[-1]
    chosen = torch.rand(count, 1, generator=generator) < chance
    sides = [(side * size).round() for side in _sides(count, (0.02, 0.33), _ERASED, generator)]
    starts = [torch.floor(torch.rand(count, 1, generator=generator) * (size - side + 1)) for side in sides]
    line = torch.arange(size)
    columns, rows = ((line >= start) & (line < start + side) for start, side in zip(starts, sides, strict=True))
    gone = (chosen & rows)[:, None, :, None] & columns[:, None, None, :]
    return batch.masked_fill(gone.to(batch.device), 0)


_CROPPED, _ERASED = 4 / 3, 3.0  # the longest of two sides, over the other
_GREY = (0.299, 0.587, 0.114)  # of ITU-R BT.601


def _sides(count: int, area: tuple[float, float], longest: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Width and height of random rectangles, each N x 1, as shares of the image's side."""
    areas = area[0] + (area[1] - area[0]) * torch.rand(count, 1, generator=generator)
    ratios = longest ** (2 * torch.rand(count, 1, generator=generator) - 1)
    return (areas * ratios).sqrt().clamp(max=1), (areas / ratios).sqrt().clamp(max=1)


def mixup(
    batch: Tensor, labels: Tensor, classes: int, alpha: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Images blended with others of the batch, and their labels as class probabilities, float32 N x classes.

    The share of the batch's blend is drawn from Beta(alpha, alpha). Zhang et al. 2018, https://arxiv.org/abs/1710.09412.
    """
    seed = int(torch.randint(2**62, (), generator=generator))  # torch draws no Beta from a generator of one's own
    share = float(np.random.default_rng(seed).beta(alpha, alpha))
    others = torch.randperm(len(batch), generator=generator).to(batch.device)
    soft = F.one_hot(labels, classes).to(batch.dtype)
    return torch.lerp(batch[others], batch, share), torch.lerp(soft[others], soft, share)


def cutmix(
    batch: Tensor, labels: Tensor, classes: int, alpha: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """A rectangle of each image taken from another of the batch, and their labels as class probabilities.

    The share of its area is drawn from Beta(alpha, alpha), for the whole batch; the labels are float32 N x classes, by
    the area that is left. Yun et al. 2019, https://arxiv.org/abs/1905.04899.
    """
    count, size = len(batch), batch.shape[-1]
    seed = int(torch.randint(2**62, (), generator=generator))
    side = round(size * (1 - float(np.random.default_rng(seed).beta(alpha, alpha))) ** 0.5)
    centres = torch.randint(size, (2, count, 1), generator=generator)
    line = torch.arange(size)
    columns, rows = ((line >= centre - side // 2) & (line < centre - side // 2 + side) for centre in centres)
    taken = (rows[:, None, :, None] & columns[:, None, None, :]).to(batch.device)
    others = torch.randperm(count, generator=generator).to(batch.device)
    kept = 1 - taken.float().mean((1, 2, 3))[:, None]
    soft = F.one_hot(labels, classes).to(batch.dtype)
    return torch.where(taken, batch[others], batch), torch.lerp(soft[others], soft, kept)


def randaugment(operations: int, magnitude: int) -> Callable[[Tensor, torch.Generator], Tensor]:
    """RandAugment by kornia: of N x C x R x R, float 0..1, with `operations` drawn anew for every batch.

    Cubuk et al. 2020, https://arxiv.org/abs/1909.13719. `magnitude` goes from 1 to 29.

    Raises:
        ConfigError: kornia is not installed.
    """
    try:
        from kornia.augmentation.auto import RandAugment
    except ImportError as error:
        raise ConfigError(NO_KORNIA) from error
    change = RandAugment(operations, magnitude, transformation_matrix_mode="skip")

    def apply(batch: Tensor, generator: torch.Generator) -> Tensor:
        seed = int(torch.randint(2**62, (), generator=generator))
        with torch.random.fork_rng(devices=[batch.device] if batch.is_cuda else []):  # kornia takes the global one
            torch.manual_seed(seed)
            changed: Tensor = change(batch.expand(-1, 3, -1, -1))  # some of its operations know RGB alone
        return changed[:, : batch.shape[1]].clamp(0, 1)

    return apply
