"""The conventions of weights: padding and epsilon in torch, in the supernet and in ONNX; costs and shapes are equal."""

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nas.exports.graph import at_size, graph_of
from nas.exports.int8.fitting import nearest
from nas.exports.int8.ranges import smallest_and_largest
from nas.exports.onnx_fp32 import export_onnx
from nas.exports.onnx_graph import onnx_model
from nas.nets import build
from nas.nets.conventions import PLAIN, TENSORFLOW, Conventions, SamePadded, same_padding
from nas.nets.supernet import Supernet, recalibrate
from nas.recording.runner.timing import session_options
from nas.spaces.architecture import Architecture
from nas.spaces.cost import cost
from nas.spaces.load import load_space
from tests.helpers.walks import ran, walked

ARCH = Architecture.from_notation("32x3 conv3/2-16 mb3e1-16 mb3e6/2-24x2 mb5e6/2-40x2 sep7/2-48 conv1-64 fc10")


def trained(conventions: Conventions, arch: Architecture = ARCH) -> nn.Module:
    """A network whose norms have statistics of their own, small enough for the epsilon to tell."""
    torch.manual_seed(0)
    net = build(arch, conventions)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.01, 0.1)
    nn.init.normal_(net.get_parameter(f"{len(net) - 1}.weight"), 0, 1e-4)  # rounding shall not show
    return net.eval()


@pytest.mark.parametrize("size", [1, 2, 5, 8, 9, 15, 224])
@pytest.mark.parametrize(("kernel", "stride"), [(1, 2), (3, 1), (3, 2), (5, 2), (7, 2), (3, 3), (5, 4)])
def test_same_padding_is_the_formula_of_tensorflow(size: int, kernel: int, stride: int) -> None:
    before, after = same_padding(size, kernel, stride)
    out = -(-size // stride)
    needed = max(0, (out - 1) * stride + kernel - size)
    assert (before, after) == (needed // 2, needed - needed // 2)
    if stride == 1:
        assert before == after == kernel // 2
    if (size % 2, stride) == (1, 2) and kernel > 1:
        assert before == after  # of odd sizes, symmetric
    if (size % 2, stride) == (0, 2) and kernel > 1:
        assert after == before + 1


@pytest.mark.parametrize("size", [7, 8])
@pytest.mark.parametrize(("kernel", "groups"), [(3, 1), (3, 4), (5, 4), (7, 4)])
def test_strided_convolutions_see_what_same_padding_shows_them(size: int, kernel: int, groups: int) -> None:
    plain = nn.Conv2d(4, 8 if groups == 1 else 4, kernel, 2, kernel // 2, groups=groups, bias=False)
    images = torch.randn(2, 4, size, size)
    before, after = same_padding(size, kernel, 2)
    expected = F.conv2d(F.pad(images, (before, after, before, after)), plain.weight, None, 2, groups=groups)
    torch.testing.assert_close(SamePadded(plain)(images), expected)
    assert torch.equal(plain(images), expected) == (size % 2 == 1)


def test_weights_shapes_and_costs_are_the_same_under_all_conventions() -> None:
    nets = [trained(each) for each in (PLAIN, TENSORFLOW)]
    first, second = (net.state_dict() for net in nets)
    assert list(first) == list(second)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert {module.eps for module in nets[1].modules() if isinstance(module, nn.BatchNorm2d)} == {1e-3}
    assert sum(weight.numel() for weight in nets[1].parameters()) == cost(ARCH).params
    assert ran(ARCH) == walked(ARCH) == ran(ARCH, TENSORFLOW)


def test_training_in_bf16_reaches_every_weight() -> None:
    net = trained(TENSORFLOW).train()
    with torch.autocast("cpu", torch.bfloat16):
        net(torch.randn(4, 3, 32, 32)).float().square().sum().backward()
    assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in net.parameters())


def test_a_supernet_follows_the_conventions() -> None:
    torch.manual_seed(0)
    supernet, images = Supernet(load_space("tiny").with_data(3, 5), TENSORFLOW), torch.randn(4, 3, 32, 32)
    for row in supernet.space.sample(np.random.default_rng(0), 4):
        arch = supernet.space.architecture(row)
        net = supernet.subnet(arch)
        assert {module.eps for module in net.modules() if isinstance(module, nn.BatchNorm2d)} == {1e-3}
        recalibrate(net, [images])
        with torch.no_grad():
            torch.testing.assert_close(supernet(images, arch), net.train()(images))


def optimised(path: Path, images: Tensor) -> tuple[Counter[str], Tensor]:
    """The nodes that ONNX Runtime runs of a file, and its logits."""
    options = session_options(1)
    options.optimized_model_filepath, options.log_severity_level = str(path.with_suffix(".optimised")), 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    nodes = onnx.load(path.with_suffix(".optimised")).graph.node
    return Counter(node.op_type for node in nodes), torch.from_numpy(session.run(None, {"images": images.numpy()})[0])


@pytest.mark.parametrize("trained_at", [32, 25])
def test_padding_and_epsilon_reach_onnx_and_cost_no_node(trained_at: int, tmp_path: Path) -> None:
    images, plain, net = torch.randn(8, 3, trained_at, trained_at), trained(PLAIN), trained(TENSORFLOW)
    calibration = torch.from_numpy(np.random.default_rng(0).standard_normal((64, 3, *images.shape[2:]), np.float32))
    for name, each in (("plain", plain), ("same", net)):
        export_onnx(each, ARCH, tmp_path / f"{name}.onnx", {}, trained_at=trained_at)
        graph = graph_of(each, at_size(ARCH, trained_at))
        int8 = onnx_model(graph, nearest(graph, smallest_and_largest(graph, calibration)))
        (tmp_path / f"{name}.int8.onnx").write_bytes(int8.SerializeToString())
    with torch.no_grad():
        other, expected = plain(images), net(images)
    for suffix, tolerance in ((".onnx", 1e-3), (".int8.onnx", 0.8)):
        nodes, found = optimised(tmp_path / f"same{suffix}", images)
        assert nodes == optimised(tmp_path / f"plain{suffix}", images)[0]
        assert "Pad" not in nodes
        assert (found - expected).abs().mean() < tolerance * (found - other).abs().mean()
