"""The one walk that knows shapes: cost, latency and the built module all follow it.

A `Layer` is one *fused* layer as an inference engine runs it: convolution + batch norm + activation
is a single layer. Sizes are heights (= widths) in pixels, batch 1.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from nas.spaces.architecture import Architecture
from nas.spaces.block import OPS, Block
from nas.spaces.chain import divisible, expands, hidden_channels

LAYER_OPS = ("conv", "depthwise", "add", "pool", "scale", "linear")
"""Those of the networks that spaces hold, which devices are recorded with."""
BRANCHED_LAYER_OPS = ("grouped", "maxpool", "avgpool", "concat", "split", "shuffle")
"""Those of published networks alone."""
CONVOLUTIONS = ("conv", "depthwise", "grouped")
_WEIGHED = (*CONVOLUTIONS, "linear")


@dataclass(frozen=True, slots=True)
class Layer:
    """One fused layer.

    `op`: `conv` (any convolution of one group, 1x1 too), `depthwise`, `add` (shortcut), `pool` (global
    average), `scale` (the product with the squeeze-and-excitation gate), `linear`; of published networks also
    `grouped` (a convolution of several groups that is no depthwise one), `maxpool`, `avgpool`, `concat` (whose input
    are all that it joins), `split` (the last channels) and `shuffle` (of channels).
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
        if self.op not in _WEIGHED:
            return 0
        return self.kernel**2 * self.in_channels // self.groups * self.out_channels * self.out_size**2

    @property
    def params(self) -> int:
        """Trainable weights, a batch norm's two vectors included."""
        if self.op not in _WEIGHED:
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
        yield from ((place, layer) for layer in block_layers(block, channels, size))
        channels, size = block.out_channels, block_size(block, size)
    yield from ((None, layer) for layer in _head(arch, channels, size))


def block_layers(block: Block, channels: int, size: int) -> Iterator[Layer]:
    """The layers of `block` alone, after so many channels and pixels."""
    if block.op in OPS:
        yield from _WALK[block.op](block, channels, size)
    else:
        yield from (layer for layer, _ in branches(block, channels, size))


def block_size(block: Block, size: int) -> int:
    """Pixels after `block`."""
    return 1 if block.op == "gap" else out_size(size, block.stride)


def out_size(size: int, stride: int) -> int:
    """Size after a stride-`stride` layer of odd kernel k with padding k // 2."""
    return (size - 1) // stride + 1


def has_shortcut(block: Block, in_channels: int) -> bool:
    """Whether `block` adds its input to its output."""
    return block.op == "mbconv" and block.stride == 1 and in_channels == block.out_channels and block.shortcut


def squeeze_channels(channels: int, se: float) -> int:
    """Hidden channels of a squeeze-and-excitation of ratio `se` over `channels`."""
    return divisible(se * channels)


def _head(arch: Architecture, channels: int, size: int) -> Iterator[Layer]:
    yield Layer("pool", 1, 1, channels, channels, size, 1, groups=channels)
    yield Layer("linear", 1, 1, channels, arch.classes, 1, 1, bias=True)


def _conv(block: Block, channels: int, size: int) -> Iterator[Layer]:
    yield convolution(block.kernel, block.stride, channels, block.out_channels, size, block)


def convolution(
    kernel: int, stride: int, channels: int, out_channels: int, size: int, block: Block, groups: int | None = None
) -> Layer:
    """An activated convolution of `block`, with its groups or others, with norm or bias."""
    groups = groups or block.groups
    op = "conv" if groups == 1 else "depthwise" if groups == channels == out_channels else "grouped"
    shape = kernel, stride, channels, out_channels, size, out_size(size, stride), groups
    return Layer(op, *shape, block.activation, norm=not block.bias, bias=block.bias)


def _sep(block: Block, channels: int, size: int) -> Iterator[Layer]:
    after = out_size(size, block.stride)
    yield from _depthwise(block, channels, size)
    yield Layer("conv", 1, 1, channels, block.out_channels, after, after, 1, block.activation, norm=True)


def _mbconv(block: Block, channels: int, size: int) -> Iterator[Layer]:
    after = out_size(size, block.stride)
    hidden = hidden_channels(block, channels)
    shortcut = has_shortcut(block, channels)
    held = channels * size**2 if shortcut else 0
    end = block.activation if block.nonlinear else "none"
    first_stride = block.stride if block.middle == "none" else 1
    if block.start:
        size_after = out_size(size, first_stride)
        shape = block.start, first_stride, channels, channels, size, size_after, channels
        yield Layer("depthwise", *shape, norm=True)
        size = size_after
    first = not block.start  # whose own input is what the shortcut holds
    if block.middle == "conv":
        shape = block.kernel, block.stride, channels, hidden, size, after, 1
        yield Layer("conv", *shape, block.activation, norm=True, held=0 if first else held)
    elif expands(block):
        held_too = 0 if first else held
        yield Layer("conv", 1, 1, channels, hidden, size, size, 1, block.activation, norm=True, held=held_too)
    if block.middle == "depthwise":
        yield from _depthwise(block, hidden, size, held=held, held_is_input=first and not expands(block))
    yield Layer("conv", 1, 1, hidden, block.out_channels, after, after, 1, end, norm=True, held=held)
    if shortcut:
        yield Layer("add", 1, 1, channels, channels, after, after, groups=channels, held=held)


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

Wired = tuple[Layer, tuple[int, ...]]
"""A layer of a branched block, and the numbers of the layers that it reads, -1 for the block's input."""


def branches(block: Block, channels: int, size: int) -> list[Wired]:
    """The layers of a block of `BRANCHED_OPS` and what each reads, with what must be held meanwhile.

    A `concat` takes of its first input as many of the first channels as the others leave room for.
    """
    wired = list(_BRANCHES[block.op](block, channels, size))
    elements = [channels * size**2, *(layer.out_elements for layer, _ in wired)]
    last = [0] * (len(wired) + 1)
    for number, (_, inputs) in enumerate(wired):
        for source in inputs:
            last[source + 1] = number
    found = []
    for number, (layer, inputs) in enumerate(wired):
        live = sum(elements[made] for made in range(number + 1) if last[made] >= number)
        found.append((replace(layer, held=max(0, live - layer.in_elements)), inputs))
    return found


def _fire(block: Block, channels: int, size: int) -> Iterator[Wired]:
    half = block.out_channels // 2
    yield convolution(1, 1, channels, block.hidden, size, block), (-1,)
    yield convolution(1, 1, block.hidden, half, size, block), (0,)
    yield convolution(block.kernel, 1, block.hidden, half, size, block), (0,)
    yield _moved("concat", block.out_channels, size), (1, 2)


def _gshuffle(block: Block, channels: int, size: int) -> Iterator[Wired]:
    """Where it widens, the first convolution has one group (section 3.2 of the paper: few channels reach it)."""
    after, hidden = out_size(size, block.stride), block.out_channels // 4
    made = block.out_channels - (channels if block.stride > 1 else 0)
    linear = replace(block, activation="none")
    yield convolution(1, 1, channels, hidden, size, block, block.groups if channels >= hidden else 1), (-1,)
    yield _moved("shuffle", hidden, size, block.groups), (0,)
    yield convolution(block.kernel, block.stride, hidden, hidden, size, linear, hidden), (1,)
    yield convolution(1, 1, hidden, made, after, linear), (2,)
    if block.stride > 1:
        yield Layer("avgpool", 3, block.stride, channels, channels, size, after, channels), (-1,)
        yield replace(_moved("concat", block.out_channels, after), activation=block.activation), (4, 3)
    else:
        yield replace(_moved("add", channels, size), activation=block.activation), (3, -1)


def _shuffle(block: Block, channels: int, size: int) -> Iterator[Wired]:
    after, half = out_size(size, block.stride), block.out_channels // 2
    linear = replace(block, activation="none")
    if block.stride == 1:
        yield Layer("split", 1, 1, channels, half, size, size), (-1,)
        beside, entry, source, begin = -1, half, 0, 1
    else:
        yield convolution(block.kernel, block.stride, channels, channels, size, linear, channels), (-1,)
        yield convolution(1, 1, channels, half, after, block), (0,)
        beside, entry, source, begin = 1, channels, -1, 2
    yield convolution(1, 1, entry, half, size, block), (source,)
    yield convolution(block.kernel, block.stride, half, half, size, linear, half), (begin,)
    yield convolution(1, 1, half, half, after, block), (begin + 1,)
    yield _moved("concat", block.out_channels, after), (beside, begin + 2)
    yield _moved("shuffle", block.out_channels, after, 2), (begin + 3,)


def _dense(block: Block, channels: int, size: int) -> Iterator[Wired]:
    yield convolution(1, 1, channels, block.hidden, size, block), (-1,)
    yield _moved("shuffle", block.hidden, size, block.groups), (0,)
    yield convolution(block.kernel, 1, block.hidden, block.out_channels - channels, size, block), (1,)
    yield _moved("concat", block.out_channels, size), (-1, 2)


def _pool(block: Block, channels: int, size: int) -> Iterator[Wired]:
    after = block_size(block, size)
    op = "pool" if block.op == "gap" else block.op
    yield Layer(op, block.kernel, block.stride, channels, channels, size, after, channels), (-1,)


def _moved(op: str, channels: int, size: int, groups: int | None = None) -> Layer:
    """A layer that only moves or adds what it reads."""
    return Layer(op, 1, 1, channels, channels, size, size, groups or channels)


_BRANCHES = {
    **{"fire": _fire, "gshuffle": _gshuffle, "shuffle": _shuffle, "dense": _dense},
    **{"maxpool": _pool, "avgpool": _pool, "gap": _pool},
}
