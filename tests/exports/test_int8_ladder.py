"""The rungs of int8: each does what it says, the cheapest that holds wins, and what cannot be held says so."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from nas.errors import NasError
from nas.exports.graph import Graph, Node, at_size, graph_of
from nas.exports.int8 import ladder
from nas.exports.int8.equalise import equalised
from nas.exports.int8.finetune import finetuned
from nas.exports.int8.fitting import fitted, nearest
from nas.exports.int8.ladder import FLOATS, PLAIN, RUNGS, Asked, hold
from nas.exports.int8.ranges import least_error, smallest_and_largest
from nas.exports.int8.simulated import logits, rounding
from nas.exports.int8.worst import losses
from tests.helpers.networks import ARCH, noise, trained_like

IMAGES = torch.from_numpy(noise(48))
FRESH = torch.from_numpy(noise(64))


def graph(activation: str = "relu6", uneven: float = 0.0) -> Graph:
    """`ARCH`, whose depthwise channels are of very different size if `uneven`."""
    arch = replace(ARCH, blocks=tuple(replace(block, activation=activation) for block in ARCH.blocks))
    made = graph_of(trained_like(arch).eval(), at_size(arch, 32))
    return replace(made, nodes=tuple(_uneven(node, uneven) for node in made.nodes))


def _uneven(node: Node, by: float) -> Node:
    if node.layer.op != "depthwise" or not by:
        return node
    factors = np.exp(np.random.default_rng(0).normal(0, by, len(node.weights[1]))).astype(np.float32)
    weight, bias = node.weights
    return replace(node, weight=weight * factors.reshape(-1, 1, 1, 1), bias=bias * factors)


def error(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found - expected).pow(2).mean() / expected.var())


@pytest.mark.parametrize("activation", ["relu", "relu6", "none"])
@pytest.mark.parametrize("uneven", [0.0, 2.0])
def test_equalised_networks_are_the_same_in_fp32(activation: str, uneven: float) -> None:
    before = graph(activation, uneven)
    after = equalised(before, IMAGES)
    assert error(logits(after, IMAGES), logits(before, IMAGES)) < 1e-9
    assert any(
        (a.weight != b.weight).any() for a, b in zip(before.nodes, after.nodes, strict=True) if a.weight is not None
    )


def test_equalised_channels_lose_less_where_channels_are_uneven() -> None:
    before = graph("relu", uneven=2.0)
    after = equalised(before, IMAGES)
    lost = [
        error(logits(each, FRESH, *rounding(nearest(each, smallest_and_largest(each, IMAGES)))), logits(before, FRESH))
        for each in (before, after)
    ]
    assert lost[1] < 0.5 * lost[0]


def test_ranges_of_least_error_clip_what_is_rare() -> None:
    made, images = graph("relu"), IMAGES.clone()
    images[0, 0, 0, 0] = 1e3
    wide, tight = smallest_and_largest(made, images)["images"], least_error(made, images)["images"]
    assert wide[1] == 1e3
    assert tight[1] < 500
    for name, (low, high) in least_error(made, IMAGES).items():
        seen = smallest_and_largest(made, IMAGES)[name]
        assert seen[0] <= low <= 0 <= high <= seen[1]


def test_biases_take_back_the_mean_error() -> None:
    made = graph("relu", uneven=1.0)
    ranges = smallest_and_largest(made, IMAGES)
    found = fitted(made, ranges, IMAGES, adaptive=False)
    mean = [
        float((logits(made, IMAGES, *rounding(each)) - logits(made, IMAGES)).mean(0).abs().max())
        for each in (nearest(made, ranges), found)
    ]
    assert mean[1] < 0.5 * mean[0]


def test_adaptive_rounding_loses_less_than_the_nearest_integer() -> None:
    made = graph()
    ranges = least_error(made, IMAGES)
    plain, adaptive = nearest(made, ranges), fitted(made, ranges, IMAGES, adaptive=True)
    lost = [error(logits(made, FRESH, *rounding(each)), logits(made, FRESH)) for each in (plain, adaptive)]
    assert lost[1] < lost[0]
    for node in made.nodes:
        if node.weight is not None:  # each is one of the two integers around the weight
            assert abs(adaptive.integers[node.name].astype(int) - plain.integers[node.name].astype(int)).max() <= 1


def test_the_worst_layer_is_found_and_its_bytes() -> None:
    made = graph("relu")
    spoilt = [replace(node, weight=_one_large(node)) if node.name == "block2.expand" else node for node in made.nodes]
    found = losses(replace(made, nodes=tuple(spoilt)), smallest_and_largest(made, IMAGES), IMAGES)
    assert found[0].node == "block2.expand"
    assert found[0].bytes == 3 * made.nodes[3].weight.size
    assert [loss.error for loss in found] == sorted((loss.error for loss in found), reverse=True)


def _one_large(node: Node) -> np.ndarray:
    weight = node.weights[0].copy()
    weight[:, 0] *= 300
    return weight


def test_fine_tuning_comes_nearer_to_its_teacher() -> None:
    made = graph("relu", uneven=1.5)
    start = nearest(made, smallest_and_largest(made, IMAGES))
    tuned = finetuned(start, made, lambda: [noise(32), noise(33)], steps=60)
    lost = [error(logits(each.graph, FRESH, *rounding(each)), logits(made, FRESH)) for each in (start, tuned)]
    assert lost[1] < lost[0]


# --- the ladder -----------------------------------------------------------------------------------


def test_the_cheapest_rung_that_holds_wins() -> None:
    held = hold(graph(), noise(40), Asked(most_points=50.0))
    assert (held.rung, len(held.tried), held.result().held) == (PLAIN, 1, True)
    assert held.quantised.floats == frozenset()


@pytest.mark.parametrize(("shares", "rung", "held"), [([0.9, 0.996], 1, True), ([0.9, 0.93, 0.92, 0.91], 1, False)])
def test_rungs_are_climbed_until_one_holds(
    monkeypatch: pytest.MonkeyPatch, shares: list[float], rung: int, held: bool
) -> None:
    judged = iter([1.0, *shares])
    monkeypatch.setattr(ladder, "_judge", lambda *_: lambda quantised: next(judged))
    found = hold(graph(), noise(32), Asked(most_points=0.5, rungs=RUNGS[: len(shares)]))
    assert (found.rung, found.result().held) == (RUNGS[rung], held)
    assert [share for _, share in found.tried] == shares
    assert found.result().loss_points == pytest.approx(100 * (1 - shares[rung]))


def test_layers_in_fp32_are_named_with_their_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    judged = iter([1.0, 0.5, 0.999])
    monkeypatch.setattr(ladder, "_judge", lambda *_: lambda quantised: next(judged))
    found = hold(graph(), noise(32), Asked(rungs=(PLAIN, FLOATS))).result()
    (layer,) = found.fp32_layers
    assert layer.layer in {node.name for node in graph().nodes}
    assert layer.bytes > 0
    assert found.rung == FLOATS


def test_validation_images_judge() -> None:
    made, images = graph(), noise(60)
    labels = logits(made, torch.from_numpy(images)).numpy().argmax(1)
    right = hold(made, noise(40), Asked(most_points=100.0, validation=lambda: [(images, labels)]))
    wrong = hold(made, noise(40), Asked(most_points=100.0, validation=lambda: [(images, (labels + 1) % 5)]))
    assert (right.fp32, wrong.fp32) == (1.0, 0.0)
    assert right.accuracy > 0.9


def test_a_network_without_numbers_is_refused() -> None:
    made = graph()
    node = made.nodes[2]
    broken = replace(node, bias=np.full_like(node.weights[1], np.nan))
    nodes = tuple(broken if each is node else each for each in made.nodes)
    with pytest.raises(NasError, match=r"^block1\.pointwise gives what is no number"):
        hold(replace(made, nodes=nodes), noise(32), Asked())
