"""Blocks with branches, made from the walk over their layers: each layer a module, and which of them it reads."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from nas.spaces.layers import Layer


class Wired(nn.Module):
    """`parts` in their order, each of which reads the outputs that `inputs` numbers, -1 for the block's input."""

    def __init__(self, parts: Sequence[nn.Module], inputs: Sequence[tuple[int, ...]]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)
        self.inputs = tuple(inputs)

    def forward(self, x: Tensor) -> Tensor:
        """NCHW to NCHW."""
        made = [x]
        for part, inputs in zip(self.parts, self.inputs, strict=True):
            made.append(part(*(made[source + 1] for source in inputs)))
        return made[-1]


def moved(layer: Layer, activation: nn.Module) -> nn.Module:
    """The module of a layer that has no weights, with `activation` after it."""
    made: nn.Module
    if layer.op == "maxpool":
        made = nn.MaxPool2d(layer.kernel, layer.stride, layer.kernel // 2)
    elif layer.op == "avgpool":
        made = nn.AvgPool2d(layer.kernel, layer.stride, layer.kernel // 2)
    elif layer.op == "pool":
        made = nn.AdaptiveAvgPool2d(1)
    elif layer.op == "add":
        return Add(activation)
    elif layer.op == "concat":
        return Concat(layer.out_channels, activation)
    elif layer.op == "split":
        made = Last(layer.out_channels)
    else:
        made = Shuffle(layer.groups)
    return made


class Add(nn.Module):
    """The sum of two maps, activated."""

    def __init__(self, activation: nn.Module) -> None:
        super().__init__()
        self.activation = activation

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """NCHW twice to NCHW of the same shape."""
        return self.activation(first + second)  # type: ignore[no-any-return]


class Concat(nn.Module):
    """So many `channels` of two maps, activated: all of the second, and as many of the first's first as are missing."""

    def __init__(self, channels: int, activation: nn.Module) -> None:
        super().__init__()
        self.channels = channels
        self.activation = activation

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """NCHW twice to NCHW of the same height and width."""
        return self.activation(torch.cat([first[:, : self.channels - second.shape[1]], second], 1))  # type: ignore[no-any-return]


class Last(nn.Module):
    """The last `channels` of a map."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels

    def forward(self, x: Tensor) -> Tensor:
        """NCHW to NCHW of the same height and width."""
        return x[:, -self.channels :]


class Shuffle(nn.Module):
    """Channels of `groups` in turn: the first of each, then the second of each."""

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, x: Tensor) -> Tensor:
        """NCHW to NCHW of the same shape."""
        count, channels, height, width = x.shape
        grouped = x.reshape(count, self.groups, channels // self.groups, height, width)
        return grouped.transpose(1, 2).reshape(count, channels, height, width)
