"""Networks without their classifier: feature maps for detection and segmentation, embeddings for retrieval.

Blocks have the names that they have in a classifier of `nas.nets.build`, so that its weights fit.
"""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from nas.errors import ConfigError
from nas.spaces.architecture import Architecture

STRIDES = (4, 8, 16, 32)
"""Input pixels for each pixel of the maps that a backbone gives, where the network has them."""


class Backbone(nn.Sequential):
    """(N, in_channels, H, W) to a list of maps, the last of each stride of `STRIDES`, from fine to coarse.

    `channels` and `strides` are those of the maps; a map of stride s has (H - 1) // s + 1 rows where H is a power of 2.
    """

    def __init__(self, arch: Architecture, blocks: Sequence[nn.Module]) -> None:
        super().__init__(*blocks)
        stride, last = 1, dict[int, int]()
        for index, block in enumerate(arch.blocks):
            stride *= block.stride
            last[stride] = index
        chosen = {each: index for each, index in last.items() if each in STRIDES}
        if not chosen:
            raise ConfigError(f"the network has no map at strides 4 to 32: its total stride is {stride}")
        self.strides = tuple(chosen)
        self.channels = tuple(arch.blocks[index].out_channels for index in chosen.values())
        self._given = frozenset(chosen.values())

    def forward(self, x: Tensor) -> list[Tensor]:
        """NCHW to maps NCHW."""
        maps = []
        for index, block in enumerate(self):
            x = block(x)
            if index in self._given:
                maps.append(x)
        return maps


class Embedding(nn.Sequential):
    """(N, in_channels, H, W) to (N, `size`) of Euclidean length 1: pooled features through a linear layer."""

    def __init__(self, blocks: Sequence[nn.Module], channels: int, size: int) -> None:
        if size < 1:
            raise ConfigError(f"an embedding has at least 1 number, got {size}")
        super().__init__(*blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.project = nn.Linear(channels, size)
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        """NCHW to N x size."""
        *parts, project = self
        for part in parts:
            x = part(x)
        return F.normalize(project(x))
