"""The three blocks as torch modules; inputs and outputs are NCHW.

Only the order of layers is decided here; shapes come from `nas.spaces.layers`, the one walk.
"""

from collections import OrderedDict

import torch
from torch import Tensor, nn

from nas.nets.conventions import PLAIN, Conventions, follow
from nas.nets.depthwise import Depthwise
from nas.nets.unit import Unit
from nas.spaces.block import Block
from nas.spaces.layers import has_shortcut, squeeze_channels

MODULES = {"relu6": nn.ReLU6, "relu": nn.ReLU, "hswish": nn.Hardswish, "elu": nn.ELU, "none": nn.Identity}


def block_module(block: Block, in_channels: int, conventions: Conventions = PLAIN) -> nn.Module:
    """`block` after `in_channels` channels."""
    module = _BLOCKS[block.op](block, in_channels)
    follow(module, conventions)
    return module


def _conv(block: Block, in_channels: int) -> nn.Module:
    return _convolution(in_channels, block.out_channels, block.kernel, block.stride, 1, block.activation)


def _sep(block: Block, in_channels: int) -> nn.Module:
    parts = _depthwise(block, in_channels)
    parts["pointwise"] = _convolution(in_channels, block.out_channels, 1, 1, 1, block.activation)
    return nn.Sequential(parts)


def _mbconv(block: Block, in_channels: int) -> nn.Module:
    hidden = in_channels * block.expansion
    parts: OrderedDict[str, nn.Module] = OrderedDict()
    if block.expansion > 1:
        parts["expand"] = _convolution(in_channels, hidden, 1, 1, 1, block.activation)
    parts |= _depthwise(block, hidden)
    parts["project"] = _convolution(hidden, block.out_channels, 1, 1, 1, "none")
    body = nn.Sequential(parts)
    return Residual(body) if has_shortcut(block, in_channels) else body


def _depthwise(block: Block, channels: int) -> OrderedDict[str, nn.Module]:
    depthwise = _convolution(
        channels, channels, block.kernel, block.stride, channels, block.activation, norm=block.norm_between
    )
    parts: OrderedDict[str, nn.Module] = OrderedDict(depthwise=depthwise)
    if block.se:
        parts["se"] = SqueezeExcitation(channels, squeeze_channels(channels, block.se))
    return parts


def _convolution(
    in_channels: int, out_channels: int, kernel: int, stride: int, groups: int, activation: str, *, norm: bool = True
) -> nn.Sequential:
    convolution = nn.Conv2d if groups == 1 else Depthwise
    parts: list[nn.Module] = [
        convolution(in_channels, out_channels, kernel, stride, kernel // 2, groups=groups, bias=False)
    ]
    if norm:
        parts.append(nn.BatchNorm2d(out_channels))
    if activation != "none":
        parts.append(MODULES[activation]())
    return Unit(*parts)


class Residual(nn.Module):
    """`body` plus the identity."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, x: Tensor) -> Tensor:
        """NCHW to NCHW of the same shape."""
        return x + self.body(x)  # type: ignore[no-any-return]


class SqueezeExcitation(nn.Module):
    """Channel gate: global average, two 1x1 convolutions, hard sigmoid (Howard et al. 2019)."""

    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(channels, squeezed, 1)
        self.excite = nn.Conv2d(squeezed, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """NCHW to NCHW of the same shape."""
        pooled = x.mean((2, 3), keepdim=True)
        return x * nn.functional.hardsigmoid(self.excite(torch.relu(self.squeeze(pooled))))


_BLOCKS = {"conv": _conv, "sep": _sep, "mbconv": _mbconv}
