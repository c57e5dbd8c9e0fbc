"""Published networks by name, and networks from files."""

import json
from dataclasses import replace
from math import prod
from pathlib import Path

import pytest

from nas.errors import ArchitectureError
from nas.reading.words import short
from nas.spaces.architecture import Architecture
from nas.spaces.baselines import baseline, load_architecture
from nas.spaces.block import Block
from nas.spaces.cost import cost
from nas.spaces.load import load_space
from tests.helpers.refusal import refusal

SMALL = Architecture(32, 3, 10, (Block("conv", 3, 2, 16), Block("mbconv", 3, 1, 16, 3)))


def test_load_architecture_takes_name_file_and_notation(tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    file.write_text(json.dumps(SMALL.to_json()))
    assert load_architecture(file) == load_architecture(str(file)) == load_architecture(SMALL.notation) == SMALL
    assert load_architecture("mobilenet_v2_w0.75_r192") == baseline("mobilenet_v2_w0.75_r192")


TIMM = {"arch_def": [["ds_r1_k3_s1_c16"], ["ir_r2_k3_s2_e6_c24", "ir_r1_k5_s1_e6_c24"]]}
SLIM = "[Conv(kernel=[3, 3], stride=2, depth=32),\n DepthSepConv(kernel=[3, 3], stride=1, depth=64)]"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ds_r1_k3_s1_c16 ir_r2_k3_s2_e6_c24,ir_r1_k5_s1_e6_c24", Architecture.from_timm(TIMM)),
        (
            "[['ds_r1_k3_s1_c16'],  # stage 0\n ['ir_r2_k3_s2_e6_c24', 'ir_r1_k5_s1_e6_c24'],\n]",
            Architecture.from_timm(TIMM),
        ),
        ("[[ds_r1_k3_s1_c16],[ir_r2_k3_s2_e6_c24,ir_r1_k5_s1_e6_c24]]", Architecture.from_timm(TIMM)),
        ("ds_r1_k3_s1_c16", Architecture.from_timm({"arch_def": [["ds_r1_k3_s1_c16"]]})),
        (json.dumps({**TIMM, "act_layer": "relu6"}), Architecture.from_timm({**TIMM, "act_layer": "relu6"})),
        (SLIM, replace(baseline("mobilenet_v1"), blocks=baseline("mobilenet_v1").blocks[:2])),
        (SLIM[1:-1], replace(baseline("mobilenet_v1"), blocks=baseline("mobilenet_v1").blocks[:2])),
    ],
)
def test_load_architecture_takes_what_others_write(text: str, expected: Architecture, tmp_path: Path) -> None:
    file = tmp_path / "network.txt"
    file.write_text(text)
    assert load_architecture(file) == expected
    if "{" not in text:
        assert load_architecture(text) == expected


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("ds_r1_k3_s1_c16 here", "cannot read the block string 'here'"),
        ("Conv(kernel=[3, 5], stride=2, depth=32)", "entry 0 cannot be read: "),
        ("[[ds_r1_k3_s1_c16], [3]]", "cannot read the block string 3"),
        ("[[ds_r1_k3_s1_c16], ir_r2", "block strings: not YAML: line 1: "),
        ('{"arch_def": 3}', "a timm definition is a mapping with an arch_def"),
    ],
)
def test_what_others_write_wrongly_is_refused_with_its_file(text: str, told: str, tmp_path: Path) -> None:
    file = tmp_path / "network.json"
    file.write_text(text)
    assert refusal(ArchitectureError, load_architecture, file).startswith(f"{file}: {told}")


def test_load_architecture_takes_a_notation_longer_than_a_file_name() -> None:
    arch = Architecture(32, 3, 10, (Block("sep", 3, 1, 64), Block("mbconv", 3, 1, 64, 3)) * 40)
    assert len(arch.notation) > 400
    assert "/" not in arch.notation
    assert load_architecture(arch.notation) == arch


def test_baseline_names_set_width_resolution_and_data() -> None:
    arch = baseline("mobilenet_v1_w0.5_r128", in_channels=1, classes=10)
    assert (arch.resolution, arch.in_channels, arch.classes) == (128, 1, 10)
    assert [block.out_channels for block in arch.blocks] == [16, 32, 64, 64, 128, 128, *[256] * 6, 512, 512]
    assert baseline("mobilenet_v2_w1.4").blocks[-1].out_channels == 1792
    assert baseline("mobilenet_v2_w0.35").blocks[-1].out_channels == 1280
    assert baseline("mobilenet_v2_w1.0_r224") == baseline("mobilenet_v2")


LITE = {  # as the README of tensorflow/tpu has them; the fixed stem and head are those of the files of their weights
    "efficientnet_lite0": (4_652_008, 224, [1, 2, 2, 3, 3, 4, 1], [16, 24, 40, 80, 112, 192, 320]),
    "efficientnet_lite1": (5_416_680, 240, [1, 3, 3, 4, 4, 5, 1], [16, 24, 40, 80, 112, 192, 320]),
    "efficientnet_lite2": (6_092_072, 260, [1, 3, 3, 4, 4, 5, 1], [16, 24, 48, 88, 120, 208, 352]),
}


@pytest.mark.parametrize("name", LITE)
def test_efficientnet_lite_are_the_published_ones(name: str) -> None:
    arch, (params, resolution, depths, channels) = baseline(name), LITE[name]
    assert (arch.resolution, cost(arch).params) == (resolution, params)
    stages = [channels for channels, depth in zip(channels, depths, strict=True) for _ in range(depth)]
    assert [block.out_channels for block in arch.blocks] == [32, *stages, 1280]
    assert baseline(f"{name}_r96") == replace(arch, resolution=96)
    narrow = baseline(f"{name}_w0.5")
    assert (narrow.blocks[0], narrow.blocks[-1]) == (arch.blocks[0], arch.blocks[-1])


@pytest.mark.parametrize(
    "name", ["mobilenet", "mobilenet_v2_x2", "mobilenet_v2_w", "mobilenet_v2_r192_w0.5", "", "a" * 300]
)
def test_unknown_baseline_lists_the_known(name: str) -> None:
    message = refusal(ArchitectureError, load_architecture, name)
    assert message.startswith(f"unknown network {short(name)}; ")
    assert "python -m nas.networks lists those known, with _w0.75, _s8 and _r192" in message
    assert len(message) < 500
    assert ("like it are mobilenet_v1, mobilenet_v2" in message) == (name == "mobilenet_v2_r192_w0.5")


@pytest.mark.parametrize("family", ["mobilenet_v1", "mobilenet_v2"])
def test_baselines_of_another_total_stride_differ_in_their_first_strides_alone(family: str) -> None:
    published = baseline(f"{family}_w0.5_r32")
    assert baseline(f"{family}_w0.5_s32_r32") == published
    for total in (1, 2, 4, 8, 16):
        arch = baseline(f"{family}_w0.5_s{total}_r32")
        strides = [block.stride for block in arch.blocks]
        assert prod(strides) == total
        first = next((number for number, stride in enumerate(strides) if stride > 1), len(strides))
        assert strides[first:] == [block.stride for block in published.blocks][first:]
        assert [replace(block, stride=1) for block in arch.blocks] == [replace(b, stride=1) for b in published.blocks]


def test_mobilenet_v2_of_stride_8_is_as_published_for_cifar() -> None:
    """https://github.com/kuangliu/pytorch-cifar, models/mobilenetv2.py: of its stages three have stride 2."""
    arch = baseline("mobilenet_v2_s8_r32", classes=10)
    assert [block.stride for block in arch.blocks] == [1, 1, 1, 1, 2, 1, 1, 2, *[1] * 6, 2, *[1] * 4]
    assert load_space("small").with_data(3, 10, 32).contains(baseline("mobilenet_v2_w0.25_s8_r32", classes=10))


@pytest.mark.parametrize("stride", ["0", "3", "64", "9999999"])
def test_a_total_stride_that_cannot_be(stride: str) -> None:
    name = f"mobilenet_v2_s{stride}"
    message = f"the total stride of {name!r} must be one of 1, 2, 4, 8, 16, 32"
    assert refusal(ArchitectureError, baseline, name) == message


def test_baseline_of_nothing() -> None:
    assert (
        refusal(ArchitectureError, baseline, "mobilenet_v2_w0.0") == "the width of 'mobilenet_v2_w0.0' must be above 0"
    )
    assert refusal(ArchitectureError, baseline, "mobilenet_v2_r0").startswith("mobilenet_v2_r0: resolution must be")


def test_wrong_architecture_files(tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    assert refusal(ArchitectureError, load_architecture, file) == f"{file}: cannot be read: No such file or directory"
    file.write_bytes(b"\xff\xfe")
    assert refusal(ArchitectureError, load_architecture, file).startswith(f"{file}: not UTF-8 text ")
    file.write_text("{")
    assert refusal(ArchitectureError, load_architecture, file).startswith(f"{file}: not JSON: ")
    file.write_text('{"resolution": 32}')
    assert refusal(ArchitectureError, load_architecture, file) == f"{file}: architecture lacks blocks"
