"""int8 files: real QDQ nodes, at any batch, close to the fp32 they were made from; the same numbers in each format."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch

from nas.exports.graph import CLASSIFIER, Graph, at_size, graph_of
from nas.exports.int8.fitting import nearest
from nas.exports.int8.quantised import Quantised, Range
from nas.exports.int8.ranges import least_error, smallest_and_largest
from nas.exports.int8.simulated import logits, rounding
from nas.exports.onnx_file import open_onnx
from nas.exports.onnx_graph import onnx_model
from nas.spaces.architecture import Architecture
from tests.helpers.networks import ARCH, noise, trained_like

Ranges = Callable[[Graph, torch.Tensor], dict[str, Range]]
VARIANTS = [("relu6", 0, 32), ("relu", 0, 33), ("hswish", 0.25, 32), ("elu", 0, 31)]


def variant(activation: str, se: float) -> Architecture:
    blocks = (replace(b, activation=activation, se=se if b.op != "conv" else 0) for b in ARCH.blocks)
    return replace(ARCH, blocks=tuple(blocks))


def graph(activation: str = "relu6", se: float = 0, pixels: int = 32) -> Graph:
    arch = variant(activation, se)
    return graph_of(trained_like(arch).eval(), at_size(arch, pixels))


def run(quantised: Quantised, images: np.ndarray) -> np.ndarray:
    model = onnx_model(quantised.graph, quantised)
    onnx.checker.check_model(model, full_check=True)
    return open_onnx(model.SerializeToString())(images)


def lost(found: np.ndarray, expected: np.ndarray) -> float:
    """Mean squared error over variance."""
    return float(((found - expected) ** 2).mean() / expected.var())


@pytest.mark.parametrize(("activation", "se", "pixels"), VARIANTS)
@pytest.mark.parametrize("ranges", [smallest_and_largest, least_error])
def test_int8_is_close_to_fp32_at_any_batch(activation: str, se: float, pixels: int, ranges: Ranges) -> None:
    full, images = graph(activation, se, pixels), noise(40, pixels=pixels)
    small = nearest(full, ranges(full, torch.from_numpy(images)))
    for batch in (noise(1, pixels), noise(3, pixels), noise(50, pixels)):
        expected = logits(full, torch.from_numpy(batch)).numpy()
        found = run(small, batch)
        assert found.shape == expected.shape
        assert lost(found, expected) < 0.01


@pytest.mark.parametrize(("activation", "se", "pixels"), VARIANTS)
@pytest.mark.parametrize("floats", [(), ("block1.depthwise", "block3.add", CLASSIFIER)])
def test_what_is_fitted_in_torch_is_what_onnx_runs(
    activation: str, se: float, pixels: int, floats: tuple[str, ...]
) -> None:
    full, images = graph(activation, se, pixels), noise(40, pixels=pixels)
    small = nearest(full, least_error(full, torch.from_numpy(images)), frozenset(floats))
    simulated = logits(full, torch.from_numpy(images), *rounding(small)).numpy()
    assert lost(run(small, images), simulated) < 1e-3


def test_convolutions_read_int8_weights_with_a_scale_per_channel() -> None:
    full = graph()
    small = nearest(full, smallest_and_largest(full, torch.from_numpy(noise(16))))
    model = onnx_model(full, small)
    constants = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    made = {output: node for node in model.graph.node for output in node.output}
    convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
    assert len(convolutions) == 1 + 2 + 3 + 3 + 1
    for node in convolutions:
        pixels, weights = made[node.input[0]], made[node.input[1]]
        assert (pixels.op_type, weights.op_type) == ("DequantizeLinear", "DequantizeLinear")
        assert constants[pixels.input[2]].dtype == np.uint8
        values, scales = constants[weights.input[0]], constants[weights.input[1]]
        assert values.dtype == np.int8
        assert scales.shape == (len(values),)
    assert not {"Clip", "Relu"} & {node.op_type for node in model.graph.node}  # the range of what is quantised
    assert len(model.SerializeToString()) < len(onnx_model(full).SerializeToString())


def test_names_say_where_nodes_come_from_and_no_domain_is_unused() -> None:
    model = onnx_model(graph(se=0.25))
    names = {node.name for node in model.graph.node}
    assert {
        "block0.conv",
        "block1.depthwise",
        "block2.expand",
        "block2.se.squeeze",
        "block3.add",
        "classifier",
    } <= names
    assert [(each.domain, each.version) for each in model.opset_import] == [("", 20)]
    assert {node.domain for node in model.graph.node} == {""}
    assert len(names) == len(model.graph.node)


def test_channels_that_are_dead_do_not_overflow_their_bias() -> None:
    full = graph()
    node = full.nodes[1]
    weight, bias = (each.copy() for each in node.weights)
    weight[0], bias[0] = 1e-20, 3.0
    nodes = tuple(replace(each, weight=weight, bias=bias) if each is node else each for each in full.nodes)
    dead = replace(full, nodes=nodes)
    small = nearest(dead, smallest_and_largest(dead, torch.from_numpy(noise(16))))
    assert abs(small.bias(small.graph.nodes[1])).max() < 2**31 - 1
    assert lost(run(small, noise(16)), logits(dead, torch.from_numpy(noise(16))).numpy()) < 0.01


def test_large_weights_on_large_values_do_not_saturate_their_sums() -> None:
    """On x86 without VNNI ONNX Runtime adds two products of 8 bits in 16, unless it is told not to."""
    full = graph()
    nodes = tuple(
        node if node.weight is None else replace(node, weight=np.abs(node.weight).max() * np.sign(node.weight))
        for node in full.nodes
    )
    large, images = replace(full, nodes=nodes), np.abs(noise(40)) + 1
    small = nearest(large, smallest_and_largest(large, torch.from_numpy(images)))
    assert max(abs(small.integers[node.name]).min() for node in nodes if node.weight is not None) == 127
    simulated = logits(large, torch.from_numpy(images), *rounding(small)).numpy()
    assert lost(run(small, images), simulated) < 1e-2
