"""Search-space files: read, and every mistake named."""

from collections.abc import Callable
from itertools import product
from math import prod
from pathlib import Path

import pytest

from nas.errors import SpaceError
from nas.spaces.load import known_spaces, load_space, space_for
from nas.spaces.space import SearchSpace
from tests.helpers.refusal import refusal
from tests.helpers.spaces import SHIPPED, YAML, every


def test_shipped_spaces_load_by_name_and_path() -> None:
    assert sorted(known_spaces()) == sorted(SHIPPED)
    for name, path in known_spaces().items():
        space = load_space(name)
        assert space == load_space(path) == load_space(str(path))
        assert space.name == name


def test_unknown_space_lists_the_known() -> None:
    assert refusal(SpaceError, load_space, "tinny") == (
        "unknown search space 'tinny'; known: lite, mobilenet_v1, mobilenet_v2, nas_bench_macro, separable, small, "
        "tiny. A path works too"
    )


@pytest.mark.parametrize(
    ("text", "pixels", "expected"),
    [
        ("{relative: [0.5, 0.75, 1.0]}", 224, (112, 168, 224)),
        ("{relative: [1.0, 0.5]}", 100, (48, 100)),  # 50 is nearest to two multiples of 4, and goes to the even one
        ("{relative: [0.5, 0.75, 1.0], least: 32, most: 64}", 32, (32,)),
        ("{relative: [0.5, 0.75, 1.0], least: 32, most: 64}", 80, (40, 60, 64)),
        ("{relative: [0.5, 1]}", 3000, (224,)),
        ("{relative: 0.01}", 8, (4,)),  # the total stride at least
        ("{relative: [1, 2], least: 300}", 200, (300,)),
        ("32", 100, (32,)),
    ],
)
def test_resolutions_relative_to_the_images(
    load: Callable[[str], SearchSpace], text: str, pixels: int, expected: tuple[int, ...]
) -> None:
    space = load(YAML.replace("32", text))
    assert space.with_data(1, 10, pixels).resolution == expected
    assert space.with_data(1, 10, 64).with_data(1, 10, pixels).resolution == expected
    if space.choices.relative:
        assert space.with_data(1, 10) == space.with_data(1, 10, space.choices.relative.most)
    assert all(arch.resolution in expected for arch in every(space.with_data(1, 10, pixels)).values())


@pytest.mark.parametrize(("pixels", "name"), [(8, "small"), (32, "small"), (95, "small"), (96, "separable")])
def test_the_space_of_images(pixels: int, name: str) -> None:
    assert space_for(pixels) == name
    resolutions = load_space(name).with_data(3, 10, pixels).resolution
    assert len(set(resolutions)) == len(resolutions)
    assert all(32 <= each <= 64 for each in resolutions if name == "small")


def test_unreadable_spaces(tmp_path: Path) -> None:
    assert refusal(SpaceError, load_space, tmp_path) == f"{tmp_path}: is a folder; give a file"
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    assert f"{tmp_path}/binary.yaml: not UTF-8 text (byte 1 is 0xff)" in refusal(
        SpaceError, load_space, tmp_path / "binary.yaml"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must be a mapping of keys to values, got None"),
        ("- resolution", "must be a mapping of keys to values, got ['resolution']"),
        ("resolution: [", "not YAML: line 1: expected the node content, but found '<stream end>'"),
        (
            "a: !!python/name:os.system x",
            "not YAML: line 1: the tag tag:yaml.org,2002:python/name:os.system is not read",
        ),
        (YAML.replace("resolution: 32", "resolution: 2020-13-45"), "resolution: cannot be '2020-13-45'"),
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
        (YAML.replace("resolution: 32", "resolution: yes"), "resolution: cannot be 'yes'"),
        (YAML.replace("resolution: 32", "resolution: 32.5"), "resolution: cannot be 32.5"),
        (YAML.replace("resolution: 32", "resolution: []"), "resolution: needs at least one choice"),
        (YAML.replace("resolution: 32", "resolution: [32, 32]"), "resolution: a choice is listed twice in [32, 32]"),
        (YAML.replace("32", "{}"), "resolution: lacks the key relative"),
        (YAML.replace("32", "{relative: []}"), "resolution.relative: needs at least one choice"),
        (YAML.replace("32", "{relative: half}"), "resolution.relative: cannot be 'half'"),
        (YAML.replace("32", "{relative: [1, 1.0]}"), "resolution.relative: a choice is listed twice in [1, 1.0]"),
        (YAML.replace("32", "{relative: -1}"), "resolution.relative: must be from 0.01 to 100, got -1"),
        (YAML.replace("32", "{relative: 1e9}"), "resolution.relative: must be from 0.01 to 100, got 1000000000.0"),
        (YAML.replace("32", "{relative: 1, max: 9}"), "resolution: unknown key 'max'; known: least, most, relative"),
        (YAML.replace("32", "{relative: 1, least: 0}"), "resolution.least: must be a whole number above 0, got 0"),
        (YAML.replace("32", "{relative: 1, most: [8, 9]}"), "resolution.most: must be one value, got [8, 9]"),
        (
            YAML.replace("32", "{relative: 1, least: 65, most: 64}"),
            "resolution.least: must be at most resolution.most, 64, got 65",
        ),
        (YAML + "width: 0", "width: must be above 0, got 0.0"),
        (YAML + "width: [1, -1]", "width: must be above 0, got -1.0"),
        (YAML + "width: .nan", "not YAML: line 5: .nan: write a plain decimal number"),
        (YAML + "width: .inf", "not YAML: line 5: .inf: write a plain decimal number"),
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


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_files_are_utf8_with_or_without_a_byte_order_mark(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "mine.yaml").write_bytes(f"# Größe\n{YAML}".encode(encoding))
    assert load_space(tmp_path / "mine.yaml").resolution == (32,)


def test_every_choice_of_strides_is_found_where_all_stages_choose(load: Callable[[str], SearchSpace]) -> None:
    stages = "  - {op: sep, kernel: 3, out_channels: 8, stride: [2, 1]}\n" * 12
    space = load(f"resolution: 64\ndownsample: 32\nstages:\n{stages}")
    every = [pattern for pattern in product((2, 1), repeat=12) if prod(pattern) == 32]
    assert space.strides == tuple(every)


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        (["{op: sep, kernel: 3, out_channels: 8, depth: [1, 201]}"], "the networks of a space have at most 200 blocks"),
        (
            ["{op: sep, kernel: 3, out_channels: 8, depth: 100}"] * 3,
            "the networks of a space have at most 200 blocks, got",
        ),
        (["{op: sep, kernel: 3, out_channels: 8}"] * 101, "stages: at most 100 are read, got 101"),
        (
            [f"{{op: sep, kernel: 3, out_channels: {list(range(1, 102))}}}"],
            "stage1.out_channels: has 101 choices; at most",
        ),
        (
            [f"{{op: mbconv, kernel: 3, expansion: {list(range(1, 51))}, out_channels: {list(range(1, 101))}}}"] * 2,
            "stages: 505,000 pairs of blocks can follow each other, at most 200,000 may",
        ),
        (
            ["{op: conv, kernel: 99999, out_channels: 1000000}"],
            "a network has at most 9.0e+15 multiply-accumulates; the",
        ),
        (
            ["{op: conv, kernel: 3, out_channels: 1000001}"],
            "stage1.out_channels: must be at most 1,000,000, got 1000001",
        ),
    ],
)
def test_spaces_are_bounded(
    load: Callable[[str], SearchSpace], tmp_path: Path, stages: list[str], message: str
) -> None:
    text = "resolution: 224\ndownsample: 1\nstages:\n" + "".join(f"  - {stage}\n" for stage in stages)
    assert refusal(SpaceError, load, text).startswith(f"{tmp_path}/mine.yaml: {message}")
