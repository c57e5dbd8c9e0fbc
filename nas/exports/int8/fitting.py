"""Weights and biases of int8 layer by layer, each on what the layers before it give in int8.

Biases take back the mean error of each channel (Nagel et al. 2019, https://arxiv.org/abs/1906.04721, section 4.2).
Weights are rounded to the nearest integer, or up and down as it suits the layer's output best: AdaRound (Nagel et al.
2020, https://arxiv.org/abs/2004.10568).
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nas.exports.graph import IMAGES, Graph, Node, activated, before_activation
from nas.exports.int8.quantised import LEVELS, Quantised, Range, rounded
from nas.exports.int8.simulated import as_it_is, node_output, plain, rounding

_MOST_NUMBERS = 2**26
"""Of the largest map, which is kept of all images at once."""
_STEPS, _RATE, _IMAGES = 300, 0.01, 32
_LOW, _HIGH = -0.1, 1.1


def nearest(graph: Graph, ranges: Mapping[str, Range], floats: frozenset[str] = frozenset()) -> Quantised:
    """The graph in int8 with these ranges, every weight the nearest integer, but for the nodes `floats`."""
    quantised = Quantised(graph, ranges, {}, floats)
    integers = {
        node.name: rounded(node, quantised.scale(node.inputs[-1]).step)
        for node in graph.nodes
        if node.weight is not None and node.name not in floats
    }
    return replace(quantised, integers=integers)


@torch.no_grad()
def fitted(
    graph: Graph,
    ranges: Mapping[str, Range],
    images: Tensor,
    *,
    adaptive: bool = False,
    integers: Mapping[str, NDArray[np.int8]] | None = None,
    floats: frozenset[str] = frozenset(),
) -> Quantised:
    """The graph in int8 with these ranges and corrected biases, but for the nodes `floats`.

    Weights are rounded adaptively if asked for, or are these `integers` by node; else each is the nearest.
    """
    largest = max(max(node.layer.in_elements, node.layer.out_elements) for node in graph.nodes)
    images = images[: max(16, _MOST_NUMBERS // largest)]
    left = Counter(name for node in graph.nodes for name in node.inputs)
    found = nearest(graph, ranges)
    found = replace(found, integers={**found.integers, **(integers or {})}, floats=floats)
    exact, stored = {IMAGES: images}, {IMAGES: rounding(found)[1](IMAGES, images)}
    for node in graph.nodes:
        true, given = ([values[name] for name in node.inputs] for values in (exact, stored))
        ours = node
        if node.weight is not None:
            target = before_activation(node, true, *plain(node))
            if adaptive and node.name not in floats:
                found = replace(found, integers={**found.integers, node.name: _adapted(node, found, given, target)})
            ours = _corrected(node, found, given, target)
            found = _with(found, ours)
        weights, visit = rounding(found)
        stored[node.name] = node_output(ours, given, weights(ours), visit)
        exact[node.name] = node_output(node, true, plain(node), as_it_is)
        for name in node.inputs:
            left[name] -= 1
            if not left[name]:
                del exact[name], stored[name]
    return found


def _with(found: Quantised, node: Node) -> Quantised:
    """The same with a node in place of the old one."""
    nodes = tuple(node if each.name == node.name else each for each in found.graph.nodes)
    return replace(found, graph=replace(found.graph, nodes=nodes))


def _corrected(node: Node, found: Quantised, given: list[Tensor], target: Tensor) -> Node:
    """A node with its bias corrected, so that of the inputs `given` in int8 it makes `target` in the mean."""
    weight, bias = rounding(found)[0](node)[0], torch.from_numpy(node.weights[1])
    error = target - before_activation(node, given, weight, bias)
    shift = error.transpose(0, 1).flatten(1).mean(1).numpy()
    return replace(node, bias=node.weights[1] + shift)


def _adapted(node: Node, found: Quantised, given: list[Tensor], target: Tensor) -> NDArray[np.int8]:
    """The integers by which a node gives most nearly `target`, each one of the two around the weight."""
    steps = torch.from_numpy(found.steps(node)).view(-1, *[1] * (node.weights[0].ndim - 1))
    bias, units = torch.from_numpy(node.weights[1]), torch.from_numpy(node.weights[0]) / steps
    floor = units.floor()
    part = ((units - floor - _LOW) / (_HIGH - _LOW)).clamp(1e-4, 1 - 1e-4)
    generator = torch.Generator().manual_seed(0)
    with torch.enable_grad():
        wanted = torch.logit(part).requires_grad_()
        optimiser = torch.optim.Adam([wanted], _RATE)
        wish = activated(node.layer.activation, target)
        size = max(float(wish.pow(2).mean()), 1e-12)
        for number in range(_STEPS):
            batch = torch.randperm(len(wish), generator=generator)[:_IMAGES]
            up = (torch.sigmoid(wanted) * (_HIGH - _LOW) + _LOW).clamp(0, 1)
            got = before_activation(node, [each[batch] for each in given], (floor + up) * steps, bias)
            error = (activated(node.layer.activation, got) - wish[batch]).pow(2).mean() / size
            beta = 20 - 18 * max(0.0, number / _STEPS - 0.2) / 0.8
            undecided = (1 - (2 * up - 1).abs().pow(beta)).mean() if number > 0.2 * _STEPS else 0.0
            loss = error + 0.01 * undecided
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    chosen = floor + (wanted.detach() > 0).float()
    return chosen.clamp(-LEVELS, LEVELS).numpy().astype(np.int8)
