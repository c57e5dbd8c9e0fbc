"""Pretrained networks with the most important channels first, so that a narrower network is a front slice.

The importance of a channel is the l1 norm of the weights that read it (Cai et al. 2020,
https://arxiv.org/abs/1908.09791): of the projection, for the channels of an expansion; of all that read the stream,
for those that shortcuts add up. A depthwise convolution hands its channels on to the one after it. Of an expansion,
what hardly varies is hardly missed: there the norm counts times the channel's deviation, which its batch norm tells
without an image. (For streams that made a probe of slices worse.)
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

import torch
from torch import Tensor

from nas.nets.blocks import MODULES
from nas.nets.pretrained.base import Pretrained
from nas.spaces.architecture import Architecture
from nas.spaces.block import Block
from nas.spaces.chain import expands
from nas.spaces.layers import has_shortcut

State = Mapping[str, Tensor]

_READS = {"conv": "0.weight", "sep": "pointwise.0.weight"}
"""What reads the channels that reach a block, but for an inverted residual."""


def roles(state: State, number: int) -> dict[str, str]:
    """The names in a state dict of what block `number` has, by their part in it, with a shortcut or without."""
    begin = f"{number}."
    return {name.removeprefix(begin).removeprefix("body."): name for name in state if name.startswith(begin)}


@lru_cache(maxsize=4)
def ordered(pretrained: Pretrained) -> Pretrained:
    """The same function, with the channels of every stream and expansion in order of importance, largest first."""
    arch, state = pretrained.arch, dict(pretrained.state)
    orders = _orders(arch, state)
    for number in range(len(arch.blocks)):
        parts = roles(state, number)
        along = _along(state, parts, arch.blocks[number].activation, orders[number], orders[number + 1])
        for role, name in parts.items():
            if state[name].ndim:  # norms count their batches in a scalar
                rows, columns = along[_part(role)]
                tensor = state[name][rows]
                state[name] = tensor[:, columns] if columns is not None and tensor.ndim > 1 else tensor
    last = f"{len(arch.blocks) + 2}.weight"
    state[last] = state[last][:, orders[-1]]
    return replace(pretrained, state=state)


def _orders(arch: Architecture, state: State) -> list[Tensor]:
    """The order of the channels before each block, and after the last; those of the images stay as they are."""
    streams = list(_streams(arch))
    weights = [_columns(state[roles(state, number)[_read(block)]]) for number, block in enumerate(arch.blocks)]
    weights.append(state[f"{len(arch.blocks) + 2}.weight"].abs().sum(0))
    sums: dict[int, Tensor] = {}
    for stream, weight in zip(streams, weights, strict=True):
        sums[stream] = sums[stream] + weight if stream in sums else weight
    found = {stream: _largest_first(importance) for stream, importance in sums.items() if stream}
    return [found[stream] if stream else torch.arange(arch.in_channels) for stream in streams]


def _streams(arch: Architecture) -> Iterator[int]:
    """The stream before each block, and after the last: a shortcut goes on with that before it. 0 are the images."""
    stream, channels = 0, arch.in_channels
    yield stream
    for number, block in enumerate(arch.blocks, start=1):
        stream = stream if has_shortcut(block, channels) else number
        channels = block.out_channels
        yield stream


def _read(block: Block) -> str:
    return _READS.get(block.op) or ("expand.0.weight" if expands(block) else "project.0.weight")


def _along(
    state: State, parts: Mapping[str, str], activation: str, before: Tensor, after: Tensor
) -> dict[str, tuple[Tensor, Tensor | None]]:
    """The order of outputs and of inputs of each part of a block; None for the single input of a depthwise one."""
    hidden = squeezed = before
    if "expand.0.weight" in parts:
        importance = _columns(state[parts["project.0.weight"]])
        if "depthwise.1.weight" in parts:
            scale, middle = (state[parts[f"depthwise.1.{name}"]] for name in ("weight", "bias"))
            importance = importance * _deviation(scale, middle, activation)
        hidden = _largest_first(importance)
    if "se.excite.weight" in parts:
        squeezed = _largest_first(_columns(state[parts["se.excite.weight"]]))
    return {
        "conv": (after, before),
        "expand": (hidden, before),
        "depthwise": (hidden, None),
        "se.squeeze": (squeezed, hidden),
        "se.excite": (hidden, squeezed),
        "project": (after, hidden),
        "pointwise": (after, hidden),
    }


def _part(role: str) -> str:
    words: Sequence[str] = [word for word in role.split(".")[:-1] if not word.isdigit()]
    return ".".join(words) or "conv"


def _columns(weight: Tensor) -> Tensor:
    """The l1 norm of what reads each input of a convolution."""
    return weight.abs().sum((0, 2, 3))


def _deviation(scale: Tensor, middle: Tensor, activation: str) -> Tensor:
    """The standard deviation of activated Gaussians of deviation `scale` around `middle`, as a norm's outputs are."""
    grid = torch.linspace(-5, 5, 1001, dtype=torch.float64)
    density = torch.exp(-(grid**2) / 2)
    density /= density.sum()
    values: Tensor = MODULES[activation]()(middle.double()[:, None] + scale.double()[:, None] * grid)
    mean = (values * density).sum(1, keepdim=True)
    return ((values - mean).square() * density).sum(1).sqrt().float()


def _largest_first(importance: Tensor) -> Tensor:
    return importance.argsort(descending=True, stable=True)
