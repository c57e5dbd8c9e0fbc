"""A trained network as a file runs it: layers in the order they run, batch norms folded into weights, sizes fixed.

Every format is written from this one graph. A node is named after where it comes from: `block3.depthwise`, of a
branched block `block3.concat4` after the number of its part, `pool`, `classifier`; its output has the name of the node.
Weights of convolutions are outputs x inputs / groups x K x K, of the classifier outputs x inputs.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from nas.nets.blocks import MODULES, SqueezeExcitation
from nas.nets.conventions import SamePadded, same_padding
from nas.nets.unit import Unit
from nas.nets.wired import Wired, moved
from nas.spaces.architecture import Architecture
from nas.spaces.block import Block
from nas.spaces.layers import CONVOLUTIONS, Layer, block_layers, block_size, branches, layers
from nas.spaces.layers import Wired as WiredLayer

Floats = NDArray[np.float32]

Run = Callable[[Floats], Floats]
"""From images as the network sees them, N x C x R x R, to logits, N x classes."""

Labels = NDArray[np.int64]
Labelled = Iterable[tuple[Floats, Labels]]
"""Batches of images as the network sees them, with their labels."""


def in_batches(run: Run, size: int | None) -> Run:
    """`run`, which takes `size` images at a time, or any number, for any number; the last batch is filled up."""
    if size is None:
        return run

    def every(images: Floats) -> Floats:
        parts = [images[start : start + size] for start in range(0, len(images), size)]
        filled = [np.concatenate([part, part[:1].repeat(size - len(part), 0)]) for part in parts]
        return np.concatenate([run(part) for part in filled])[: len(images)]

    return every


IMAGES, CLASSIFIER = "images", "classifier"


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """One fused layer; `inputs` are the names of those it reads. `pads` are pixels before and after, on both axes.

    A `concat` reads two, of the first as many of the first channels as the second leaves room for.
    """

    name: str
    layer: Layer
    inputs: tuple[str, ...]
    weight: Floats | None = None
    bias: Floats | None = None
    pads: tuple[int, int] = (0, 0)

    @property
    def weights(self) -> tuple[Floats, Floats]:
        """Weight and bias of a node that has them."""
        if self.weight is None or self.bias is None:
            raise ValueError(f"{self.name} has no weights")
        return self.weight, self.bias


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """The nodes of a network for square images of `resolution` pixels; the last gives the logits."""

    nodes: tuple[Node, ...]
    channels: int
    resolution: int

    @property
    def classes(self) -> int:
        """How many logits it gives."""
        return self.nodes[-1].layer.out_channels

    def channels_of(self, name: str) -> int:
        """Channels of the tensor of that name."""
        return next((node.layer.out_channels for node in self.nodes if node.name == name), self.channels)

    def readers(self, name: str) -> list[Node]:
        """The nodes that read the output of the node of that name."""
        return [node for node in self.nodes if name in node.inputs]


def graph_of(net: nn.Module, arch: Architecture) -> Graph:
    """The graph of `net`, a trained `build(arch)`, at the architecture's resolution."""
    nodes: list[Node] = []
    tensor, channels, size = IMAGES, arch.in_channels, arch.resolution
    *modules, _, _, classifier = list(net.children())
    for number, (block, module) in enumerate(zip(arch.blocks, modules, strict=True)):
        if isinstance(module, Wired):
            nodes += _branched(f"block{number}", module, branches(block, channels, size), tensor)
        else:
            nodes += _chained(f"block{number}", module, block, list(block_layers(block, channels, size)), tensor)
        tensor, channels, size = nodes[-1].name, block.out_channels, block_size(block, size)
    *_, pool, linear = layers(arch)
    weight, bias = (each.detach().cpu().float().numpy() for each in classifier.parameters())
    nodes += [Node("pool", pool, (tensor,)), Node(CLASSIFIER, linear, ("pool",), weight, bias)]
    return Graph(tuple(nodes), arch.in_channels, arch.resolution)


def _chained(place: str, module: nn.Module, block: Block, part: Sequence[Layer], tensor: str) -> Iterator[Node]:
    """The nodes of a block whose layers follow one another, after `tensor`."""
    parts, source, gated = _weighted(module, block.op), tensor, tensor
    for layer in part:
        if layer.op in CONVOLUTIONS:
            name, weight, bias, same = next(parts)
            node = Node(f"{place}.{name}", layer, (tensor,), weight, bias, _pads(layer, same))
        else:
            gated = tensor if layer.op == "pool" else gated
            name = layer.op if layer.op == "add" else f"se.{layer.op}"
            others = {"add": (source,), "scale": (gated,)}.get(layer.op, ())
            node = Node(f"{place}.{name}", layer, (*others, tensor))
        yield node
        tensor = node.name


def _branched(place: str, module: Wired, wired: Sequence[WiredLayer], tensor: str) -> Iterator[Node]:
    """The nodes of a branched block, after `tensor`."""
    made = [tensor]
    for number, ((layer, numbers), part) in enumerate(zip(wired, module.parts, strict=True)):
        name = f"{place}.{layer.op}{number if len(wired) > 1 else ''}"
        inputs = tuple(made[source + 1] for source in numbers)
        if isinstance(part, Unit):
            yield Node(name, layer, inputs, *_folded(part), _pads(layer, isinstance(part[0], SamePadded)))
        else:
            yield Node(name, layer, inputs, pads=_pads(layer, same=False))
        made.append(name)


def _pads(layer: Layer, same: bool) -> tuple[int, int]:
    return same_padding(layer.in_size, layer.kernel, layer.stride) if same else (layer.kernel // 2,) * 2


def _weighted(module: nn.Module, op: str) -> Iterator[tuple[str, Floats, Floats, bool]]:
    """Each convolution of a block in the order it runs: its name, weight, bias, and whether it pads as `SAME` does."""
    for path, part in module.named_modules():
        name = path.removeprefix("body.") or op
        if isinstance(part, Unit):
            yield name, *_folded(part), isinstance(part[0], SamePadded)
        elif isinstance(part, SqueezeExcitation):
            for inner, conv in part.named_children():
                yield f"{name}.{inner}", *_folded([conv]), False


def _folded(unit: Any) -> tuple[Floats, Floats]:
    """Weight and bias of a convolution with the batch norm that follows it, where one does."""
    conv, norm = unit[0], unit[1] if len(unit) > 1 else None
    weight = conv.weight.detach().cpu().double()
    bias = torch.zeros(len(weight), dtype=torch.float64) if conv.bias is None else conv.bias.detach().cpu().double()
    if isinstance(norm, nn.BatchNorm2d):
        kept = {name: each.detach().cpu().double() for name, each in norm.state_dict().items()}
        mean, variance, gamma, beta = (kept[name] for name in ("running_mean", "running_var", "weight", "bias"))
        factor = gamma / (variance + norm.eps).sqrt()
        weight, bias = weight * factor.view(-1, 1, 1, 1), beta + (bias - mean) * factor
    return weight.float().numpy(), bias.float().numpy()


def at_size(arch: Architecture, pixels: int) -> Architecture:
    """The same network for images of so many pixels, which is what files and their costs are of."""
    return replace(arch, resolution=pixels)


def before_activation(node: Node, inputs: list[Tensor], weight: Tensor | None, bias: Tensor | None) -> Tensor:
    """What a node gives before its activation, N x C x H x W or, of the classifier, N x classes."""
    layer, x = node.layer, inputs[-1]
    if layer.op == "scale":
        return inputs[0] * x
    if weight is None:
        return moved(layer, nn.Identity())(*inputs)  # type: ignore[no-any-return]
    if layer.op == "linear":
        return F.linear(x.flatten(1), weight, bias)
    before, after = node.pads
    if before == after:
        return F.conv2d(x, weight, bias, layer.stride, before, groups=layer.groups)
    return F.conv2d(F.pad(x, (before, after, before, after)), weight, bias, layer.stride, groups=layer.groups)


def activated(activation: str, x: Tensor) -> Tensor:
    """`x` after the activation of that name."""
    return F.hardsigmoid(x) if activation == "hsigmoid" else MODULES[activation]()(x)
