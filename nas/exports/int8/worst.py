"""Which layers lose most in int8, and what each would cost in fp32."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from nas.exports.graph import Floats, Graph, Run
from nas.exports.int8.fitting import nearest
from nas.exports.int8.quantised import Quantised, Range
from nas.exports.int8.simulated import logits, rounding
from nas.exports.onnx_graph import open_graph

_ROUNDS = 25
"""In which a file with a layer in int8 and one with it in fp32 run in turn; the first fifth warms up."""


@dataclass(frozen=True, slots=True)
class Loss:
    """What a node alone in int8 does to the logits: their mean squared error over their variance.

    `bytes` is what its weights take more in fp32, `ms` what an image takes more on this machine, once `timed`.
    """

    node: str
    error: float
    bytes: int
    ms: float = 0.0


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


def timed(quantised: Quantised, kept: tuple[Loss, ...], image: Floats) -> Iterator[Loss]:
    """The layers in fp32 with the milliseconds that each takes more than in int8; `image` is 1 x C x R x R."""
    in_floats = open_graph(quantised)
    for loss in kept:
        in_int8 = open_graph(replace(quantised, floats=quantised.floats - {loss.node}))
        more = [_milliseconds(in_floats, image) - _milliseconds(in_int8, image) for _ in range(_ROUNDS)]
        yield replace(loss, ms=float(np.median(more[_ROUNDS // 5 :])))


def _milliseconds(run: Run, image: Floats) -> float:
    begin = time.perf_counter()
    run(image)
    return 1e3 * (time.perf_counter() - begin)
