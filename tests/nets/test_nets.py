"""Built modules: shapes, shortcuts, agreement with `layers()`, initial weights; ONNX files and how they fail."""

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from nas.errors import NasError
from nas.exports import onnx_fp32 as export
from nas.nets import build
from nas.nets.blocks import MODULES, Residual, SqueezeExcitation, block_module
from nas.nets.depthwise import Depthwise
from nas.resources import replace_file, replacing
from nas.spaces.activations import ACTIVATIONS
from nas.spaces.architecture import Architecture
from nas.spaces.baselines import baseline
from nas.spaces.block import Block
from nas.spaces.layers import layers
from nas.spaces.load import known_spaces, load_space
from tests.helpers.walks import fused, ran, walked, walked_fused

# --- forward --------------------------------------------------------------------------------------

EVERY_OP = ("conv3-12", "sep3-12", "mb3e1-12", "mb3e4-12")
EVERY_OPTION = ("sep3-8:nobn", "sep3-8:se0.25", "mb3e3-8:nobn", "mb3e3-8:se0.5", "mb3e1-8:nobn:se1", "mb5e1-4:se0.25")


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("blocks", EVERY_OP)
def test_every_op_and_activation_gives_logits(blocks: str, activation: str) -> None:
    arch = Architecture.from_notation(f"9x4 {blocks}:{activation} fc7")
    logits = build(arch).eval()(torch.randn(2, 4, 9, 9))
    assert logits.shape == (2, 7)
    assert logits.isfinite().all()


@pytest.mark.parametrize("blocks", EVERY_OPTION)
def test_every_option_gives_logits(blocks: str) -> None:
    logits = build(Architecture.from_notation(f"9x4 {blocks} fc7")).eval()(torch.randn(2, 4, 9, 9))
    assert logits.shape == (2, 7)
    assert logits.isfinite().all()


@pytest.mark.parametrize(("kernel", "stride"), [(1, 1), (1, 2), (3, 1), (3, 2), (5, 3), (7, 4)])
@pytest.mark.parametrize("op", ["conv", "sep", "mbconv"])
def test_blocks_divide_sizes_by_their_stride(op: str, kernel: int, stride: int) -> None:
    module = block_module(Block(op, kernel, stride, 12), 4).eval()
    for size in (1, 2, 8, 9, 15):
        assert module(torch.randn(1, 4, size, size)).shape[1:] == (12, *[(size + stride - 1) // stride] * 2)


def test_networks_run_at_any_size() -> None:
    net = build(baseline("mobilenet_v2_w0.35_r128", classes=5)).eval()
    assert [net(torch.zeros(1, 3, *size)).shape for size in ((128, 128), (33, 47), (1, 1))] == [(1, 5)] * 3


def test_activations_are_the_named_functions() -> None:
    x = torch.linspace(-8, 8, 101)
    expected = {
        "relu6": x.clamp(0, 6),
        "relu": x.clamp(min=0),
        "hswish": x * (x + 3).clamp(0, 6) / 6,
        "elu": torch.where(x > 0, x, x.exp() - 1),
        "none": x,
    }
    assert set(expected) == set(ACTIVATIONS) == set(MODULES)
    for name, values in expected.items():
        torch.testing.assert_close(MODULES[name]()(x), values)


def test_squeeze_and_excitation_is_a_gate_per_channel() -> None:
    module, x = SqueezeExcitation(4, 8), torch.randn(2, 4, 5, 5)
    hidden = (x.mean((2, 3)) @ module.squeeze.weight[:, :, 0, 0].T + module.squeeze.bias).clamp(min=0)
    gate = ((hidden @ module.excite.weight[:, :, 0, 0].T + module.excite.bias + 3) / 6).clamp(0, 1)
    torch.testing.assert_close(module(x), x * gate[:, :, None, None])


# --- the walk -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(known_spaces()))
def test_modules_follow_the_walk(name: str) -> None:
    space = load_space(name)
    for row in space.sample(np.random.default_rng(3), 4):
        arch = replace(space.architecture(row), resolution=36)
        assert ran(arch) == walked(arch), arch.notation


def test_modules_follow_the_walk_with_every_option() -> None:
    arch = Architecture.from_notation(
        "21x3 conv5/2-8:hswish sep3-8:se0.25:elu sep5/2-16:nobn mb3e1-16:se1 mb5e3-16x2:se0.5:nobn mb3e6/3-24 fc7"
    )
    assert ran(arch) == walked(arch)
    assert [layer.op for layer in layers(arch)].count("add") == 3


def test_norms_biases_and_activations_follow_the_walk() -> None:
    arch = Architecture.from_notation("16x3 conv3-8:hswish sep3-8:relu sep3-8:none:nobn mb3e3-8:elu:nobn fc7")
    assert fused(arch) == walked_fused(arch)


@pytest.mark.parametrize("op", ["conv", "sep", "mbconv"])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("out_channels", [8, 16])
@pytest.mark.parametrize("expansion", [1, 3])
def test_shortcut_exactly_where_the_walk_adds(op: str, stride: int, out_channels: int, expansion: int) -> None:
    block = Block(op, 3, stride, out_channels, expansion if op == "mbconv" else 1)
    adds = [layer for layer in layers(Architecture(12, 8, 10, (block,))) if layer.op == "add"]
    module = block_module(block, 8)
    assert isinstance(module, Residual) == bool(adds) == (op == "mbconv" and stride == 1 and out_channels == 8)


def test_shortcut_adds_the_input() -> None:
    module, x = block_module(Block("mbconv", 3, 1, 8, 3), 8).eval(), torch.randn(1, 8, 6, 6)
    assert isinstance(module, Residual)
    torch.testing.assert_close(module(x) - module.body(x), x)


# --- initial weights ------------------------------------------------------------------------------


def test_seeded_weights_repeat() -> None:
    arch = Architecture.from_notation("16x3 conv3-8 mb3e3-8:se0.5 fc7")
    states = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        states.append(torch.cat([values.flatten() for values in build(arch).state_dict().values()]))
    assert torch.equal(states[0], states[1])
    assert not torch.equal(states[0], states[2])


def test_initial_weights_have_the_stated_spread() -> None:
    torch.manual_seed(0)
    net = build(Architecture.from_notation("16x3 conv3-64 mb3e6-64:se0.5 fc1000"))
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            fan_out = module.out_channels * module.kernel_size[0] ** 2  # of the whole layer, as torch counts it
            assert module.weight.std().item() == pytest.approx((2 / fan_out) ** 0.5, rel=0.1)
            assert module.bias is None or not module.bias.any()
        elif isinstance(module, nn.Linear):
            assert module.weight.std().item() == pytest.approx(0.01, rel=0.05)
            assert not module.bias.any()
        elif isinstance(module, nn.BatchNorm2d):
            assert (module.weight == 1).all()
            assert not module.bias.any()


# --- ONNX files -----------------------------------------------------------------------------------

ARCH = Architecture.from_notation("24x3 conv3/2-8 sep3-8:se0.25:hswish mb3e3-8:elu:nobn mb5e1/2-16 conv1-32:relu fc10")
METADATA = {"key": ARCH.key, "classes": ["cat", "dög"], "latency_ms": {"value": 1.5, "how": "predicted"}, "n": 3}


def trained_like(arch: Architecture) -> nn.Module:
    """A network as training leaves it: every batch norm has its own statistics, and logits are of order one."""
    torch.manual_seed(0)
    net = build(arch)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, 0, 0.3)
            nn.init.uniform_(module.running_var, 0.3, 2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.3)
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, 0, 0.5)
    return net


def logits(net: nn.Module, file: Path, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Torch's and ONNX Runtime's, on random images."""
    images = np.random.default_rng(1).standard_normal(shape, dtype=np.float32)
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    with torch.no_grad():
        expected = net.eval()(torch.from_numpy(images)).numpy()
    (got,) = session.run(["logits"], {"images": images})
    return expected, got


def input_shape(file: Path) -> list[str | int]:
    """Sizes of the input; a name where the file leaves one open."""
    (images,) = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"]).get_inputs()
    assert images.name == "images"
    return list(images.shape)


def test_export_at_the_trained_resolution(tmp_path: Path) -> None:
    net, file = trained_like(ARCH), tmp_path / "net.onnx"
    difference = export.export_onnx(net, ARCH, file, METADATA)
    assert [path.name for path in tmp_path.iterdir()] == ["net.onnx"]
    assert input_shape(file) == ["batch", 3, 24, 24]
    for batch in (1, 5):
        expected, got = logits(net, file, (batch, 3, 24, 24))
        assert expected.std() > 0.1  # not the zeros that any network would agree on
        assert np.abs(got - expected).max() <= 1e-4
    assert 0 <= difference <= 1e-4
    model = onnx.load(file, load_external_data=False)
    stored = {entry.key: entry.value for entry in model.metadata_props}
    assert stored["key"] == ARCH.key
    assert {key: json.loads(stored[key]) for key in METADATA if key != "key"} == {
        key: value for key, value in METADATA.items() if key != "key"
    }


def test_export_of_a_network_trained_at_another_resolution(tmp_path: Path) -> None:
    net, file = trained_like(ARCH), tmp_path / "net.onnx"
    export.export_onnx(net, ARCH, file, {}, trained_at=16)
    assert input_shape(file) == ["batch", 3, 16, 16]
    for shape in ((1, 3, 16, 16), (5, 3, 16, 16)):
        expected, got = logits(net, file, shape)
        assert np.abs(got - expected).max() <= 1e-4


def test_export_that_differs_from_torch_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "TOLERANCE", -1.0)
    arch = Architecture.from_notation("8x1 conv3-8 fc2")
    with pytest.raises(NasError, match=r"^net\.onnx: it differs from torch by .+, over -1$"):
        export.export_onnx(build(arch), arch, tmp_path / "net.onnx", {})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_logits_that_are_no_numbers_are_refused(tmp_path: Path, value: float) -> None:
    net = build(ARCH)
    with torch.no_grad():
        next(net.parameters()).fill_(value)
    with pytest.raises(NasError, match="differs from torch by"):
        export.export_onnx(net, ARCH, tmp_path / "net.onnx", {})
    assert list(tmp_path.iterdir()) == []


def test_a_batch_is_fixed_on_request(tmp_path: Path) -> None:
    export.export_onnx(trained_like(ARCH), ARCH, tmp_path / "net.onnx", {}, batch=1)
    assert input_shape(tmp_path / "net.onnx") == [1, 3, 24, 24]


# --- whole files or none --------------------------------------------------------------------------


@settings(deadline=None, max_examples=20)
@given(st.binary(max_size=200), st.binary(max_size=200))
def test_a_file_is_replaced_whole(tmp_path_factory: pytest.TempPathFactory, old: bytes, new: bytes) -> None:
    file = tmp_path_factory.mktemp("files") / "net.onnx"
    for content in (old, new):
        replace_file(file, content)
        assert file.read_bytes() == content
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize("existed", [True, False])
def test_an_interrupted_write_leaves_no_half_file(tmp_path: Path, existed: bool) -> None:
    file = tmp_path / "net.onnx"
    if existed:
        file.write_bytes(b"old")

    def half() -> None:
        with replacing(file) as stream:
            stream.write(b"new con")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        half()
    assert file.read_bytes() == b"old" if existed else not file.exists()
    assert list(tmp_path.glob("*.onnx")) == [file] * existed  # what is left behind has another ending


def test_a_write_is_visible_only_when_complete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, seen = tmp_path / "net.onnx", []
    move = os.replace

    def watched(source: Path, target: Path) -> None:
        seen.append((source.read_bytes(), target.exists()))
        move(source, target)

    monkeypatch.setattr(os, "replace", watched)
    replace_file(file, b"content")
    assert seen == [(b"content", False)]
    assert file.read_bytes() == b"content"


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("kernel", [3, 5, 7])
def test_depthwise_without_idle_taps_equals_the_plain_convolution(kernel: int, size: int, stride: int) -> None:
    torch.manual_seed(kernel * size)
    plain = nn.Conv2d(6, 6, kernel, stride, kernel // 2, groups=6, bias=False).double()
    quick = Depthwise(6, 6, kernel, stride, kernel // 2, groups=6, bias=False).double().train()
    quick.load_state_dict(plain.state_dict())
    images = torch.randn(4, 6, size, size, dtype=torch.float64)
    results = []
    for layer in (plain, quick):
        seen = images.clone().requires_grad_()
        out = layer(seen)
        (out * torch.arange(out.numel()).reshape(out.shape)).sum().backward()
        results.append((out, layer.weight.grad, seen.grad))
    for expected, got in zip(*results, strict=True):
        torch.testing.assert_close(got, expected)
    assert torch.equal(quick.eval()(images), plain(images))
