"""Published networks as modules: they follow the walk, compute what papers draw, train a step and become files."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from nas.exports import onnx_fp32
from nas.nets.blocks import block_module
from nas.nets.build import build
from nas.nets.conventions import TENSORFLOW
from nas.nets.wired import Concat, Last, Shuffle, Wired
from nas.recording.graph import PRECISIONS, network_graph
from nas.spaces.architecture import Architecture
from nas.spaces.baselines import baseline
from nas.spaces.block import Block
from nas.spaces.catalogue import NETWORKS
from nas.spaces.cost import cost
from nas.spaces.layers import layers
from tests.helpers.networks import trained_like
from tests.helpers.walks import fused, ran, walked, walked_fused

BLOCKS = {
    "fire": "conv3-8:bias max3/2-8 fire3h8-32:relu fire5h16-32:elu:bias",
    "shuffle": "conv3-8 sh3/2-24:relu sh3-24x2:relu avg5/2-24",
    "gshuffle": "conv3-12 gs3/2-48:relu:g3 gs3-48x2:relu:g3",
    "dense": "conv3-8 dense3h16-16:g4 dense3h16-24:hswish:g4 gap1-24 conv1-32:hswish:bias",
    "grouped": "conv3/2-8 conv1-16:none conv3-16:g16 conv3/2-32:g4",
    "mbconv": "conv3-8 mb3h8-8 mb5h20-8:dw3 mb1e2/2-16:dw5:nodw mb1e2-16:nodw mb3e2-16:fused:noskip mb3e2-16:nonlinear",
}
EVERY = pytest.mark.parametrize("words", BLOCKS.values(), ids=list(BLOCKS))


@EVERY
def test_modules_follow_the_walk(words: str) -> None:
    arch = Architecture.from_notation(f"20x3 {words} fc5")
    assert ran(arch) == walked(arch)
    assert fused(arch) == walked_fused(arch)
    assert sum(weight.numel() for weight in build(arch).parameters()) == cost(arch).params
    same = build(arch, TENSORFLOW).eval()(torch.randn(2, 3, 20, 20))
    assert same.shape == (2, 5)
    assert same.isfinite().all()


@EVERY
def test_files_and_graphs_compute_the_same_layers(words: str, tmp_path: Path) -> None:
    arch = Architecture.from_notation(f"20x3 {words} fc5")
    assert onnx_fp32.export_onnx(trained_like(arch), arch, tmp_path / "net.onnx", {}) < 1e-4
    for precision in PRECISIONS:
        model = network_graph(arch, precision)
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        (found,) = session.run(None, {"images": np.ones((1, 3, 20, 20), dtype=np.float32)})
        assert found.shape == (1, 5)
        assert np.isfinite(found).all()
        convolutions = sum(layer.op in ("conv", "depthwise", "grouped") for layer in layers(arch))
        assert [node.op_type for node in model.graph.node].count("Conv") == convolutions


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_trains_a_step(name: str) -> None:
    arch = replace(baseline(name), resolution=32, classes=7)
    torch.manual_seed(0)
    net = build(arch)
    classifier = net[-1]
    assert isinstance(classifier, nn.Linear)
    assert sum(weight.numel() for weight in net.parameters()) == cost(arch).params
    optimizer = torch.optim.SGD(net.parameters(), 0.01)
    before = classifier.weight.detach().clone()
    loss = nn.functional.cross_entropy(net(torch.randn(2, 3, 32, 32)), torch.tensor([1, 2]))
    loss.backward()
    assert loss.isfinite()
    assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in net.parameters())
    optimizer.step()
    assert not torch.equal(before, classifier.weight)


def test_channels_are_shuffled_as_the_paper_draws_it() -> None:
    x = torch.arange(6.0).view(1, 6, 1, 1)
    assert Shuffle(2)(x).flatten().tolist() == [0, 3, 1, 4, 2, 5]
    assert Shuffle(3)(x).flatten().tolist() == [0, 2, 4, 1, 3, 5]
    again = Shuffle(3)(Shuffle(2)(x))
    torch.testing.assert_close(again, x)


def test_a_unit_of_shufflenet_v2_keeps_half_of_its_channels() -> None:
    """Undoing the shuffle gives back the first half as it came in."""
    net = trained_like(Architecture.from_notation("8x8 sh3-8:relu fc5")).eval()
    x = torch.randn(2, 8, 8, 8)
    assert isinstance(net, nn.Sequential)
    apart = Shuffle(4)(net[0](x))
    torch.testing.assert_close(apart[:, :4], x[:, :4])
    assert not torch.allclose(apart[:, 4:], x[:, 4:])


def test_what_is_joined_and_split() -> None:
    x, y = torch.randn(1, 6, 2, 2), torch.randn(1, 3, 2, 2)
    torch.testing.assert_close(Concat(9, nn.Identity())(x, y), torch.cat([x, y], 1))
    torch.testing.assert_close(Concat(6, nn.Identity())(x, y), torch.cat([x[:, :3], y], 1))
    torch.testing.assert_close(Last(2)(x), x[:, 4:])


def test_a_fire_block_is_two_convolutions_side_by_side() -> None:
    block, x = block_module(Block("fire", 3, 1, 10, hidden=4), 6).eval(), torch.randn(2, 6, 8, 8)
    assert isinstance(block, Wired)
    squeeze, narrow, wide = list(block.parts)[:3]
    squeezed = squeeze(x)
    torch.testing.assert_close(block(x), torch.cat([narrow(squeezed), wide(squeezed)], 1))
