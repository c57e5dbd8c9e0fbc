"""Networks as timm, torchvision and TF-slim write them: read, written, and the same in between."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.errors import ArchitectureError
from nas.spaces.architecture import Architecture
from nas.spaces.baselines import baseline
from nas.spaces.block import Block
from nas.spaces.cost import cost
from nas.spaces.interchange.slim import read_slim, write_slim
from nas.spaces.interchange.timm import read_timm
from nas.spaces.interchange.torchvision import read_settings, write_settings
from tests.helpers.refusal import refusal

V2 = [["ds_r1_k3_s1_c16"], ["ir_r2_k3_s2_e6_c24"], ["ir_r3_k3_s2_e6_c32"], ["ir_r4_k3_s2_e6_c64"]]
V2 += [["ir_r3_k3_s1_e6_c96"], ["ir_r3_k3_s2_e6_c160"], ["ir_r1_k3_s1_e6_c320"]]
LITE = [["ds_r1_k3_s1_e1_c16"], ["ir_r2_k3_s2_e6_c24"], ["ir_r2_k5_s2_e6_c40"], ["ir_r3_k3_s2_e6_c80"]]
LITE += [["ir_r3_k5_s1_e6_c112"], ["ir_r4_k5_s2_e6_c192"], ["ir_r1_k3_s1_e6_c320"]]
ENDS: dict[str, Any] = {"act_layer": "relu6", "fix_first_last": True, "fix_stem": True}
SPNAS = [["ds_r1_k3_s1_c16_noskip"], ["ir_r3_k3_s2_e3_c24"], ["ir_r1_k5_s2_e6_c40", "ir_r3_k3_s1_e3_c40"]]
SPNAS += [["ir_r1_k5_s2_e6_c80", "ir_r3_k3_s1_e3_c80"], ["ir_r1_k5_s1_e6_c96", "ir_r3_k5_s1_e3_c96"]]
SPNAS += [["ir_r4_k5_s2_e6_c192"], ["ir_r1_k3_s1_e6_c320_noskip"]]
MNAS = [["ds_r1_k3_s1_c16_noskip"], ["ir_r3_k3_s2_e3_c24"], ["ir_r3_k5_s2_e3_c40"], ["ir_r3_k5_s2_e6_c80"]]
MNAS += [["ir_r2_k3_s1_e6_c96"], ["ir_r4_k5_s2_e6_c192"], ["ir_r1_k3_s1_e6_c320_noskip"]]
FBNET = [["ir_r1_k3_s1_e1_c16"], ["ir_r1_k3_s2_e6_c24", "ir_r2_k3_s1_e1_c24"]]
FBNET += [["ir_r1_k5_s2_e6_c32", "ir_r1_k5_s1_e3_c32", "ir_r1_k5_s1_e6_c32", "ir_r1_k3_s1_e6_c32"]]
FBNET += [["ir_r1_k5_s2_e6_c64", "ir_r1_k5_s1_e3_c64", "ir_r2_k5_s1_e6_c64"]]
FBNET += [["ir_r3_k5_s1_e6_c112", "ir_r1_k5_s1_e3_c112"], ["ir_r4_k5_s2_e6_c184"], ["ir_r1_k3_s1_e6_c352"]]
V3 = [["ds_r1_k3_s1_e1_c16_nre"], ["ir_r1_k3_s2_e4_c24_nre", "ir_r1_k3_s1_e3_c24_nre"]]
V3 += [["ir_r3_k5_s2_e3_c40_se0.25_nre"], ["ir_r1_k3_s2_e6_c80", "ir_r1_k3_s1_e2.5_c80", "ir_r2_k3_s1_e2.3_c80"]]
V3 += [["ir_r2_k3_s1_e6_c112_se0.25"], ["ir_r3_k5_s2_e6_c160_se0.25"], ["cn_r1_k1_s1_c960"]]
HSWISH: dict[str, Any] = {"model": "MobileNetV3", "stem_size": 16, "act_layer": "hard_swish"}

# Params in millions: model cards of timm, docs/models/.templates/models/*.md of huggingface/pytorch-image-models.
DEFINITIONS: dict[str, tuple[dict[str, Any], float]] = {
    "mobilenetv2_100": ({"arch_def": V2, "act_layer": "relu6"}, 3.50),
    "mobilenetv2_140": ({"arch_def": V2, "act_layer": "relu6", "channel_multiplier": 1.4, "num_features": 1792}, 6.11),
    "mobilenetv2_110d": ({"arch_def": V2, **ENDS, "channel_multiplier": 1.1, "depth_multiplier": 1.2}, 4.52),
    "mobilenetv2_120d": ({"arch_def": V2, **ENDS, "channel_multiplier": 1.2, "depth_multiplier": 1.4}, 5.83),
    "mnasnet_100": ({"arch_def": MNAS}, 4.38),
    "spnasnet_100": ({"arch_def": SPNAS}, 4.42),
    "fbnetc_100": ({"arch_def": FBNET, "stem_size": 16, "num_features": 1984}, 5.57),
    "mobilenetv3_large_100": ({"arch_def": V3, **HSWISH}, 5.48),
    "tf_efficientnet_lite0": ({"arch_def": LITE, **ENDS}, 4.65),
    "tf_efficientnet_lite1": ({"arch_def": LITE, **ENDS, "depth_multiplier": 1.1}, 5.42),
    "tf_efficientnet_lite2": ({"arch_def": LITE, **ENDS, "channel_multiplier": 1.1, "depth_multiplier": 1.2}, 6.09),
    "tf_efficientnet_lite3": ({"arch_def": LITE, **ENDS, "channel_multiplier": 1.2, "depth_multiplier": 1.4}, 8.20),
    "tf_efficientnet_lite4": ({"arch_def": LITE, **ENDS, "channel_multiplier": 1.4, "depth_multiplier": 1.8}, 13.01),
}
OURS = {"mobilenetv2_100": "mobilenet_v2", "mobilenetv2_140": "mobilenet_v2_w1.4", "mnasnet_100": "mnasnet_b1"}
OURS |= {"spnasnet_100": "spnasnet", "fbnetc_100": "fbnet_c", "mobilenetv3_large_100": "mobilenet_v3_large"}
OURS |= {"tf_efficientnet_lite0": "efficientnet_lite0"}


@pytest.mark.parametrize("name", DEFINITIONS)
def test_definitions_of_timm_have_its_number_of_parameters(name: str) -> None:
    definition, millions = DEFINITIONS[name]
    arch = Architecture.from_timm(definition)
    assert round(cost(arch).params / 1e6, 2) == pytest.approx(millions)
    if name in OURS:
        assert arch == baseline(OURS[name])


@pytest.mark.parametrize(
    "name", [*OURS.values(), "mobilenet_v4_conv_small", "mobilenet_v4_conv_medium", "mobilenet_v1"]
)
def test_published_networks_go_to_timm_and_back(name: str) -> None:
    assert Architecture.from_timm(baseline(name).to_timm()) == baseline(name)


def test_a_definition_is_written_as_timm_writes_it() -> None:
    written = baseline("mobilenet_v2").to_timm()
    assert written["arch_def"][1:4] == [["ir_r2_k3_s2_e6_c24"], ["ir_r3_k3_s2_e6_c32"], V2[3] + V2[4]]
    assert {key: written[key] for key in ("stem_size", "num_features", "act_layer")} == {
        "stem_size": 32,
        "num_features": 1280,
        "act_layer": "relu6",
    }
    assert baseline("mobilenet_v4_conv_small").to_timm()["arch_def"][2] == [
        "uir_r1_a5_k5_s2_e3_c96",
        "ir_r4_k3_s1_e2_c96",
        "uir_r1_a3_k0_s1_e4_c96",
    ]


EIGHTS, KERNELS = st.integers(1, 40).map(lambda number: 8 * number), st.sampled_from([1, 3, 5, 7])
ACTIVATIONS = st.sampled_from(["relu", "relu6", "hswish"])
PLAIN = (
    st.builds(Block, st.just("conv"), KERNELS, st.integers(1, 2), EIGHTS, activation=ACTIVATIONS)
    | st.builds(Block, st.just("sep"), KERNELS, st.integers(1, 2), EIGHTS, activation=ACTIVATIONS)
    | st.builds(
        Block,
        *(st.just("mbconv"), KERNELS, st.integers(1, 2), EIGHTS),
        hidden=EIGHTS,
        start=st.sampled_from([0, 3, 5]),
        shortcut=st.booleans(),
        activation=ACTIVATIONS,
    )
    | st.builds(Block, st.just("mbconv"), KERNELS, st.integers(1, 2), EIGHTS, hidden=EIGHTS, middle=st.just("conv"))
    | st.builds(Block, st.just("mbconv"), st.just(1), st.just(1), EIGHTS, hidden=EIGHTS, middle=st.just("none"))
)
STEMS = st.builds(Block, st.just("conv"), st.just(3), st.just(2), EIGHTS, activation=ACTIVATIONS)


@settings(deadline=None, max_examples=60)
@given(STEMS, st.lists(PLAIN, min_size=1, max_size=6), st.booleans(), EIGHTS)
def test_any_network_that_timm_can_say_goes_there_and_back(
    stem: Block, blocks: list[Block], pooled: bool, last: int
) -> None:
    head = [Block("conv", 1, 1, last, activation=stem.activation, bias=pooled)]
    head = [Block("gap", 1, 1, blocks[-1].out_channels), *head] if pooled else head
    arch = Architecture(96, 3, 10, (stem, *blocks, *head))
    try:
        written = arch.to_timm()
    except ArchitectureError as error:
        if "hidden channels after" not in str(error):  # of which rounding leaves some out
            raise
        return
    assert Architecture.from_timm(written) == arch
    assert Architecture.from_timm(written).to_timm() == written


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.integers(1, 8), EIGHTS, st.integers(1, 4), st.integers(1, 3)), min_size=1, max_size=6))
def test_settings_of_torchvision_both_ways(rows: list[tuple[int, int, int, int]]) -> None:
    blocks = read_settings([list(row) for row in rows])
    assert read_settings(write_settings(blocks)) == blocks


def test_torchvisions_own_settings_are_mobilenet_v2() -> None:
    rows = [[1, 16, 1, 1], [6, 24, 2, 2], [6, 32, 3, 2], [6, 64, 4, 2], [6, 96, 3, 1], [6, 160, 3, 2], [6, 320, 1, 1]]
    for width in (0.35, 0.75, 1.0, 1.4):
        assert read_settings(rows, width) == baseline(f"mobilenet_v2_w{width}").blocks
    assert write_settings(baseline("mobilenet_v2").blocks) == rows
    assert refusal(ArchitectureError, write_settings, baseline("mobilenet_v1").blocks).endswith("this is another")


SLIM = st.builds(Block, st.sampled_from(["conv", "sep"]), KERNELS, st.integers(1, 3), st.integers(1, 2000))


@settings(deadline=None, max_examples=40)
@given(st.lists(SLIM, min_size=1, max_size=8))
def test_lists_of_slim_both_ways(blocks: list[Block]) -> None:
    assert read_slim(write_slim(blocks)) == tuple(blocks)


def test_a_list_as_slim_has_it() -> None:
    text = "[Conv(kernel=[3, 3], stride=2, depth=32), DepthSepConv(kernel=[3, 3], stride=1, depth=64)]"
    assert read_slim(text) == baseline("mobilenet_v1").blocks[:2]
    assert write_slim(read_slim(text)).splitlines()[1] == "    Conv(kernel=[3, 3], stride=2, depth=32),"


WRONG: list[tuple[Any, str]] = [
    (3, "a timm definition is a mapping with an arch_def, got 3"),
    ({"arch_def": ["ir_k3_c8"]}, "arch_def[0] must be a list of block strings, got 'ir_k3_c8'"),
    ({"arch_def": [["ir_k3"]]}, "'ir_k3' lacks c"),
    (
        {"arch_def": [["xx_k3_c8"]]},
        "cannot read the block string 'xx_k3_c8'; it is like ir_r2_k5_s2_e6_c40, of cn, ds, dsa, ir, er, uir",
    ),
    ({"arch_def": [["ir_k3_c8_q2"]]}, "'ir_k3_c8_q2': cannot read the option 'q2'"),
    ({"arch_def": [["ir_k3_c8_c8"]]}, "'ir_k3_c8_c8': cannot read the option 'c8'"),
    ({"arch_def": [["ir_k3_c0"]]}, "'ir_k3_c0': r, s, c and fc are above 0"),
    ({"arch_def": [["ir_kre_c8"]]}, "'ir_kre_c8': cannot read the option 'kre'"),
    ({"arch_def": [["ir_k4_c8"]]}, "'ir_k4_c8': mbconv: kernel must be odd, so that padding keeps the size, got 4"),
    ({"arch_def": [["ir_k3_c8_se0.25"]]}, "'ir_k3_c8_se0.25': the gates of EfficientNet are none of the blocks here"),
    ({"arch_def": [["ir_k3_c8"]], "act_layer": "mish"}, "act_layer must be one of hard_swish, relu, relu6, got 'mish'"),
    ({"arch_def": [["ir_k3_c8"]], "stem_size": 0}, "stem_size must be a whole number above 0, got 0"),
    (
        {"arch_def": [["ir_k3_c8"]], "channel_multiplier": -1},
        "channel_multiplier must be a number above 0 and at most 100, got -1",
    ),
]


@pytest.mark.parametrize(("definition", "message"), WRONG)
def test_wrong_definitions(definition: Any, message: str) -> None:
    assert refusal(ArchitectureError, read_timm, definition) == message


@pytest.mark.parametrize("name", ["squeezenet_1_1", "shufflenet_v2", "condensenet_g4", "mobilenet_v1_w0.5_s8"])
def test_what_timm_cannot_say_is_refused(name: str) -> None:
    assert "timm" in refusal(ArchitectureError, baseline(name).to_timm)


@pytest.mark.parametrize("text", ["[Conv(kernel=[3, 1], stride=2, depth=32)]", "Conv(3, 2, 32)", "x" * 500])
def test_lists_that_are_none(text: str) -> None:
    assert refusal(ArchitectureError, read_slim, text).startswith("entry 0 cannot be read: ")
    assert refusal(ArchitectureError, read_settings, [[1, 16, 1]]).startswith("row 0 must be four whole numbers")
