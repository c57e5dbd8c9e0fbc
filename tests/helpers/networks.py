"""A small network as training leaves it, and images for it."""

import numpy as np
import torch
from torch import nn

from nas.nets.build import build
from nas.nets.conventions import PLAIN, Conventions
from nas.spaces.architecture import Architecture
from nas.spaces.block import Block

ARCH = Architecture(
    resolution=64,
    in_channels=3,
    classes=5,
    blocks=(
        Block("conv", kernel=3, stride=2, out_channels=8),
        Block("sep", kernel=3, stride=2, out_channels=16),
        Block("mbconv", kernel=5, stride=2, out_channels=16, expansion=4),
        Block("mbconv", kernel=3, stride=1, out_channels=16, expansion=3),
        Block("conv", kernel=1, stride=1, out_channels=32),
    ),
)


def trained_like(arch: Architecture) -> nn.Module:
    """A network as training leaves it: every batch norm has its own statistics, and logits are of order one."""
    torch.manual_seed(0)
    net = build(arch).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, 0, 0.3)
            nn.init.uniform_(module.running_var, 0.3, 2)
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, 0, 0.5)
    return net


def with_signal(arch: Architecture, conventions: Conventions = PLAIN) -> nn.Module:
    """A network whose logits tell images apart, however deep it is: its norms hold the statistics of noise."""
    torch.manual_seed(0)
    net = build(arch, conventions).train()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, 0, 0.5)
    with torch.no_grad():
        net(torch.from_numpy(noise(64, arch.resolution)))
    return net.eval()


def noise(n: int, pixels: int = 32) -> np.ndarray:
    """`n` images of 3 channels, the same for the same number."""
    return np.random.default_rng(n).standard_normal((n, 3, pixels, pixels), dtype=np.float32)
