"""Blocks as torch modules; inputs and outputs are NCHW.

Only the order of layers is decided here; shapes come from `nas.spaces.layers`, the one walk. Branched blocks are made
from that walk itself.
"""

from collections import OrderedDict

import torch
from torch import Tensor, nn

from nas.nets.conventions import PLAIN, Conventions, follow
from nas.nets.depthwise import Depthwise
from nas.nets.unit import Unit
from nas.nets.wired import Wired, moved
from nas.spaces.block import OPS, Block
from nas.spaces.chain import expands, hidden_channels
from nas.spaces.layers import CONVOLUTIONS, Layer, branches, has_shortcut, squeeze_channels

MODULES = {"relu6": nn.ReLU6, "relu": nn.ReLU, "hswish": nn.Hardswish, "elu": nn.ELU, "none": nn.Identity}


def block_module(block: Block, in_channels: int, conventions: Conventions = PLAIN) -> nn.Module:
    """`block` after `in_channels` channels."""
    module = _BLOCKS[block.op](block, in_channels) if block.op in OPS else _branched(block, in_channels)
    follow(module, conventions)
    return module


def _conv(block: Block, in_channels: int) -> nn.Module:
    shape = in_channels, block.out_channels, block.kernel, block.stride, block.groups
    return _convolution(*shape, block.activation, norm=not block.bias, bias=block.bias)


def _sep(block: Block, in_channels: int) -> nn.Module:
    parts = _depthwise(block, in_channels)
    parts["pointwise"] = _convolution(in_channels, block.out_channels, 1, 1, 1, block.activation)
    return nn.Sequential(parts)


def _mbconv(block: Block, in_channels: int) -> nn.Module:
    hidden = hidden_channels(block, in_channels)
    parts: OrderedDict[str, nn.Module] = OrderedDict()
    if block.start:
        stride = block.stride if block.middle == "none" else 1
        parts["start"] = _convolution(in_channels, in_channels, block.start, stride, in_channels, "none")
    if block.middle == "conv":
        parts["expand"] = _convolution(in_channels, hidden, block.kernel, block.stride, 1, block.activation)
    elif expands(block):
        parts["expand"] = _convolution(in_channels, hidden, 1, 1, 1, block.activation)
    if block.middle == "depthwise":
        parts |= _depthwise(block, hidden)
    end = block.activation if block.nonlinear else "none"
    parts["project"] = _convolution(hidden, block.out_channels, 1, 1, 1, end)
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
    in_channels: int,
    out_channels: int,
    kernel: int,
    stride: int,
    groups: int,
    activation: str,
    *,
    norm: bool = True,
    bias: bool = False,
) -> nn.Sequential:
    convolution = Depthwise if 1 < groups == in_channels == out_channels else nn.Conv2d
    parts: list[nn.Module] = [
        convolution(in_channels, out_channels, kernel, stride, kernel // 2, groups=groups, bias=bias)
    ]
    if norm:
        parts.append(nn.BatchNorm2d(out_channels))
    if activation != "none":
        parts.append(MODULES[activation]())
    return Unit(*parts)


def _branched(block: Block, in_channels: int) -> nn.Module:
    wired = branches(block, in_channels, 1)
    return Wired([_layer_module(layer) for layer, _ in wired], [inputs for _, inputs in wired])


def _layer_module(layer: Layer) -> nn.Module:
    """What computes a layer of a branched block."""
    shape = layer.in_channels, layer.out_channels, layer.kernel, layer.stride, layer.groups
    if layer.op in CONVOLUTIONS:
        return _convolution(*shape, layer.activation, norm=layer.norm, bias=layer.bias)
    return moved(layer, MODULES[layer.activation]())


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
