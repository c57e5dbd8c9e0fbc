"""Networks and spaces: the three forms of a network, its key, budgets, search-space files, genotypes."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.errors import ArchitectureError, BudgetError, NasError, SpaceError
from nas.latency.predictor import latency
from nas.latency.profile import load_profile
from nas.spaces.activations import ACTIVATIONS
from nas.spaces.architecture import Architecture
from nas.spaces.baselines import load_architecture, reference
from nas.spaces.block import Block
from nas.spaces.budget import Budget
from nas.spaces.cost import cost
from nas.spaces.load import known_spaces, load_space
from nas.spaces.space import SearchSpace

MOBILENET_V2_KEY = "58d338a486e95ab6"
SHIPPED = ("mobilenet_v1", "mobilenet_v2", "nas_bench_macro", "separable", "tiny")

# Further spaces, with what the shipped ones do not use.
MADE = {
    "per_block": """
        resolution: 32
        downsample: 2
        stem: {op: conv, kernel: 3, stride: 2, out_channels: 8, activation: [hswish, relu]}
        stages:
          - {op: [sep, mbconv], kernel: [3, 5], expansion: [1, 6], out_channels: [8, 16], depth: [1, 2, 3],
             per_block: [op, kernel, expansion], se: [0, 0.25], norm_between: [true, false]}
    """,
    "blocks": """
        resolution: [32, 48]
        width: [0.5, 1.0, 2.0]
        downsample: 4
        in_channels: 1
        classes: 7
        stages:
          - {op: conv, kernel: 3, out_channels: 16, stride: [1, 2, 4]}
          - blocks: [identity, {op: sep, kernel: 5}, {op: mbconv, kernel: 3, expansion: 3, se: 0.5}]
            out_channels: [16, 32]
            activation: [relu6, elu]
            depth: [1, 3]
            stride: [1, 2, 4]
        head: {op: conv, kernel: 1, out_channels: 64, scaled: false}
    """,
}


def refusal(error: type[NasError], call: Callable[..., object], *args: Any, **kwargs: Any) -> str:
    """The message of the error that `call` raises: one line."""
    with pytest.raises(error) as caught:
        call(*args, **kwargs)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# --- networks -------------------------------------------------------------------------------------

KERNELS, STRIDES, CHANNELS = st.sampled_from([1, 3, 5, 7]), st.integers(1, 3), st.integers(1, 400)
OPTIONS = {
    "activation": st.sampled_from(ACTIVATIONS),
    "norm_between": st.booleans(),
    "se": st.sampled_from([0, 0.25, 1]) | st.floats(0, 1),
}
BLOCKS = (
    st.builds(Block, st.just("conv"), KERNELS, STRIDES, CHANNELS, activation=OPTIONS["activation"])
    | st.builds(Block, st.just("sep"), KERNELS, STRIDES, CHANNELS, **OPTIONS)
    | st.builds(Block, st.just("mbconv"), KERNELS, STRIDES, CHANNELS, st.integers(1, 8), **OPTIONS)
)
RUNS = st.tuples(BLOCKS, st.integers(1, 3)).map(lambda run: [run[0]] + [replace(run[0], stride=1)] * (run[1] - 1))
ARCHITECTURES = st.builds(
    Architecture,
    st.integers(1, 512),
    st.integers(1, 4),
    st.integers(1, 2000),
    st.lists(RUNS, min_size=1, max_size=5).map(lambda runs: tuple(block for run in runs for block in run)),
)
SMALL = Architecture(32, 3, 10, (Block("conv", 3, 2, 16), Block("mbconv", 3, 1, 16, 3)))


@settings(deadline=None)
@given(ARCHITECTURES)
def test_json_both_ways(arch: Architecture) -> None:
    again = Architecture.from_json(json.loads(json.dumps(arch.to_json())))
    assert again == arch
    assert again.to_json() == arch.to_json()


@settings(deadline=None)
@given(ARCHITECTURES)
def test_notation_both_ways(arch: Architecture) -> None:
    again = Architecture.from_notation(arch.notation)
    assert again == arch
    assert again.notation == arch.notation


@settings(deadline=None)
@given(ARCHITECTURES)
def test_equal_networks_have_equal_keys_and_hashes(arch: Architecture) -> None:
    again = Architecture.from_json(arch.to_json())
    assert again is not arch
    assert (hash(again), again.key) == (hash(arch), arch.key)
    assert len({arch, again}) == 1


@settings(deadline=None)
@given(ARCHITECTURES, st.data())
def test_any_changed_field_changes_the_key(arch: Architecture, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(arch.blocks) - 1))
    block = arch.blocks[index]
    activation = data.draw(st.sampled_from([name for name in ACTIVATIONS if name != block.activation]))
    blocks = [replace(block, kernel=block.kernel + 2), replace(block, stride=block.stride + 1)]
    blocks += [replace(block, out_channels=block.out_channels + 1), replace(block, activation=activation)]
    if block.op != "conv":
        blocks += [replace(block, norm_between=not block.norm_between), replace(block, se=1 - block.se / 2)]
    blocks += [replace(block, expansion=block.expansion + 1)] if block.op == "mbconv" else []
    others = [replace(arch, blocks=(*arch.blocks[:index], b, *arch.blocks[index + 1 :])) for b in blocks if b != block]
    others += [replace(arch, **{f: getattr(arch, f) + 1}) for f in ("resolution", "in_channels", "classes")]
    others += [replace(arch, blocks=(*arch.blocks, block))]
    assert len({other.key for other in others} | {arch.key}) == len(others) + 1
    assert len({other.notation for other in others} | {arch.notation}) == len(others) + 1


def test_key_is_fixed() -> None:
    assert reference("mobilenet_v2").key == MOBILENET_V2_KEY


@pytest.mark.parametrize("seed", ["0", "1"])
def test_key_does_not_depend_on_the_hash_seed(seed: str) -> None:
    code = "from nas.spaces.baselines import reference; print(reference('mobilenet_v2').key)"
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True, text=True
    )
    assert done.stdout.strip() == MOBILENET_V2_KEY, done.stderr


def test_documented_json_and_notation_are_one_network() -> None:
    documented = {
        "resolution": 224,
        "in_channels": 3,
        "classes": 1000,
        "blocks": [
            {"op": "conv", "kernel": 3, "stride": 2, "out_channels": 32},
            {"op": "sep", "kernel": 3, "stride": 1, "out_channels": 64},
            {"op": "mbconv", "kernel": 5, "stride": 2, "expansion": 6, "out_channels": 24},
            {"op": "conv", "kernel": 1, "stride": 1, "out_channels": 1280},
        ],
    }
    arch = Architecture.from_json(documented)
    assert arch.notation == "224x3 conv3/2-32 sep3-64 mb5e6/2-24 conv1-1280 fc1000"
    assert arch.to_json() == documented


def test_defaults_may_be_written_or_left_out() -> None:
    short = {"op": "mbconv", "kernel": 3, "stride": 1, "out_channels": 8}
    long = short | {"expansion": 1, "activation": "relu6", "norm_between": True, "se": 0}
    assert Architecture.from_json({"resolution": 32, "blocks": [short]}) == Architecture(
        32, 3, 1000, (Block("mbconv", 3, 1, 8),)
    )
    assert Architecture.from_json({"resolution": 32, "blocks": [long]}) == Architecture.from_json(
        {"resolution": 32, "blocks": [short]}
    )


def test_notation_shortens_repeats_and_names_options() -> None:
    first = Block("sep", 5, 2, 24, activation="hswish", norm_between=False, se=0.25)
    arch = Architecture(64, 1, 7, (first, replace(first, stride=1), replace(first, stride=1), first))
    assert arch.notation == "64x1 sep5/2-24x3:hswish:nobn:se0.25 sep5/2-24:hswish:nobn:se0.25 fc7"


def test_networks_are_frozen_and_hold_tuples() -> None:
    with pytest.raises(AttributeError):
        SMALL.resolution = 64  # type: ignore[misc]
    listed = Architecture(32, 3, 10, list(SMALL.blocks))  # type: ignore[arg-type]
    assert listed == SMALL
    assert hash(listed) == hash(SMALL)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"op": "dense"}, "unknown op 'dense'; known: conv, mbconv, sep"),
        ({"kernel": 4}, "sep: kernel must be odd, so that padding keeps the size, got 4"),
        ({"kernel": 0}, "sep: kernel must be a whole number above 0, got 0"),
        ({"stride": -1}, "sep: stride must be a whole number above 0, got -1"),
        ({"stride": True}, "sep: stride must be a whole number above 0, got True"),
        ({"out_channels": 8.0}, "sep: out_channels must be a whole number above 0, got 8.0"),
        ({"op": "mbconv", "expansion": "3"}, "mbconv: expansion must be a whole number above 0, got '3'"),
        ({"expansion": 2}, "sep: expansion belongs to mbconv alone, got 2"),
        ({"activation": "swish"}, "sep: unknown activation 'swish'; known: elu, hswish, none, relu, relu6"),
        ({"norm_between": 1}, "sep: norm_between must be true or false, got 1"),
        ({"se": 1.5}, "sep: se must be a ratio from 0 to 1, got 1.5"),
        ({"se": float("nan")}, "sep: se must be a ratio from 0 to 1, got nan"),
        ({"se": True}, "sep: se must be a ratio from 0 to 1, got True"),
        ({"op": "conv", "se": 0.5}, "conv: se and norm_between belong to sep and mbconv alone"),
        ({"op": "conv", "norm_between": False}, "conv: se and norm_between belong to sep and mbconv alone"),
    ],
)
def test_wrong_blocks(fields: dict[str, Any], message: str) -> None:
    block = {"op": "sep", "kernel": 3, "stride": 1, "out_channels": 8} | fields
    assert refusal(ArchitectureError, Block, **block) == message
    data = {"resolution": 32, "blocks": [block]}
    assert refusal(ArchitectureError, Architecture.from_json, data) == f"block 0: {message}"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "architecture must be a JSON object, got []"),
        ({"resolution": 32}, "architecture lacks blocks"),
        ({}, "architecture lacks blocks, resolution"),
        ({"resolution": 32, "blocks": 3}, "blocks must be a list, got 3"),
        ({"resolution": 32, "blocks": []}, "a network needs at least one block"),
        ({"resolution": 32, "blocks": [], "size": 3}, "unknown keys size; known: blocks, classes, in_channels, resol"),
        ({"resolution": 32, "blocks": ["a\nb"]}, "block 0 must be a JSON object, got 'a\\nb'"),
        ({"resolution": 32, "blocks": [{"op": "sep"}]}, "block 0 lacks kernel, out_channels, stride"),
        ({"resolution": 0, "blocks": SMALL.to_json()["blocks"]}, "resolution must be a whole number above 0, got 0"),
        ({"resolution": 32, "classes": None, "blocks": SMALL.to_json()["blocks"]}, "classes must be a whole number"),
    ],
)
def test_wrong_json(data: Any, message: str) -> None:
    assert message in refusal(ArchitectureError, Architecture.from_json, data)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "cannot read ''; a notation is like '224x3 conv3/2-32"),
        ("conv3-8 fc10", "cannot read 'conv3-8 fc10'; a notation is like"),
        ("32x3 conv3-8", "cannot read '32x3 conv3-8'; a notation is like"),
        ("32x3 fc10", "a network needs at least one block"),
        ("32x3 cnv3-8 fc10", "cannot read the block 'cnv3-8'; a block is like 'conv3/2-32'"),
        ("32x3 conv3-8x0 fc10", "cannot read the block 'conv3-8x0'"),
        ("32x3 conv3 fc10", "cannot read the block 'conv3'"),
        ("32x3 conv3/0-8 fc10", "conv: stride must be a whole number above 0, got 0"),
        ("32x3 sep3-8:swish fc10", "sep: unknown activation 'swish'"),
        ("32x3 sep3e6-8 fc10", "sep: expansion belongs to mbconv alone, got 6"),
        ("0x3 sep3-8 fc10", "resolution must be a whole number above 0, got 0"),
    ],
)
def test_wrong_notation(line: str, message: str) -> None:
    assert message in refusal(ArchitectureError, Architecture.from_notation, line)


# --- networks by name or file ---------------------------------------------------------------------


def test_load_architecture_takes_name_file_and_notation(tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    file.write_text(json.dumps(SMALL.to_json()))
    assert load_architecture(file) == load_architecture(str(file)) == load_architecture(SMALL.notation) == SMALL
    assert load_architecture("mobilenet_v2_w0.75_r192") == reference("mobilenet_v2_w0.75_r192")


def test_load_architecture_takes_a_notation_longer_than_a_file_name() -> None:
    arch = Architecture(32, 3, 10, (Block("sep", 3, 1, 64), Block("mbconv", 3, 1, 64, 3)) * 40)
    assert len(arch.notation) > 400
    assert "/" not in arch.notation
    assert load_architecture(arch.notation) == arch


def test_reference_names_set_width_resolution_and_data() -> None:
    arch = reference("mobilenet_v1_w0.5_r128", in_channels=1, classes=10)
    assert (arch.resolution, arch.in_channels, arch.classes) == (128, 1, 10)
    assert [block.out_channels for block in arch.blocks] == [16, 32, 64, 64, 128, 128, *[256] * 6, 512, 512]
    assert reference("mobilenet_v2_w1.4").blocks[-1].out_channels == 1792
    assert reference("mobilenet_v2_w0.35").blocks[-1].out_channels == 1280
    assert reference("mobilenet_v2_w1.0_r224") == reference("mobilenet_v2")


@pytest.mark.parametrize(
    "name", ["mobilenet", "mobilenet_v2_x2", "mobilenet_v2_w", "mobilenet_v2_r192_w0.5", "", "a" * 300]
)
def test_unknown_reference_lists_the_known(name: str) -> None:
    message = refusal(ArchitectureError, load_architecture, name)
    assert message.startswith(f"unknown network {name!r}; known: mobilenet_v1, mobilenet_v2, with _w0.75 and _r192")


def test_reference_of_nothing() -> None:
    assert (
        refusal(ArchitectureError, reference, "mobilenet_v2_w0.0") == "the width of 'mobilenet_v2_w0.0' must be above 0"
    )
    assert refusal(ArchitectureError, reference, "mobilenet_v2_r0").startswith("resolution must be")


def test_wrong_architecture_files(tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    assert refusal(ArchitectureError, load_architecture, file) == f"cannot read {file}: No such file or directory"
    file.write_bytes(b"\xff\xfe")
    assert refusal(ArchitectureError, load_architecture, file).startswith(f"{file} is not JSON: ")
    file.write_text("{")
    assert refusal(ArchitectureError, load_architecture, file).startswith(f"{file} is not JSON: ")
    file.write_text('{"resolution": 32}')
    assert refusal(ArchitectureError, load_architecture, file) == f"{file}: architecture lacks blocks"


# --- search-space files ---------------------------------------------------------------------------

YAML = """resolution: 32
downsample: 4
stages:
  - {op: [sep, mbconv], kernel: 3, expansion: 3, out_channels: 8, stride: 4}
"""


@pytest.fixture
def load(tmp_path: Path) -> Callable[[str], SearchSpace]:
    """Loads a space from the text of a file."""

    def load_text(text: str) -> SearchSpace:
        (tmp_path / "mine.yaml").write_text(text)
        return load_space(tmp_path / "mine.yaml")

    return load_text


@pytest.fixture(scope="module")
def spaces(tmp_path_factory: pytest.TempPathFactory) -> dict[str, SearchSpace]:
    """The shipped spaces and those of `MADE`."""
    folder = tmp_path_factory.mktemp("spaces")
    for name, text in MADE.items():
        (folder / f"{name}.yaml").write_text(text)
    return {name: load_space(name) for name in SHIPPED} | {n: load_space(folder / f"{n}.yaml") for n in MADE}


EVERY = pytest.mark.parametrize("name", [*SHIPPED, *MADE])


def test_shipped_spaces_load_by_name_and_path() -> None:
    assert sorted(known_spaces()) == sorted(SHIPPED)
    for name, path in known_spaces().items():
        space = load_space(name)
        assert space == load_space(path) == load_space(str(path))
        assert space.name == name


def test_unknown_space_lists_the_known() -> None:
    assert refusal(SpaceError, load_space, "tinny") == (
        "unknown search space 'tinny'; known: mobilenet_v1, mobilenet_v2, nas_bench_macro, separable, tiny. "
        "A path works too"
    )


def test_unreadable_spaces(tmp_path: Path) -> None:
    assert refusal(SpaceError, load_space, tmp_path) == f"cannot read the search space {tmp_path}: Is a directory"
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    assert f"{tmp_path}/binary.yaml: not YAML: " in refusal(SpaceError, load_space, tmp_path / "binary.yaml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must be a mapping of keys to values, got None"),
        ("- resolution", "must be a mapping of keys to values, got ['resolution']"),
        ("resolution: [", "not YAML: while parsing a flow node"),
        ("a: !!python/name:os.system x", "not YAML: could not determine a constructor"),
        ("a: 2020-13-45", "not YAML: month must be in 1..12"),
        ("resolution: 32\nstages: [{}]", "lacks the key downsample"),
        ("resolution: 32\ndownsample: 4\nstages: []", "stages: must be a list of at least one stage, got []"),
        ("resolution: 32\ndownsample: 4\nstages: {a: 1}", "stages: must be a list of at least one stage, got {'a': 1}"),
        ("resolution: 32\ndownsample: 4\nstages: [3]", "stage1: must be a mapping of keys to values, got 3"),
        (YAML + "colour: red", "unknown key 'colour'; known: classes, downsample, head"),
        (YAML + "7: 8", "unknown key 7; known: classes"),
        (YAML + "downsample: 8", "not YAML: line 1: the key 'downsample' is given twice"),
        (YAML.replace("kernel: 3", "kernel: 3, kernel: 5"), "not YAML: line 4: the key 'kernel' is given twice"),
        (
            YAML.replace("downsample: 4", "downsample: 8"),
            "downsample: no choice of strides multiplies to 8: stage1 [4]",
        ),
        (YAML.replace("downsample: 4", "downsample: [4, 8]"), "downsample: must be one value, got [4, 8]"),
        (YAML.replace("downsample: 4", "downsample: four"), "downsample: cannot be 'four'"),
        (YAML.replace("resolution: 32", "resolution: -32"), "resolution: must be a whole number above 0, got -32"),
        (YAML.replace("resolution: 32", "resolution: yes"), "resolution: cannot be True"),
        (YAML.replace("resolution: 32", "resolution: 32.5"), "resolution: cannot be 32.5"),
        (YAML.replace("resolution: 32", "resolution: []"), "resolution: needs at least one choice"),
        (YAML.replace("resolution: 32", "resolution: [32, 32]"), "resolution: a choice is listed twice in [32, 32]"),
        (YAML + "width: 0", "width: must be above 0, got 0.0"),
        (YAML + "width: [1, -1]", "width: must be above 0, got -1.0"),
        (YAML + "width: .nan", "width: must be above 0, got nan"),
        (YAML + "width: .inf", "width: must be above 0, got inf"),
        (YAML + "width: wide", "width: cannot be 'wide'"),
        (YAML + "width: [1, 1.0]", "width: a choice is listed twice in [1, 1.0]"),
        (YAML + "classes: [10, 100]", "classes: must be one value, got [10, 100]"),
        (YAML + "classes: 0", "classes: must be a whole number above 0, got 0"),
        (YAML + "in_channels: '3'", "in_channels: cannot be '3'"),
        (YAML + "stem: 0", "stem: must be a mapping of keys to values, got 0"),
        (YAML + "stem: {op: conv, kernel: 3}", "stem: lacks the key out_channels"),
        (YAML + "head: {}", "head: lacks the key out_channels"),
        (YAML + "head: {out_channels: 8}", "head: needs op and kernel, or blocks"),
        (YAML + "head: {op: conv, kernel: 1, out_channels: 8, se: 0.5}", "head.se: conv blocks have no se"),
    ],
)
def test_wrong_files(load: Callable[[str], SearchSpace], tmp_path: Path, text: str, message: str) -> None:
    assert refusal(SpaceError, load, text).startswith(f"{tmp_path}/mine.yaml: {message}")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kernle": "3"}, "stage1: unknown key 'kernle'; known: activation, blocks, depth"),
        ({"op": "conv3"}, "stage1.op: unknown op 'conv3'; known: conv, mbconv, sep"),
        ({"op": "[sep, sep]"}, "stage1.op: a choice is listed twice in ['sep', 'sep']"),
        ({"op": "sep"}, "stage1.expansion: sep blocks have no expansion"),
        ({"op": "[sep, conv]"}, "stage1.expansion: sep, conv blocks have no expansion"),
        ({"kernel": "4"}, "stage1.kernel: sep: kernel must be odd"),
        ({"kernel": "[3, true]"}, "stage1.kernel: sep: kernel must be a whole number above 0, got True"),
        ({"kernel": "three"}, "stage1.kernel: sep: kernel must be a whole number above 0, got 'three'"),
        ({"kernel": "{a: 3}"}, "stage1.kernel: cannot be {'a': 3}"),
        ({"kernel": "[[3]]"}, "stage1.kernel: cannot be [3]"),
        ({"expansion": "-3"}, "stage1.expansion: mbconv: expansion must be a whole number above 0, got -3"),
        ({"out_channels": "-8"}, "stage1.out_channels: must be a whole number above 0, got -8"),
        ({"out_channels": "[8, 8]"}, "stage1.out_channels: a choice is listed twice in [8, 8]"),
        ({"depth": "0"}, "stage1.depth: must be above 0, or 0 beside other choices in a stage of stride 1, got [0]"),
        ({"depth": "[0, 1]"}, "stage1.depth: must be above 0, or 0 beside other choices in a stage of stride 1"),
        ({"depth": "-1"}, "stage1.depth: must be a whole number from 0 on, got -1"),
        ({"depth": "1.5"}, "stage1.depth: cannot be 1.5"),
        ({"stride": "true"}, "stage1.stride: cannot be True"),
        ({"stride": "0"}, "stage1.stride: must be a whole number above 0, got 0"),
        ({"se": "[0, 2]"}, "stage1.se: sep: se must be a ratio from 0 to 1, got 2"),
        ({"activation": "swish"}, "stage1.activation: sep: unknown activation 'swish'"),
        ({"activation": "null"}, "stage1.activation: cannot be None"),
        ({"norm_between": "0"}, "stage1.norm_between: sep: norm_between must be true or false, got 0"),
        ({"scaled": "1"}, "stage1.scaled: must be true or false, got 1"),
        ({"per_block": "[depth]"}, "stage1.per_block: 'depth' is no choice of this stage that a block can make"),
        ({"per_block": "out_channels"}, "stage1.per_block: 'out_channels' is no choice"),
        ({"per_block": "3"}, "stage1.per_block: cannot be 3"),
        ({"blocks": "identity"}, "stage1.blocks: must be a list, got 'identity'"),
        ({"blocks": "[nothing]"}, "stage1.blocks[0]: must be a mapping of keys to values, got 'nothing'"),
        ({"blocks": "[identity, identity]"}, "stage1.blocks[1]: 'identity' is listed twice"),
        ({"blocks": "[{op: sep}]"}, "stage1.blocks[0]: lacks the key kernel"),
        ({"blocks": "[{op: sep, kernel: 3, depth: 2}]"}, "stage1.blocks[0]: unknown key 'depth'"),
        ({"blocks": "[{op: sep, kernel: [3]}]"}, "stage1.blocks[0]: sep: kernel must be a whole number above 0"),
        ({"blocks": "[{op: sep, kernel: 3, expansion: 6}]"}, "stage1.blocks[0]: sep: expansion belongs to mbconv"),
    ],
)
def test_wrong_stages(
    load: Callable[[str], SearchSpace], tmp_path: Path, changes: dict[str, str], message: str
) -> None:
    stage = {"op": "[sep, mbconv]", "kernel": "3", "expansion": "3", "out_channels": "8", "stride": "4"} | changes
    text = YAML[: YAML.index("  -")] + "  - {" + ", ".join(f"{k}: {v}" for k, v in stage.items()) + "}\n"
    assert refusal(SpaceError, load, text).startswith(f"{tmp_path}/mine.yaml: {message}")


def test_a_key_overriding_a_merged_one_is_no_duplicate(load: Callable[[str], SearchSpace]) -> None:
    space = load(
        "resolution: 32\ndownsample: 1\nstages:\n  - &a {op: sep, kernel: 3, out_channels: 8}\n"
        "  - &b {<<: *a, kernel: 5}\n  - {<<: *b, out_channels: 16}\n"
    )
    assert space.architecture([]).notation == "32x3 sep3-8 sep5-8 sep5-16 fc1000"


# --- what a space holds ---------------------------------------------------------------------------


def notations(space: SearchSpace) -> list[str]:
    """Every network's blocks, in the order of the genotypes."""
    return [" ".join(space.architecture(row).notation.split()[1:-1]) for row in space.genotypes()]


def test_tiny_can_be_enumerated() -> None:
    space = load_space("tiny")
    assert space.size == 1536
    rows = list(space.genotypes())
    assert rows == sorted(rows, key=tuple)
    archs = [space.architecture(row) for row in rows]
    assert len(set(archs)) == len({arch.key for arch in archs}) == len({arch.notation for arch in archs}) == 1536


def test_nas_bench_macro_has_the_benchmarks_networks() -> None:
    space = load_space("nas_bench_macro")
    assert space.size == 6561
    assert len({space.architecture(row) for row in space.genotypes()}) == 3969
    identity, both = space.architecture([0] * 8).notation, space.architecture([1, 2, 0, 0, 0, 0, 1, 0]).notation
    assert identity == "32x3 conv3-32:relu conv1/2-64:none conv1/2-128:none conv1/2-256:none conv1-1280:relu fc10"
    assert both == (
        "32x3 conv3-32:relu mb3e3/2-64:relu mb5e6-64:relu conv1/2-128:none conv1/2-256:none mb3e3-256:relu "
        "conv1-1280:relu fc10"
    )


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"kernel": "[3, 5]"}, ["sep3/4-8", "sep5/4-8"]),
        ({"depth": "[1, 2]"}, ["sep3/4-8", "sep3/4-8x2"]),
        ({"op": "[sep, mbconv]", "expansion": "6"}, ["sep3/4-8", "mb3e6/4-8"]),
        (
            {"kernel": "[3, 5]", "depth": "2", "per_block": "kernel"},
            ["sep3/4-8x2", "sep3/4-8 sep5-8", "sep5/4-8 sep3-8", "sep5/4-8x2"],
        ),
        (
            {"depth": "2", "blocks": "[identity, {op: sep, kernel: 5}]"},
            ["conv1/4-8:none", "conv1/4-8:none sep5-8", "sep5/4-8", "sep5/4-8x2"],
        ),
        (
            {"activation": "[relu, none]", "se": "[0, 0.5]"},
            ["sep3/4-8:relu", "sep3/4-8:relu:se0.5", "sep3/4-8:none", "sep3/4-8:none:se0.5"],
        ),
    ],
)
def test_choices_mean_these_networks(
    load: Callable[[str], SearchSpace], changes: dict[str, str], expected: list[str]
) -> None:
    stage = {"op": "sep", "kernel": "3", "out_channels": "8", "stride": "4"} | changes
    text = ", ".join(f"{key}: {value}" for key, value in stage.items())
    assert notations(load(f"resolution: 32\ndownsample: 4\nstages:\n  - {{{text}}}\n")) == expected


def test_identity_is_nothing_only_where_the_shape_is_kept(load: Callable[[str], SearchSpace]) -> None:
    space = load(
        "resolution: 32\ndownsample: 2\nstem: {op: conv, kernel: 3, out_channels: 8}\nstages:\n"
        "  - {blocks: [identity], out_channels: [8, 16], depth: 2}\n"
        "  - {blocks: [identity], out_channels: 16, stride: 2}\n"
    )
    assert notations(space) == ["conv3-8 conv1/2-16:none", "conv3-8 conv1-16:none conv1/2-16:none"]


def test_width_scales_all_stages_but_the_unscaled(load: Callable[[str], SearchSpace]) -> None:
    space = load(
        "resolution: 32\ndownsample: 1\nwidth: [0.5, 1.0, 1.4]\nstem: {op: conv, kernel: 3, out_channels: 20}\n"
        "stages:\n  - {op: sep, kernel: 3, out_channels: 36}\n"
        "head: {op: conv, kernel: 1, out_channels: 100, scaled: false}\n"
    )
    # multiples of 8, never under 90 % of what was asked; at 1.0 exactly what the file says
    assert notations(space) == [
        "conv3-16 sep3-24 conv1-100",
        "conv3-20 sep3-36 conv1-100",
        "conv3-32 sep3-48 conv1-100",
    ]


def test_stride_patterns_are_all_those_with_the_product(load: Callable[[str], SearchSpace]) -> None:
    stages = "".join("  - {op: sep, kernel: 3, out_channels: 8, stride: [1, 2, 4]}\n" for _ in range(3))
    space = load(f"resolution: 32\ndownsample: 4\nstages:\n{stages}")
    assert sorted(space.strides) == [(1, 1, 4), (1, 2, 2), (1, 4, 1), (2, 1, 2), (2, 2, 1), (4, 1, 1)]
    assert space.size == 6


@EVERY
def test_every_network_has_the_total_stride(spaces: dict[str, SearchSpace], name: str) -> None:
    total = {"tiny": 8, "nas_bench_macro": 8, "per_block": 2, "blocks": 4}.get(name, 32)
    rows = spaces[name].sample(np.random.default_rng(0), 200)
    strides = {prod(block.stride for block in spaces[name].architecture(row).blocks) for row in rows}
    assert strides == {total}


def test_variables_say_which_choices_are_ordered() -> None:
    ordered = {variable.name: variable.ordered for variable in load_space("separable").variables}
    assert ordered["resolution"]
    assert ordered["stage2.kernel"]
    assert not ordered["strides"]
    assert not ordered["stage2.op"]
    assert all(len(variable.values) > 1 for variable in load_space("separable").variables)


def test_with_data_changes_input_and_classes_alone() -> None:
    space = load_space("tiny")
    other = space.with_data(1, 10)
    row = space.sample(np.random.default_rng(0), 1)[0]
    assert other.architecture(row) == replace(space.architecture(row), in_channels=1, classes=10)
    assert not other.contains(space.architecture(row))


# --- genotypes ------------------------------------------------------------------------------------


@EVERY
@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_genotype_is_canonical(spaces: dict[str, SearchSpace], name: str, seed: int) -> None:
    space = spaces[name]
    arch = space.architecture(space.sample(np.random.default_rng(seed), 1)[0])
    row = space.genotype(arch)
    assert row.dtype == np.int64
    assert space.architecture(row) == arch
    assert space.genotype(space.architecture(row)).tolist() == row.tolist()
    assert space.contains(arch)


def test_genotypes_of_one_network_agree() -> None:
    space = load_space("nas_bench_macro")
    # an identity before or after a block, inside a stage, is the same network
    first, second = space.architecture([1, 1, 1, 0, 2, 1, 1, 1]), space.architecture([1, 1, 1, 2, 0, 1, 1, 1])
    assert first == second
    assert space.genotype(first).tolist() == space.genotype(second).tolist()


def test_genotype_counts_networks_not_rows() -> None:
    space = load_space("nas_bench_macro")
    rows = list(space.genotypes())[::7]
    archs = [space.architecture(row) for row in rows]
    assert len({tuple(space.genotype(arch)) for arch in archs}) == len(set(archs))


@pytest.mark.parametrize("family", ["mobilenet_v1", "mobilenet_v2"])
@pytest.mark.parametrize("width", ["0.25", "0.35", "0.5", "0.75", "1.0"])
@pytest.mark.parametrize("resolution", [128, 160, 192, 224])
def test_spaces_hold_their_published_networks(family: str, width: str, resolution: int) -> None:
    space, arch = load_space(family), reference(f"{family}_w{width}_r{resolution}")
    if float(width) not in space.width:
        assert not space.contains(arch)
    else:
        assert space.architecture(space.genotype(arch)) == arch


def test_networks_outside_are_refused_by_notation() -> None:
    space, arch = load_space("tiny"), reference("mobilenet_v2")
    assert refusal(SpaceError, space.genotype, arch) == f"the network is not in the space tiny: {arch.notation}"
    inside = space.architecture([0] * len(space.variables))
    for outside in (
        replace(inside, resolution=64),
        replace(inside, classes=10),
        replace(inside, in_channels=1),
        replace(inside, blocks=inside.blocks[:-1]),
        replace(inside, blocks=(*inside.blocks, Block("sep", 3, 1, 8))),
        replace(inside, blocks=(*inside.blocks[:-1], replace(inside.blocks[-1], out_channels=129))),
    ):
        assert not space.contains(outside)
    assert space.contains(inside)


def test_wrong_rows() -> None:
    space = load_space("nas_bench_macro")
    assert refusal(SpaceError, space.architecture, [0] * 7) == "a genotype of nas_bench_macro has 8 entries, got 7"
    assert refusal(SpaceError, space.architecture, [0] * 7 + [3]) == "stage3.2.block: index 3 is not in 0..2"
    assert refusal(SpaceError, space.architecture, [-1] + [0] * 7) == "stage1.0.block: index -1 is not in 0..2"


@EVERY
def test_same_seed_same_rows(spaces: dict[str, SearchSpace], name: str) -> None:
    space = spaces[name]
    first, again, other = (space.sample(np.random.default_rng(seed), 50) for seed in (0, 0, 1))
    assert first.shape == (50, len(space.variables))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@EVERY
def test_samples_are_uniform_over_choices(spaces: dict[str, SearchSpace], name: str) -> None:
    n, variables = 4000, spaces[name].variables
    rows = spaces[name].sample(np.random.default_rng(0), n)
    for column, variable in zip(rows.T, variables, strict=True):
        p = 1 / len(variable.values)
        shares = np.bincount(column, minlength=len(variable.values)) / n
        assert np.abs(shares - p).max() < 5 * np.sqrt(p * (1 - p) / n), variable.name  # five standard errors
    correlation = np.corrcoef(rows.T) - np.eye(len(variables))
    assert np.abs(correlation).max() < 5 / np.sqrt(n)


@EVERY
@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_mutation_changes_a_choice_and_stays_valid(spaces: dict[str, SearchSpace], name: str, seed: int) -> None:
    space, rng = spaces[name], np.random.default_rng(seed)
    row = space.sample(rng, 1)[0]
    before = row.copy()
    mutant = space.mutate(rng, row)
    assert np.array_equal(row, before)
    assert (mutant != row).any()
    space.architecture(mutant)


def test_mutation_reaches_every_other_value_of_every_choice() -> None:
    space, rng = load_space("separable"), np.random.default_rng(0)
    row = space.sample(rng, 1)[0]
    mutants = np.array([space.mutate(rng, row) for _ in range(3000)])
    for column, variable in zip(mutants.T, space.variables, strict=True):
        assert set(column) == set(range(len(variable.values))), variable.name
    changed = (mutants != row).sum(axis=1)
    assert 1.8 < changed.mean() < 2.2  # one for certain, and one in expectation of the rest


@EVERY
@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_children_take_each_choice_from_a_parent(spaces: dict[str, SearchSpace], name: str, seed: int) -> None:
    space, rng = spaces[name], np.random.default_rng(seed)
    first, second = space.sample(rng, 2)
    child = space.cross(rng, first, second)
    assert ((child == first) | (child == second)).all()


def test_children_take_half_from_each_parent() -> None:
    space, rng = load_space("separable"), np.random.default_rng(0)
    zeros = np.zeros(len(space.variables), dtype=np.int64)
    children = np.array([space.cross(rng, zeros, zeros + 1) for _ in range(2000)])
    assert np.abs(children.mean(axis=0) - 0.5).max() < 0.06


# --- the smallest network -------------------------------------------------------------------------

PIXEL4 = load_profile("pixel4")
MEASURES: dict[str, Callable[[Architecture], float]] = {
    "macs": lambda arch: cost(arch).macs,
    "params": lambda arch: cost(arch).params,
    "peak_activation_bytes": lambda arch: cost(arch).peak_activation_bytes,
    "latency_ms": lambda arch: latency(arch, PIXEL4).ms,
}


@pytest.mark.parametrize("measure", MEASURES)
def test_smallest_of_tiny_is_the_smallest_of_all(measure: str) -> None:
    space, size = load_space("tiny"), MEASURES[measure]
    assert size(space.smallest(size)) == min(size(space.architecture(row)) for row in space.genotypes())


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("measure", ["macs", "params"])
def test_smallest_is_below_any_sample(name: str, measure: str) -> None:
    space, size = load_space(name), MEASURES[measure]
    smallest = size(space.smallest(size))
    assert all(smallest <= size(space.architecture(row)) for row in space.sample(np.random.default_rng(0), 300))


# --- budgets --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, Budget()),
        ([], Budget()),
        ("300M", Budget(macs=300e6)),
        ("0.3G", Budget(macs=0.3e9)),
        (".3G", Budget(macs=0.3e9)),
        ("300Mmacs", Budget(macs=300e6)),
        ("300 MMACs", Budget(macs=300e6)),
        ("300000k", Budget(macs=300e6)),
        ("5000macs", Budget(macs=5000)),
        ("3e2M", Budget(macs=300e6)),
        ("25ms", Budget(latency_ms=25)),
        (" 2.5 ms ", Budget(latency_ms=2.5)),
        ("4MB", Budget(weight_bytes=4e6)),
        ("512kB", Budget(weight_bytes=512e3)),
        ("4096b", Budget(weight_bytes=4096)),
        ("5Mparams", Budget(params=5e6)),
        ("5000000params", Budget(params=5e6)),
        (["300M", "25ms"], Budget(macs=300e6, latency_ms=25)),
        (("4MB", "5Mparams", "1ms", "1G"), Budget(1e9, 1, 4e6, 5e6)),
    ],
)
def test_budgets(text: Any, expected: Budget) -> None:
    assert Budget.parse(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("-3M", "a budget must be above 0, got -3M MACs"),
        ("0ms", "a budget must be above 0, got 0 ms"),
        ("-1e3kB", "a budget must be above 0, got -1 MB"),
        ("1e999Mparams", "a budget must be above 0, got infM params"),
        ("abc", "cannot read the budget 'abc'"),
        ("", "cannot read the budget ''"),
        ("nan", "cannot read the budget 'nan'"),
        ("inf", "cannot read the budget 'inf'"),
        ("nanms", "cannot read the budget 'nanms'"),
        ("300M,25ms", "cannot read the budget '300M,25ms'"),
        (True, "cannot read the budget 'True'"),
        ("300", "no unit in the budget '300'"),
        (300, "no unit in the budget '300'"),
        (2.5, "no unit in the budget '2.5'"),
        ("25s", "unknown unit 's' in the budget '25s'"),
        ("300Q", "unknown unit 'Q' in the budget '300Q'"),
        ("3TB", "unknown unit 'TB' in the budget '3TB'"),
        (["300M", "abc"], "cannot read the budget 'abc'"),
        ([["300M"]], "cannot read the budget \"['300M']\""),
    ],
)
def test_wrong_budgets_say_what_is_allowed(text: Any, message: str) -> None:
    found = refusal(BudgetError, Budget.parse, text)
    assert found == f"{message}; use 300M (MACs), 25ms, 4MB (weights), 5Mparams, or a list such as [300M,25ms]"


def test_one_limit_twice() -> None:
    assert refusal(BudgetError, Budget.parse, ["300M", "25ms", "0.2G"]) == (
        "the budget limits macs twice, at 300M MACs and 0.2G"
    )


def test_budget_of_nan_is_refused() -> None:
    assert refusal(BudgetError, Budget, latency_ms=float("nan")).startswith("a budget must be above 0, got nan ms")


def test_excess_is_the_worst_ratio() -> None:
    budget = Budget.parse(["300M", "20ms"])
    assert budget.excess({"macs": 150e6, "latency_ms": 15, "params": 9e9}) == 0.75
    assert budget.excess({"macs": 600e6, "latency_ms": 30}) == 2
    assert Budget().excess({"macs": 1e12}) == 0


def test_violation_names_each_limit_that_is_passed() -> None:
    budget = Budget.parse(["300M", "20ms", "4MB", "5Mparams"])
    inside = {"macs": 300e6, "latency_ms": 20.0, "weight_bytes": 4e6, "params": 5e6}
    assert budget.violation(inside) is None  # a limit itself is allowed
    assert budget.violation(inside | {"latency_ms": 20.5}) == "20.5 ms over 20 ms"
    assert budget.violation({measure: 2 * value for measure, value in inside.items()}) == (
        "600M MACs over 300M MACs, 40 ms over 20 ms, 8 MB over 4 MB, 10M params over 5M params"
    )
    assert Budget().violation(inside) is None


def test_budget_as_text() -> None:
    assert str(Budget.parse(["5Mparams", "512kB", "25ms", "0.3G"])) == "300M MACs, 25 ms, 0.512 MB, 5M params"
    assert str(Budget()) == "none"
