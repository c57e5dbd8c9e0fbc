"""TensorFlow Lite files hold the network: in fp32 as torch has it, in int8 the same numbers as the ONNX file."""

import importlib
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from nas.errors import NasError
from nas.exports.graph import CLASSIFIER, Graph, at_size, graph_of
from nas.exports.int8.fitting import nearest
from nas.exports.int8.ranges import least_error
from nas.exports.lite.file import open_tflite
from nas.exports.onnx_file import open_onnx
from nas.exports.onnx_graph import onnx_model
from nas.nets.conventions import TENSORFLOW, Conventions
from tests.helpers.networks import ARCH, noise, trained_like

LITE = pytest.importorskip("ai_edge_litert.schema_py_generated", reason="pip install 'sepconv-nas[tflite]'")


GRAPHS = importlib.import_module("nas.exports.lite.graph")  # which needs it
packed, tflite_model = GRAPHS.packed, GRAPHS.tflite_model
VARIANTS = [("relu6", 0, 32), ("relu6", 0, 33), ("relu", 0.25, 31), ("hswish", 0.25, 32), ("elu", 0, 32)]


def network(activation: str, se: float, pixels: int) -> tuple[torch.nn.Module, Graph]:
    blocks = (replace(b, activation=activation, se=se if b.op != "conv" else 0) for b in ARCH.blocks)
    arch = replace(ARCH, blocks=tuple(blocks))
    net = trained_like(arch).eval()
    return net, graph_of(net, at_size(arch, pixels))


def operators(model: Any) -> list[int]:
    return [model.operatorCodes[each.opcodeIndex].builtinCode for each in model.subgraphs[0].operators]


@pytest.mark.parametrize(("activation", "se", "pixels"), VARIANTS)
@pytest.mark.parametrize("batch", [None, 4])
def test_fp32_is_torch(activation: str, se: float, pixels: int, batch: int | None) -> None:
    net, graph = network(activation, se, pixels)
    run = open_tflite(packed(tflite_model(graph, batch=batch)))
    for images in (noise(1, pixels), noise(10, pixels)):
        with torch.no_grad():
            expected = net(torch.from_numpy(images)).numpy()
        assert np.abs(run(images) - expected).max() < 1e-4


@pytest.mark.parametrize(("activation", "se", "pixels"), VARIANTS)
@pytest.mark.parametrize("floats", [(), ("block1.depthwise", "block3.expand", "block3.add", CLASSIFIER)])
def test_int8_is_the_onnx_file(activation: str, se: float, pixels: int, floats: tuple[str, ...]) -> None:
    _, graph = network(activation, se, pixels)
    images = noise(40, pixels)
    small = nearest(graph, least_error(graph, torch.from_numpy(images)), frozenset(floats))
    expected = open_onnx(onnx_model(graph, small).SerializeToString())(images)
    found = open_tflite(packed(tflite_model(graph, small)))(images)
    assert ((found - expected) ** 2).mean() / expected.var() < 1e-3
    assert (found.argmax(1) == expected.argmax(1)).mean() >= 0.97


@pytest.mark.parametrize(("conventions", "pixels", "pads"), [(None, 32, 3), (None, 33, 0), (TENSORFLOW, 32, 0)])
def test_padding_costs_an_operator_only_where_it_is_not_same(
    conventions: Conventions | None, pixels: int, pads: int
) -> None:
    from nas.nets.build import build

    net = build(ARCH, conventions) if conventions else trained_like(ARCH)
    model = tflite_model(graph_of(net.eval(), at_size(ARCH, pixels)))
    assert operators(model).count(LITE.BuiltinOperator.PAD) == pads


def test_no_layer_costs_an_operator_of_layout() -> None:
    _, graph = network("relu6", 0, 33)
    lite = LITE.BuiltinOperator
    assert set(operators(tflite_model(graph))) == {
        *(lite.CONV_2D, lite.DEPTHWISE_CONV_2D, lite.ADD, lite.MEAN, lite.FULLY_CONNECTED)
    }


def test_an_activation_that_it_lacks_is_refused() -> None:
    _, graph = network("relu6", 0, 32)
    first = graph.nodes[0]
    odd = replace(first, layer=replace(first.layer, activation="gelu"))
    with pytest.raises(NasError, match=r"^block0\.conv: TensorFlow Lite has no activation gelu$"):
        tflite_model(replace(graph, nodes=(odd, *graph.nodes[1:])))
