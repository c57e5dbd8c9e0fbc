"""What every score is given."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

from nas.nets.blocks import MODULES
from nas.spaces.architecture import Architecture

NONLINEAR = tuple(kind for kind in MODULES.values() if kind is not nn.Identity)


@dataclass(frozen=True, eq=False)
class ScoreInput:
    """An untrained network of `nas.nets.build` in training mode, and real images for it.

    `images` are N x C x R x R and normalised, `labels` int64 N, both on the network's device; `seed` is for what a
    score draws itself, on the CPU. Scores may move the running averages of batch norm, and change nothing else.
    """

    net: nn.Sequential
    images: Tensor
    labels: Tensor
    seed: int
    arch: Architecture

    @property
    def generator(self) -> torch.Generator:
        """A fresh source of random numbers, the same each time."""
        return torch.Generator().manual_seed(self.seed)

    @cached_property
    def kernels(self) -> Tensor:
        """For each activation layer, how many of its inputs have equal signs for two images: L x N x N, on the CPU.

        A sign is the linear piece of relu, and about that of the others. Gates are not counted.
        """
        found: list[Tensor] = []

        def count(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            signs = (inputs[0] > 0).flatten(1).float().mul_(2).sub_(1)  # sums are exact up to 2^24 inputs
            found.append((signs @ signs.T).double().add_(signs.shape[1]).div_(2).cpu())

        hooks = [m.register_forward_pre_hook(count) for m in self.net.modules() if isinstance(m, NONLINEAR)]
        try:
            with torch.no_grad():
                self.net(self.images)
        finally:
            for hook in hooks:
                hook.remove()
        pairs = (len(self.images), len(self.images))
        return torch.stack(found) if found else torch.zeros((0, *pairs), dtype=torch.float64)


Score = Callable[[ScoreInput], float]


def without(module: nn.Module, *kinds: type[nn.Module]) -> nn.Module:
    """`module` with its parts of these `kinds` replaced by the identity, in place."""
    for name, part in module.named_children():
        setattr(module, name, nn.Identity() if isinstance(part, kinds) else without(part, *kinds))
    return module


def convolutions(net: nn.Module) -> list[nn.Conv2d]:
    """Every convolution in `net`, in order."""
    return [module for module in net.modules() if isinstance(module, nn.Conv2d)]


def weights(net: nn.Module) -> list[Tensor]:
    """The weights of every convolution and linear layer of `net`, without biases."""
    return [module.weight for module in net.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
