"""A network in int8: what every int8 file of it is written from, so that all of them hold the same numbers.

Activations have one range for a tensor, as uint8 or int8 alike; weights are symmetric with a scale for each output
channel, those of the classifier with one scale, which is what TensorFlow Lite takes; biases are int32.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nas.exports.graph import CLASSIFIER, IMAGES, Floats, Graph, Node
from nas.spaces.activations import is_clamp

Range = tuple[float, float]
"""The least and the largest value that an activation can take; 0 is among them."""

LEVELS = 127
"""The largest weight as an integer."""
MOST_BIAS = 2**30
"""The largest bias as an integer."""


def before(name: str) -> str:
    """The name of what a node gives before an activation that needs a node of its own."""
    return f"{name}.before"


@dataclass(frozen=True, slots=True)
class Scale:
    """uint8 values `q` stand for (q - zero) * step; int8 ones for the same, 128 lower."""

    step: float
    zero: int


def scale_of(span: Range) -> Scale:
    """The scale whose 256 values cover a range."""
    low, high = min(span[0], 0.0), max(span[1], 0.0)
    step = float(np.float32(max(high - low, 1e-6) / 255))
    return Scale(step, int(np.clip(round(-low / step), 0, 255)))


@dataclass(frozen=True, slots=True, eq=False)
class Quantised:
    """`graph` in int8, but for the nodes `floats`.

    `ranges` are those of tensors by name; `integers` and `steps` weights as int8 and their scales by node, where
    `rounded` of the graph's weights is not what they are.
    """

    graph: Graph
    ranges: Mapping[str, Range]
    integers: Mapping[str, NDArray[np.int8]]
    floats: frozenset[str] = frozenset()

    def is_stored(self, tensor: str) -> bool:
        """Whether the tensor of that name passes through 8 bits: someone in int8 writes or reads it."""
        around = [node.name for node in self.graph.readers(tensor)] + ([] if tensor == IMAGES else [tensor])
        return any(name not in self.floats for name in around)

    def scale(self, tensor: str) -> Scale:
        """The scale of the tensor of that name."""
        return scale_of(self.ranges[tensor])

    def steps(self, node: Node) -> Floats:
        """The scales of a node's weights, one for each output channel."""
        return weight_steps(node, self.scale(node.inputs[-1]).step)

    def bias(self, node: Node) -> NDArray[np.int32]:
        """A node's bias as integers."""
        unit = self.steps(node).astype(np.float64) * self.scale(node.inputs[-1]).step
        return np.rint(node.weights[1] / unit).astype(np.int32)


def weight_steps(node: Node, step: float) -> Floats:
    """The scales of a node's weights for an input in steps of `step`: no bias is too large for 32 bits, of a channel
    whose weights are all but zero neither.
    """
    weight, bias = node.weights
    largest = np.abs(weight).reshape(len(weight), -1).max(axis=1) / LEVELS
    needed = np.maximum(np.maximum(largest, np.abs(bias) / (step * MOST_BIAS)), 1e-12)
    if node.name == CLASSIFIER:
        needed = np.full_like(needed, needed.max())
    steps: Floats = needed.astype(np.float32)
    return steps


def rounded(node: Node, step: float) -> NDArray[np.int8]:
    """A node's weights as integers, each the nearest."""
    weight = node.weights[0]
    units = weight / weight_steps(node, step).reshape(-1, *[1] * (weight.ndim - 1))
    integers: NDArray[np.int8] = np.clip(np.rint(units), -LEVELS, LEVELS).astype(np.int8)
    return integers


def tensors(graph: Graph) -> list[str]:
    """The tensors of a graph that have a range: images, what nodes give, and what they give before an activation."""
    found = [IMAGES]
    for node in graph.nodes:
        found += [before(node.name)] * (not is_clamp(node.layer.activation)) + [node.name]
    return found
