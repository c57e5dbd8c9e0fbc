"""Which range each activation gets: all that was seen, or what makes the least squared error of rounding.

What only moves values, or takes the largest or the mean of some, has the range of what it reads.
"""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nas.errors import NasError
from nas.exports.graph import Graph
from nas.exports.int8.quantised import Range, scale_of, tensors
from nas.exports.int8.simulated import logits, plain

_BINS = 2048
_SHARES = np.linspace(0.2, 1.0, 33)
_INSIDE = ("maxpool", "avgpool", "split", "shuffle")
"""Layers that give nothing outside the range of what they read; TensorFlow Lite takes them with one scale alone."""


def smallest_and_largest(graph: Graph, images: Tensor) -> dict[str, Range]:
    """Of each tensor the smallest and the largest value on `images`, 0 included.

    Raises:
        NasError: the network gives something that is no number.
    """
    found = dict.fromkeys(tensors(graph), (0.0, 0.0))

    def see(name: str, tensor: Tensor) -> Tensor:
        if not bool(torch.isfinite(tensor).all()):
            raise NasError(f"{name} gives what is no number, which has no int8")
        low, high = found[name]
        found[name] = min(low, float(tensor.min())), max(high, float(tensor.max()))
        return tensor

    logits(graph, images, plain, see)
    return _shared(graph, found)


def least_error(graph: Graph, images: Tensor) -> dict[str, Range]:
    """Of each tensor the range inside what was seen whose rounding and clipping make the least squared error."""
    seen = smallest_and_largest(graph, images)
    counts = {name: np.zeros(_BINS) for name in seen}

    def see(name: str, tensor: Tensor) -> Tensor:
        low, high = seen[name]
        if high > low:
            counts[name] += torch.histc(tensor, _BINS, low, high).numpy()
        return tensor

    logits(graph, images, plain, see)
    return _shared(graph, {name: _best(span, counts[name]) for name, span in seen.items()})


def _shared(graph: Graph, ranges: dict[str, Range]) -> dict[str, Range]:
    for node in graph.nodes:
        if node.layer.op in _INSIDE:
            ranges[node.name] = ranges[node.inputs[0]]
    return ranges


def _best(span: Range, counts: NDArray[np.float64]) -> Range:
    """First the best upper end, then the best lower one."""
    low, high = span
    if high <= low:
        return span
    width = (high - low) / _BINS
    values = low + width * (np.arange(_BINS) + 0.5)
    values[counts.argmax()] = 0.0 if low == 0 and counts.argmax() == 0 else values[counts.argmax()]  # ReLU's zeros

    def error(low: float, high: float) -> float:
        scale = scale_of((low, high))
        levels = np.clip(np.rint(values / scale.step) + scale.zero, 0, 255)
        return float((counts * (values - (levels - scale.zero) * scale.step) ** 2).sum())

    high = _least(lambda share: error(low, share * high)) * high
    return (_least(lambda share: error(share * low, high)) * low if low < 0 else low), high


def _least(error: Callable[[float], float]) -> float:
    return float(min(reversed(_SHARES), key=error))  # of equal ones the largest
