"""Networks: their three forms, their keys, and how wrong ones are refused."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.errors import ArchitectureError
from nas.spaces.activations import ACTIVATIONS
from nas.spaces.architecture import Architecture
from nas.spaces.baselines import baseline
from nas.spaces.block import Block
from tests.helpers.refusal import refusal

MOBILENET_V2_KEY = "58d338a486e95ab6"


KERNELS, STRIDES, CHANNELS = st.sampled_from([1, 3, 5, 7]), st.integers(1, 3), st.integers(1, 400)
OPTIONS = {
    "activation": st.sampled_from(list(ACTIVATIONS)),
    "norm_between": st.booleans(),
    "se": st.sampled_from([0, 0.25, 1]) | st.floats(1e-6, 1),
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
    assert baseline("mobilenet_v2").key == MOBILENET_V2_KEY


@pytest.mark.parametrize("seed", ["0", "1"])
def test_key_does_not_depend_on_the_hash_seed(seed: str) -> None:
    code = "from nas.spaces.baselines import baseline; print(baseline('mobilenet_v2').key)"
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
        (
            {"op": "lstm"},
            "unknown op 'lstm'; known: avgpool, conv, dense, fire, gap, gshuffle, maxpool, mbconv, sep, shuffle",
        ),
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
        ({"op": "conv", "se": 0.5}, "conv: se belongs to sep and mbconv alone, got 0.5"),
        (
            {"op": "conv", "norm_between": False},
            "conv: norm_between belongs to sep and mbconv alone, got False",
        ),
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
