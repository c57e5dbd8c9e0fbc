"""Which layers lose most in int8, and what each would cost in fp32."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from nas.exports.graph import Graph
from nas.exports.int8.fitting import nearest
from nas.exports.int8.quantised import Range
from nas.exports.int8.simulated import logits, rounding


@dataclass(frozen=True, slots=True)
class Loss:
    """What a node alone in int8 does to the logits: their mean squared error over their variance.

    `bytes` is what its weights take more in fp32.
    """

    node: str
    error: float
    bytes: int


@torch.no_grad()
def losses(graph: Graph, ranges: Mapping[str, Range], images: Tensor) -> list[Loss]:
    """The nodes with weights, the worst first."""
    exact = logits(graph, images)
    every = frozenset(node.name for node in graph.nodes)
    found = []
    for node in graph.nodes:
        if node.weight is not None:
            alone = logits(graph, images, *rounding(nearest(graph, ranges, every - {node.name})))
            error = float((alone - exact).pow(2).mean() / exact.var().clamp(min=1e-12))
            found.append(Loss(node.name, error, 3 * node.weight.size))
    return sorted(found, key=lambda loss: -loss.error)
