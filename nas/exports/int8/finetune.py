"""A short training with the rounding of int8 in it, in which the network in fp32 is the teacher.

Rounding has the gradient of a straight line (Jacob et al. 2018, https://arxiv.org/abs/1712.05877); ranges of
activations stay, and those of weights follow the weights.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from nas.exports.graph import CLASSIFIER, Floats, Graph, Node
from nas.exports.int8.fitting import nearest
from nas.exports.int8.quantised import LEVELS, Quantised
from nas.exports.int8.simulated import as_it_is, plain, rounding, run

STEPS = 400
_RATE = 0.0005
"""At its peak, as a share of their layer's standard deviation."""


def finetuned(
    start: Quantised, teacher: Graph, images: Callable[[], Iterable[Floats]], steps: int = STEPS
) -> Quantised:
    """`start` after so many steps, each on a batch of `images`, which are gone through again and again.

    Its nodes in fp32 stay so, and learn as well.
    """
    weights = {
        node.name: tuple(torch.from_numpy(each.copy()).requires_grad_() for each in node.weights)
        for node in start.graph.nodes
        if node.weight is not None
    }
    rates = [_RATE * max(float(pair[0].detach().std(correction=0)), 1e-6) for pair in weights.values() for _ in pair]
    learnt = [{"params": [each]} for pair in weights.values() for each in pair]
    optimiser = torch.optim.Adam(learnt, lr=_RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rates, total_steps=steps, pct_start=0.1)
    visit = rounding(start)[1]
    for batch in _endless(images, steps):
        with torch.no_grad():
            wanted = run(teacher, batch, plain, as_it_is)
        got = run(start.graph, batch, lambda node: _rounded(node, weights, start.floats), visit)
        loss = F.mse_loss(got, wanted) / wanted.var().clamp(min=1e-6) + F.kl_div(
            F.log_softmax(got, 1), F.log_softmax(wanted, 1), log_target=True, reduction="batchmean"
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    nodes = [_learned(node, weights) for node in start.graph.nodes]
    return nearest(replace(start.graph, nodes=tuple(nodes)), start.ranges, start.floats)


def _endless(images: Callable[[], Iterable[Floats]], steps: int) -> Iterable[Tensor]:
    done = 0
    while done < steps:
        before = done
        for batch in images():
            yield torch.from_numpy(batch)
            done += 1
            if done == steps:
                return
        if done == before:
            return


def _rounded(
    node: Node, weights: dict[str, tuple[Tensor, ...]], floats: frozenset[str]
) -> tuple[Tensor | None, Tensor | None]:
    if node.name not in weights:
        return None, None
    weight, bias = weights[node.name]
    if node.name in floats:
        return weight, bias
    steps = weight.detach().abs().flatten(1).amax(1).clamp(min=1e-12) / LEVELS
    if node.name == CLASSIFIER:
        steps = steps.max().expand_as(steps).contiguous()
    zeros = torch.zeros(len(steps), dtype=torch.int32)
    return torch.fake_quantize_per_channel_affine(weight, steps, zeros, 0, -LEVELS, LEVELS), bias


def _learned(node: Node, weights: dict[str, tuple[Tensor, ...]]) -> Node:
    if node.name not in weights:
        return node
    weight, bias = (each.detach().numpy() for each in weights[node.name])
    return replace(node, weight=weight, bias=bias)
