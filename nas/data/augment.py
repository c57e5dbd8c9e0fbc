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


def augment(batch: Tensor, flip: bool, shift: int, generator: torch.Generator) -> Tensor:
    """Each image of N x C x R x R flipped left to right with chance 1/2, and moved by -shift..shift pixels.

    What moves in is zero. One gather for the whole batch.
    """
    if not flip and not shift:
        return batch
    count, channels, height, width = batch.shape
    rows = torch.arange(height).expand(count, -1)
    columns = torch.arange(width).expand(count, -1)
    if flip:
        flipped = torch.rand(count, 1, generator=generator) < 0.5
        columns = torch.where(flipped, width - 1 - columns, columns)
    if shift:
        rows = rows + torch.randint(0, 2 * shift + 1, (count, 1), generator=generator)
        columns = columns + torch.randint(0, 2 * shift + 1, (count, 1), generator=generator)
        batch = F.pad(batch, (shift, shift, shift, shift))
    rows, columns = rows.to(batch.device), columns.to(batch.device)
    places = rows[:, :, None] * batch.shape[-1] + columns[:, None, :]
    flat = batch.flatten(2).gather(2, places.view(count, 1, -1).expand(-1, channels, -1))
    return flat.view(count, channels, height, width)


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
