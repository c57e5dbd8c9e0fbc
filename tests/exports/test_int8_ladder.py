"""The rungs of int8: each does what it says, the cheapest that holds wins, and what cannot be held says so."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from nas.errors import NasError
from nas.exports.graph import Graph, at_size, graph_of
from nas.exports.int8 import ladder
from nas.exports.int8.equalise import equalised
from nas.exports.int8.finetune import finetuned
from nas.exports.int8.fitting import fitted, nearest
from nas.exports.int8.ladder import ANY, FLOATS, PLAIN, RUNGS, Asked, Bounds, Judgement, hold
from nas.exports.int8.quantised import Range, scale_of
from nas.exports.int8.ranges import least_error, smallest_and_largest
from nas.exports.int8.simulated import logits, plain, rounding, run, through_8_bits
from nas.exports.int8.worst import losses
from nas.exports.onnx_file import open_onnx
from nas.exports.onnx_graph import onnx_model
from tests.helpers.networks import ARCH, noise, trained_like

IMAGES = torch.from_numpy(noise(48))
FRESH = torch.from_numpy(noise(64))


def graph(activation: str = "relu6", uneven: float = 0.0) -> Graph:
    """`ARCH`; if `uneven`, channels of very different size between depthwise and 1x1, of what is the same network."""
    arch = replace(ARCH, blocks=tuple(replace(block, activation=activation) for block in ARCH.blocks))
    made = graph_of(trained_like(arch).eval(), at_size(arch, 32))
    nodes = {node.name: node for node in made.nodes}
    for name, node in nodes.items():
        if node.layer.op == "depthwise" and uneven:
            factors = np.exp(np.random.default_rng(0).normal(0, uneven, len(node.weights[1]))).astype(np.float32)
            (reader,) = (nodes[each.name] for each in made.readers(name))
            nodes[name] = replace(node, weight=node.weight * factors.reshape(-1, 1, 1, 1), bias=node.bias * factors)
            nodes[reader.name] = replace(reader, weight=reader.weight / factors.reshape(1, -1, 1, 1))
    return replace(made, nodes=tuple(nodes.values()))


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


def test_ranges_of_least_error_make_less_error_than_all_that_was_seen() -> None:
    made, images = graph("relu"), IMAGES**5  # with long tails
    every: dict[str, list[float]] = {}
    for ranges in (smallest_and_largest(made, images), least_error(made, images)):

        def see(name: str, tensor: torch.Tensor, ranges: dict[str, Range] = ranges) -> torch.Tensor:
            lost = float((through_8_bits(tensor, scale_of(ranges[name])) - tensor).pow(2).mean())
            every.setdefault(name, []).append(lost)
            return tensor

        for batch in images[:32].split(32):
            run(made, batch, plain, see)
    assert all(tight <= 1.05 * wide for wide, tight in every.values())
    assert sum(tight < 0.9 * wide for wide, tight in every.values()) >= 3


def coarse(made: Graph) -> Graph:
    """With one weight in each filter so large that the others are rounded badly."""
    nodes = []
    for node in made.nodes:
        if node.layer.op == "conv" and node.layer.kernel == 1:
            weight = node.weights[0].copy()
            weight[:, 0] *= 60
            node = replace(node, weight=weight)
        nodes.append(node)
    return replace(made, nodes=tuple(nodes))


def test_biases_take_back_the_mean_error() -> None:
    made = coarse(graph("relu"))
    ranges = smallest_and_largest(made, IMAGES)
    mean = [
        float((logits(each.graph, IMAGES, *rounding(each)) - logits(made, IMAGES)).mean(0).abs().max())
        for each in (nearest(made, ranges), fitted(made, ranges, IMAGES, adaptive=False))
    ]
    assert mean[1] < 0.5 * mean[0]


def test_adaptive_rounding_loses_less_than_the_nearest_integer() -> None:
    made = graph()
    ranges = least_error(made, IMAGES)
    plain, adaptive = nearest(made, ranges), fitted(made, ranges, IMAGES, adaptive=True)
    lost = [error(logits(each.graph, FRESH, *rounding(each)), logits(made, FRESH)) for each in (plain, adaptive)]
    assert lost[1] < lost[0]
    for node in made.nodes:
        if node.weight is not None:  # each is one of the two integers around the weight
            assert abs(adaptive.integers[node.name].astype(int) - plain.integers[node.name].astype(int)).max() <= 1


def test_the_worst_layers_are_found_and_their_bytes() -> None:
    made = graph("relu")
    ranges = smallest_and_largest(made, IMAGES)
    ranges["block2.expand"] = (
        0.0,
        100 * ranges["block2.expand"][1],
    )  # who writes it suffers, and who reads it
    found = losses(made, ranges, IMAGES)
    assert {loss.node for loss in found[:2]} == {"block2.expand", "block2.depthwise"}
    assert found[1].error > 10 * found[2].error
    weights = {node.name: node.weight.size for node in made.nodes if node.weight is not None}
    assert {loss.node: loss.bytes for loss in found} == {name: 3 * size for name, size in weights.items()}
    assert [loss.error for loss in found] == sorted((loss.error for loss in found), reverse=True)


@pytest.mark.parametrize("name", ["block1.depthwise", "block2.depthwise", "block2.project", "classifier"])
def test_layers_in_fp32_are_so_in_onnx_runtime(name: str) -> None:
    made = graph("relu", uneven=2.0)  # one scale for all channels would be far too coarse
    kept = nearest(made, smallest_and_largest(made, IMAGES), frozenset([name]))
    here = torch.from_numpy(open_onnx(onnx_model(made, kept).SerializeToString())(FRESH.numpy()))
    assert error(here, logits(made, FRESH, *rounding(kept))) < 1e-4


def test_biases_are_fitted_to_the_layers_in_fp32() -> None:
    made = graph("relu", uneven=2.0)
    floats = frozenset(["block1.depthwise", "block2.project"])
    ranges = smallest_and_largest(made, IMAGES)
    plain_, found = nearest(made, ranges, floats), fitted(made, ranges, IMAGES, floats=floats)
    assert found.floats == floats
    lost = [error(logits(each.graph, FRESH, *rounding(each)), logits(made, FRESH)) for each in (plain_, found)]
    assert lost[1] < lost[0]
    again = fitted(made, ranges, IMAGES, integers={"block2.project": found.integers["block2.project"] - 1})
    assert (again.integers["block2.project"] == found.integers["block2.project"] - 1).all()


def test_fine_tuning_comes_nearer_to_its_teacher() -> None:
    made = coarse(graph("relu"))
    start = nearest(made, smallest_and_largest(made, IMAGES))
    tuned = finetuned(start, made, lambda: [noise(32), noise(33)], steps=60)
    lost = [error(logits(each.graph, FRESH, *rounding(each)), logits(made, FRESH)) for each in (start, tuned)]
    assert lost[1] < lost[0]


# --- the ladder -----------------------------------------------------------------------------------


def test_the_cheapest_rung_that_holds_wins() -> None:
    held = hold(graph(), noise(40), Asked(Bounds(points=50.0, agreement=50.0)))
    assert (held.rung, len(held.tried), held.result().held) == (PLAIN, 1, True)
    assert held.quantised.floats == frozenset()


def judged_as(monkeypatch: pytest.MonkeyPatch, *judgements: tuple[float, float]) -> None:
    """Let the rungs have these accuracies and agreements, one after the other, and fp32 have all right."""
    left = iter([Judgement(*each) for each in judgements])
    monkeypatch.setattr(ladder, "_judge", lambda *_: (1.0, lambda quantised: next(left)))


@pytest.mark.parametrize(
    ("judgements", "rung", "unheld"),
    [
        ([(0.9, 0.99), (0.996, 0.99)], 1, None),
        ([(0.9, 0.9), (0.93, 0.91), (0.92, 0.99)], 1, "loses 7.0 points, 0.5 are allowed"),
        ([(0.996, 0.95), (0.995, 0.98)], 1, None),
        ([(0.9, 0.97), (0.996, 0.95), (0.995, 0.979), (0.999, 0.96)], 2, "gives 2.1 % of images another class than"),
    ],
)
def test_rungs_are_climbed_until_one_holds_both_bounds(
    monkeypatch: pytest.MonkeyPatch, judgements: list[tuple[float, float]], rung: int, unheld: str | None
) -> None:
    judged_as(monkeypatch, *judgements)
    found = hold(graph(), noise(32), Asked(Bounds(0.5, 98), rungs=RUNGS[: len(judgements)]))
    result, (accuracy, agreement) = found.result(), judgements[rung]
    assert (found.rung, result.held) == (RUNGS[rung], unheld is None)
    assert (result.unheld or "").startswith(unheld or "")
    assert [judged for _, judged in found.tried] == judgements
    assert result.loss_points == pytest.approx(100 * (1 - accuracy))
    assert (result.agreement, result.least_agreement) == (pytest.approx(100 * agreement), 98)


@pytest.mark.parametrize(("bounds", "held"), [(ANY, None), (Bounds(0.5, None), True)])
def test_agreement_is_asked_with_the_accuracy_alone(
    monkeypatch: pytest.MonkeyPatch, bounds: Bounds, held: bool | None
) -> None:
    judged_as(monkeypatch, (0.996, 0.5))
    result = hold(graph(), noise(32), Asked(bounds)).result()
    assert (result.rung, result.held, result.unheld, result.least_agreement) == (PLAIN, held, None, None)


def test_layers_in_fp32_are_named_with_their_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    judged_as(monkeypatch, (0.5, 0.5), (0.999, 0.999))
    found = hold(graph(), noise(32), Asked(rungs=(PLAIN, FLOATS))).result()
    (layer,) = found.fp32_layers
    assert layer.layer in {node.name for node in graph().nodes}
    assert layer.bytes > 0
    assert layer.ms != 0
    assert found.rung == FLOATS


def test_validation_images_judge() -> None:
    made, images = graph(), noise(60)
    labels = logits(made, torch.from_numpy(images)).numpy().argmax(1)
    right = hold(made, noise(40), Asked(ANY, validation=lambda: [(images, labels)]))
    wrong = hold(made, noise(40), Asked(ANY, validation=lambda: [(images, (labels + 1) % 5)]))
    assert (right.fp32, wrong.fp32) == (1.0, 0.0)
    assert right.judged.accuracy > 0.9
    assert right.judged.agreement == wrong.judged.agreement == right.judged.accuracy


def test_a_network_without_numbers_is_refused() -> None:
    made = graph()
    node = made.nodes[2]
    broken = replace(node, bias=np.full_like(node.weights[1], np.nan))
    nodes = tuple(broken if each is node else each for each in made.nodes)
    with pytest.raises(NasError, match=r"^block1\.pointwise gives what is no number"):
        hold(replace(made, nodes=nodes), noise(32), Asked())
