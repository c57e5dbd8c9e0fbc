"""Files of published networks: blocks with branches and every kind of mbconv compute in each format what torch does."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from nas.exports import EXPORTERS
from nas.exports.base import TrainedNetwork
from nas.exports.files import lacks, write_file
from nas.exports.graph import Floats, Graph, Run, graph_of
from nas.exports.int8 import ladder
from nas.exports.int8.equalise import equalised
from nas.exports.int8.finetune import finetuned
from nas.exports.int8.fitting import fitted, nearest
from nas.exports.int8.quantised import Quantised
from nas.exports.int8.ranges import least_error, smallest_and_largest
from nas.exports.int8.simulated import logits, rounding
from nas.exports.lite.file import open_tflite
from nas.exports.ncnn_graph import ncnn_model
from nas.exports.onnx_file import open_onnx
from nas.exports.onnx_fp32 import export_onnx
from nas.exports.onnx_graph import onnx_model
from nas.nets.conventions import PLAIN, TENSORFLOW, Conventions
from nas.spaces.architecture import Architecture
from nas.spaces.baselines import baseline
from tests.helpers.networks import noise, with_signal

KINDS = {
    "fire": "conv3/2-16:elu max3/2-16 fire3h8-32:relu fire5h16-32:elu:bias conv1-24",
    "shuffle": "conv3/2-16 sh3/2-24:relu sh3-24x2:relu avg5/2-24 conv1-24:elu",
    "gshuffle": "conv3/2-12 gs3/2-48:hswish:g3 gs3-48:hswish:g3 gs3-48:relu:g3 gs5/2-96:relu:g3",
    "dense": "conv3/2-16:relu dense3h16-24:relu:g4 dense3h16-32:hswish:g4 dense5h16-40:none:g4 conv1-24",
    "pools": "conv3/2-16:elu max5/2-16 conv3-16:none avg3-16 max3-16 gap1-16 conv1-32:hswish:bias",
    "grouped": "conv3/2-8:bias conv1-16:none conv3-16:g16 conv3/2-32:g4 conv3-32:g8:bias:elu",
    "middles": "conv3-8 mb3h8-8 mb5h20-8:dw3 mb1e2/2-16:dw5:nodw mb1e2-16:nodw mb3e2-16:fused:noskip",
    "ends": "conv3/2-8 mb3e2-8:nonlinear mb3h12-8:se0.5:hswish:noskip mb5h24/2-16:dw3:nonlinear:relu",
}
EVERY = pytest.mark.parametrize("words", KINDS.values(), ids=list(KINDS))
BRANCHED = pytest.mark.parametrize("kind", ["fire", "shuffle", "gshuffle", "dense"])
FAMILIES = (
    *("mobilenet_v1", "mobilenet_v2", "mobilenet_v3_small", "mobilenet_v4_conv_small", "mnasnet_b1", "spnasnet"),
    *("proxylessnas_cpu", "fbnet_c", "efficientnet_lite0", "squeezenet_1_1", "shufflenet_v1", "shufflenet_v2"),
    *("resnext26_plain", "condensenet_g8"),
)


def arch_of(words: str, pixels: int = 20) -> Architecture:
    return Architecture.from_notation(f"{pixels}x3 {words} fc5")


def graph(kind: str, pixels: int = 20) -> Graph:
    arch = arch_of(KINDS[kind], pixels)
    return graph_of(with_signal(arch), arch)


def in_onnx(made: Graph, quantised: Quantised | None = None) -> Run:
    model = onnx_model(made, quantised)
    onnx.checker.check_model(model, full_check=True)
    assert len({node.name for node in model.graph.node}) == len(model.graph.node)
    return open_onnx(model.SerializeToString())


def in_lite(made: Graph, quantised: Quantised | None = None, batch: int | None = None) -> Run:
    pytest.importorskip("ai_edge_litert", reason="pip install 'sepconv-nas[tflite]'")
    from nas.exports.lite.graph import packed, tflite_model

    return open_tflite(packed(tflite_model(made, quantised, batch)))


def expected(net: nn.Module, images: Floats) -> Floats:
    with torch.no_grad():
        return np.asarray(net(torch.from_numpy(images)))


def lost(found: Floats, wanted: Floats) -> float:
    """Mean squared error over the variance among images."""
    return float(((found - wanted) ** 2).mean() / wanted.var(0).mean())


@EVERY
@pytest.mark.parametrize(("pixels", "conventions"), [(20, PLAIN), (21, PLAIN), (20, TENSORFLOW)])
def test_every_kind_of_block_is_torch_in_fp32(words: str, pixels: int, conventions: Conventions) -> None:
    arch = arch_of(words, pixels)
    net = with_signal(arch, conventions)
    made, images = graph_of(net, arch), noise(6, pixels)
    wanted = expected(net, images)
    assert wanted.std(0).min() > 0.05  # the logits tell images apart
    assert logits(made, torch.from_numpy(images)).numpy() == pytest.approx(wanted, abs=1e-4)
    assert in_onnx(made)(images) == pytest.approx(wanted, abs=1e-4)
    for batch in (None, 4):
        assert in_lite(made, batch=batch)(images) == pytest.approx(wanted, abs=1e-4)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_network_of_each_family_is_torch_in_fp32(name: str, tmp_path: Path) -> None:
    arch = replace(baseline(name), resolution=32, classes=7)
    net = with_signal(arch)
    wanted = expected(net, noise(8))
    with torch.no_grad():  # to logits whose rounding is far below what is let through
        net[-1].weight.mul_(0.1 / float(wanted.std(0).mean()))  # type: ignore[index]
    path = tmp_path / "net.onnx"
    assert export_onnx(net, arch, path, {}) < 1e-4
    assert lost(open_onnx(path)(noise(8)), expected(net, noise(8))) < 1e-5


def test_nodes_are_named_after_their_place() -> None:
    names = [node.name for node in graph("shuffle").nodes]
    assert names[:8] == [
        *("block0.conv", "block1.depthwise0", "block1.conv1", "block1.conv2", "block1.depthwise3", "block1.conv4"),
        *("block1.concat5", "block1.shuffle6"),
    ]
    assert names[8:10] == ["block2.split0", "block2.conv1"]
    assert names[-4:] == ["block4.avgpool", "block5.conv", "pool", "classifier"]
    assert [node.name for node in graph("middles").nodes[5:9]] == [
        *("block2.start", "block2.expand", "block2.depthwise", "block2.project"),
    ]


def test_a_join_takes_the_first_channels_of_what_is_longer() -> None:
    """A ShuffleNet unit with few channels keeps those of half its width beside all of its own."""
    made = graph("shuffle")
    joins = [node for node in made.nodes if node.layer.op == "concat"]
    widths = [[made.channels_of(name) for name in node.inputs] for node in joins]
    assert widths == [[12, 12], [24, 12], [24, 12]]
    assert [node.layer.out_channels for node in joins] == [24, 24, 24]


@BRANCHED
@pytest.mark.parametrize("floats", [0, 3])
def test_int8_is_close_and_the_same_in_each_format(kind: str, floats: int) -> None:
    made, images = graph(kind), noise(100, 20)
    weighty = [node.name for node in made.nodes if node.weight is not None]
    small = nearest(made, least_error(made, torch.from_numpy(images)), frozenset(weighty[1 : 1 + floats]))
    wanted = logits(made, torch.from_numpy(images)).numpy()
    found = in_onnx(made, small)(images)
    assert lost(found, wanted) < 0.05
    assert (found.argmax(1) == wanted.argmax(1)).mean() >= 0.9
    simulated = logits(made, torch.from_numpy(images), *rounding(small)).numpy()
    assert lost(simulated, found) < 0.02  # ONNX rounds the gate of hswish too
    lite = in_lite(made, small)(images)
    assert lost(lite, wanted) < 0.05
    assert (lite.argmax(1) == wanted.argmax(1)).mean() >= 0.9


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_block_runs_in_int8(kind: str) -> None:
    made, images = graph(kind, 21), noise(64, 21)
    small = nearest(made, smallest_and_largest(made, torch.from_numpy(images)))
    wanted = logits(made, torch.from_numpy(images)).numpy()
    for run in (in_onnx(made, small), in_lite(made, small)):
        assert lost(run(images), wanted) < 0.1


@pytest.mark.parametrize("ranges", [smallest_and_largest, least_error])
def test_what_only_moves_values_keeps_their_scale(ranges: object) -> None:
    for kind in ("shuffle", "pools"):
        made = graph(kind)
        found = ranges(made, torch.from_numpy(noise(32, 20)))  # type: ignore[operator]
        moves = [node for node in made.nodes if node.layer.op in ("split", "shuffle", "maxpool", "avgpool")]
        assert len(moves) >= 3
        assert all(found[node.name] == found[node.inputs[0]] for node in moves)


@pytest.mark.parametrize("kind", KINDS)
def test_equalised_networks_are_the_same(kind: str) -> None:
    made, images = graph(kind), torch.from_numpy(noise(48, 20))
    after = equalised(made, images)
    assert lost(logits(after, images).numpy(), logits(made, images).numpy()) < 1e-9
    changed = {a.name for a, b in zip(made.nodes, after.nodes, strict=True) if a.weight is not b.weight}
    pairs = {
        name
        for node in made.nodes
        for name in (node.name, *node.inputs)
        if node.layer.op in ("conv", "depthwise") and made.readers(node.inputs[0]) == [node]
    }
    assert changed <= pairs  # what is joined, split, shuffled or read by groups is left alone


@pytest.mark.parametrize("kind", ["fire", "shuffle", "dense"])
def test_rungs_of_int8_take_branches(kind: str) -> None:
    made, images = graph(kind), noise(40, 20)
    rungs = tuple(rung for rung in ladder.RUNGS if rung not in (ladder.ROUNDING, ladder.TRAINING))
    held = ladder.hold(made, images, ladder.Asked(ladder.Bounds(points=-1.0), rungs=rungs))
    assert {rung for rung, _ in held.tried} == set(rungs)
    assert all(judged.accuracy >= 0.8 for _, judged in held.tried)


@pytest.mark.parametrize("kind", ["fire", "shuffle", "dense"])
def test_gradients_of_int8_reach_every_layer(kind: str) -> None:
    made, images = graph(kind), torch.from_numpy(noise(40, 20))
    start = nearest(made, smallest_and_largest(made, images))
    tuned = finetuned(start, made, lambda: [noise(16, 20)], steps=3)
    weighty = [node for node in made.nodes if node.weight is not None]
    after = {node.name: node for node in tuned.graph.nodes}
    assert all((after[node.name].weights[0] != node.weights[0]).any() for node in weighty)
    assert logits(tuned.graph, images, *rounding(tuned)).isfinite().all()


def test_weights_are_rounded_adaptively_behind_branches() -> None:
    made, images = graph("shuffle"), torch.from_numpy(noise(40, 20))
    found = fitted(made, least_error(made, images), images, adaptive=True)
    assert lost(logits(found.graph, images, *rounding(found)).numpy(), logits(made, images).numpy()) < 0.05


@pytest.mark.parametrize("name", ["ort", "openvino"])
@BRANCHED
def test_formats_made_from_onnx_agree(name: str, kind: str, tmp_path: Path) -> None:
    exporter, arch = EXPORTERS[name], arch_of(KINDS[kind])
    if missing := lacks(exporter):
        pytest.skip(missing)
    trained = TrainedNetwork(with_signal(arch), arch, 20, {}, lambda: noise(8, 20))
    EXPORTERS["onnx"].write(trained, tmp_path / "net.onnx", {})
    write_file(exporter, trained, tmp_path / "net", {"onnx": tmp_path / "net.onnx"})
    assert exporter.open is not None
    assert exporter.open(tmp_path / "net")(noise(8, 20)) == pytest.approx(expected(trained.net, noise(8, 20)), abs=1e-4)


def test_ncnn_has_the_layers_of_fire_and_pools() -> None:
    lines, _ = ncnn_model(graph("fire"))
    (pool,) = (line for line in lines.splitlines() if line.startswith("Pooling block1"))
    assert pool == "Pooling block1.maxpool 1 1 block0.conv block1.maxpool 0=0 1=3 2=2 3=1 5=1 6=1"
    joined = "Concat block2.concat3 2 1 block2.conv1 block2.conv2 block2.concat3 0=0"
    assert joined in lines.splitlines()
    lines, _ = ncnn_model(graph("grouped"))
    (grouped,) = (line for line in lines.splitlines() if line.startswith("ConvolutionDepthWise block3.conv"))
    assert grouped.endswith("5=1 6=1152 7=4")
    lines, _ = ncnn_model(graph("pools"))
    (mean,) = (line for line in lines.splitlines() if line.startswith("Pooling block5.pool"))
    assert mean.endswith("0=1 1=5 2=1 3=0 5=1")


@EVERY
def test_ncnn_computes_what_torch_does(words: str, tmp_path: Path) -> None:
    pytest.importorskip("ncnn", reason="pip install 'sepconv-nas[ncnn]'")
    arch = arch_of(words)
    trained = TrainedNetwork(with_signal(arch), arch, 20, {}, lambda: noise(8, 20))
    path, exporter = tmp_path / "net.ncnn.zip", EXPORTERS["ncnn"]
    write_file(exporter, trained, path, {})
    with torch.no_grad():
        expected = trained.net(torch.from_numpy(noise(3, 20))).numpy()
    assert exporter.open is not None
    np.testing.assert_allclose(exporter.open(path)(noise(3, 20)), expected, atol=1e-5 * np.abs(expected).max())
