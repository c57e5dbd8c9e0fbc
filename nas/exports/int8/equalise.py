"""Channels of equal range: what one layer gives is scaled, channel by channel, and what the next reads is scaled back.

Nagel et al. 2019 (https://arxiv.org/abs/1906.04721) do it for weights of one scale. Ours have one for each output
channel, so that scaling a layer's outputs costs its weights nothing, nor those of a depthwise convolution behind it;
what gains is the activation between them, whose channels share one range. ReLU passes a scale on exactly. ReLU6 does
for channels that never reach 6 and are not scaled beyond; the others stay as they are.
"""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from nas.exports.graph import Floats, Graph, Node
from nas.exports.int8.simulated import logits, plain

_EXACT = ("none", "relu", "relu6")
_CLAMP = 6.0
_NEAR = 0.98
"""A channel that came so near to 6 may reach it on other images."""
_MOST = 32.0
"""No channel is scaled by more."""


def equalised(graph: Graph, images: Tensor) -> Graph:
    """The same network with equal ranges, as far as that is exact on `images`."""
    reaches = _reaches(graph, images)
    nodes = {node.name: node for node in graph.nodes}
    for first, second in _pairs(graph):
        scales = _scales(nodes[first], nodes[second], reaches[first])
        nodes[first], nodes[second] = _scaled_out(nodes[first], scales), _scaled_in(nodes[second], scales)
    return replace(graph, nodes=tuple(nodes.values()))


def _pairs(graph: Graph) -> list[tuple[str, str]]:
    """Layers with weights, and the convolution of one group, or depthwise, that alone reads what they give.

    What is joined, split, shuffled or pooled in between, or read by groups of channels, stays as it is.
    """
    found = []
    for node in graph.nodes:
        readers = graph.readers(node.name)
        if node.weight is None or node.layer.activation not in _EXACT or len(readers) != 1:
            continue
        if readers[0].layer.op in ("conv", "depthwise"):
            found.append((node.name, readers[0].name))
    return found


def _reaches(graph: Graph, images: Tensor) -> dict[str, Floats]:
    """The largest absolute value of each channel of each tensor."""
    found: dict[str, Tensor] = {}

    def see(name: str, tensor: Tensor) -> Tensor:
        largest = tensor.abs().flatten(2).amax((0, 2)) if tensor.dim() == 4 else tensor.abs().amax(0)
        found[name] = torch.maximum(found[name], largest) if name in found else largest
        return tensor

    logits(graph, images, plain, see)
    return {name: tensor.numpy() for name, tensor in found.items()}


def _scales(first: Node, second: Node, reach: Floats) -> Floats:
    """What each channel is multiplied by: all to one range where that is free, else as far as the weights of `second`
    that read a channel become uneven by it.
    """
    largest = float(reach.max())
    if largest <= 0:
        return np.ones_like(reach)
    alive = reach > 1e-6 * largest
    ranges = np.where(alive, reach, largest)
    wanted = largest / ranges
    if second.layer.op != "depthwise":
        wanted = np.sqrt(np.abs(second.weights[0]).max(axis=(0, 2, 3)).clip(1e-12) / ranges)
        wanted *= largest / float((wanted * ranges).max())
    wanted = np.clip(wanted, 1 / _MOST, _MOST)
    if first.layer.activation == "relu6":
        wanted = np.where(reach < _NEAR * _CLAMP, np.minimum(wanted, _NEAR * _CLAMP / np.maximum(reach, 1e-12)), 1.0)
    return np.where(alive, wanted, 1.0).astype(np.float32)


def _scaled_out(node: Node, scales: Floats) -> Node:
    weight, bias = node.weights
    return replace(node, weight=weight * scales.reshape(-1, 1, 1, 1), bias=bias * scales)


def _scaled_in(node: Node, scales: Floats) -> Node:
    shape = (-1, 1, 1, 1) if node.layer.op == "depthwise" else (1, -1, 1, 1)
    return replace(node, weight=node.weights[0] / scales.reshape(shape))
