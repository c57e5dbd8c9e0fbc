"""The one walk that knows shapes: cost, latency and the built module all follow it.

A `Layer` is one *fused* layer as an inference engine runs it: convolution + batch norm + activation
is a single layer. Sizes are heights (= widths) in pixels, batch 1.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from nas.spaces.architecture import Architecture
from nas.spaces.block import Block

LAYER_OPS = ("conv", "depthwise", "add", "pool", "scale", "linear")


@dataclass(frozen=True, slots=True)
class Layer:
    """One fused layer.

    `op`: `conv` (any convolution of one group, 1x1 too), `depthwise`, `add` (shortcut), `pool` (global
    average), `scale` (the product with the squeeze-and-excitation gate), `linear`.
    `held`: elements that must stay in memory beside input and output while it runs (a shortcut's
    source, say). `norm`: a batch norm is fused in; `bias`: it has a bias of its own.
    """

    op: str
    kernel: int
    stride: int
    in_channels: int
    out_channels: int
    in_size: int
    out_size: int
    groups: int = 1
    activation: str = "none"
    norm: bool = False
    bias: bool = False
    held: int = 0

    @property
    def macs(self) -> int:
        """Multiply-accumulates; pooling, additions and gates count none (docs/cost.md)."""
        if self.op not in ("conv", "depthwise", "linear"):
            return 0
        return self.kernel**2 * self.in_channels // self.groups * self.out_channels * self.out_size**2

    @property
    def params(self) -> int:
        """Trainable weights, a batch norm's two vectors included."""
        if self.op not in ("conv", "depthwise", "linear"):
            return 0
        weights = self.kernel**2 * self.in_channels // self.groups * self.out_channels
        return weights + self.out_channels * (2 * self.norm + self.bias)

    @property
    def in_elements(self) -> int:
        """Elements of the (first) input."""
        return self.in_channels * self.in_size**2

    @property
    def out_elements(self) -> int:
        """Elements of the output."""
        return self.out_channels * self.out_size**2

    @property
    def live_elements(self) -> int:
        """Elements in memory while it runs: input, output and what is held."""
        return self.in_elements + self.out_elements + self.held

    def __str__(self) -> str:
        size = f"{self.in_channels}x{self.in_size}x{self.in_size} -> {self.out_channels}"
        return f"{self.op} {self.kernel}x{self.kernel}/{self.stride} {size} ({self.activation})"


def layers(arch: Architecture) -> Iterator[Layer]:
    """Every layer of `arch` in the order it runs."""
    return (layer for _, layer in placed(arch))


Place = tuple[int, int]
"""Of a block: the number of its stage, and how many blocks of the stage run before it."""


def places(arch: Architecture) -> Iterator[Place]:
    """The place of every block: a stage is a run of one op and width, of which the first alone may have a stride."""
    stage, index = -1, 0
    before: tuple[str, int] | None = None
    for block in arch.blocks:
        index += 1
        if block.stride > 1 or (block.op, block.out_channels) != before:
            stage, index = stage + 1, 0
        before = block.op, block.out_channels
        yield stage, index


def placed(arch: Architecture) -> Iterator[tuple[Place | None, Layer]]:
    """`layers` with the place of the block that each belongs to; the pool and the classifier belong to none."""
    channels, size = arch.in_channels, arch.resolution
    for place, block in zip(places(arch), arch.blocks, strict=True):
        yield from ((place, layer) for layer in _WALK[block.op](block, channels, size))
        channels, size = block.out_channels, out_size(size, block.stride)
    yield from ((None, layer) for layer in _head(arch, channels, size))


def out_size(size: int, stride: int) -> int:
    """Size after a stride-`stride` layer of odd kernel k with padding k // 2."""
    return (size - 1) // stride + 1


def has_shortcut(block: Block, in_channels: int) -> bool:
    """Whether `block` adds its input to its output."""
    return block.op == "mbconv" and block.stride == 1 and in_channels == block.out_channels


def squeeze_channels(channels: int, se: float) -> int:
    """Hidden channels of a squeeze-and-excitation of ratio `se` over `channels`."""
    return divisible(se * channels)


def divisible(channels: float, divisor: int = 8) -> int:
    """The multiple of `divisor` nearest to `channels`, never under 90 % of it (MobileNet v2's rule)."""
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded if rounded >= 0.9 * channels else rounded + divisor


def _head(arch: Architecture, channels: int, size: int) -> Iterator[Layer]:
    yield Layer("pool", 1, 1, channels, channels, size, 1, groups=channels)
    yield Layer("linear", 1, 1, channels, arch.classes, 1, 1, bias=True)


def _conv(block: Block, channels: int, size: int) -> Iterator[Layer]:
    after = out_size(size, block.stride)
    yield Layer(
        "conv", block.kernel, block.stride, channels, block.out_channels, size, after, 1, block.activation, norm=True
    )


def _sep(block: Block, channels: int, size: int) -> Iterator[Layer]:
    after = out_size(size, block.stride)
    yield from _depthwise(block, channels, size)
    yield Layer("conv", 1, 1, channels, block.out_channels, after, after, 1, block.activation, norm=True)


def _mbconv(block: Block, channels: int, size: int) -> Iterator[Layer]:
    after = out_size(size, block.stride)
    hidden = channels * block.expansion
    shortcut = has_shortcut(block, channels)
    held = channels * size**2 if shortcut else 0
    if block.expansion > 1:  # the expansion's own input is what the shortcut holds
        yield Layer("conv", 1, 1, channels, hidden, size, size, 1, block.activation, norm=True)
    yield from _depthwise(block, hidden, size, held=held, held_is_input=block.expansion == 1)
    yield Layer("conv", 1, 1, hidden, block.out_channels, after, after, 1, "none", norm=True, held=held)
    if shortcut:
        yield Layer("add", 1, 1, channels, channels, size, size, groups=channels, held=held)


def _depthwise(block: Block, channels: int, size: int, held: int = 0, held_is_input: bool = False) -> Iterator[Layer]:
    """The depthwise convolution and, where the block has one, its squeeze and excitation."""
    after = out_size(size, block.stride)
    yield Layer(
        "depthwise",
        block.kernel,
        block.stride,
        channels,
        channels,
        size,
        after,
        channels,
        block.activation,
        norm=block.norm_between,
        held=0 if held_is_input else held,
    )
    if block.se:
        squeezed = squeeze_channels(channels, block.se)
        gated = held + channels * after**2
        yield Layer("pool", 1, 1, channels, channels, after, 1, groups=channels, held=held)
        yield Layer("conv", 1, 1, channels, squeezed, 1, 1, 1, "relu", bias=True, held=gated)
        yield Layer("conv", 1, 1, squeezed, channels, 1, 1, 1, "hsigmoid", bias=True, held=gated)
        yield Layer("scale", 1, 1, channels, channels, after, after, groups=channels, held=held + channels)


_WALK = {"conv": _conv, "sep": _sep, "mbconv": _mbconv}
