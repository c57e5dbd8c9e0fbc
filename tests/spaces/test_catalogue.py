"""The catalogue: counts of every published network, to the unit and against what is published; their latencies."""

import csv
import json

import pytest

from nas.errors import ArchitectureError, ProfileError
from nas.latency.predictor import latency
from nas.latency.profile import load_profile
from nas.spaces.architecture import Architecture
from nas.spaces.baselines import baseline
from nas.spaces.block import BRANCHED_OPS, Block
from nas.spaces.catalogue import NETWORKS
from nas.spaces.cost import cost
from nas.spaces.layers import Layer, branches, layers
from tests.helpers.calls import call
from tests.helpers.paths import shared_data
from tests.helpers.refusal import refusal

EXACT = {  # params as torchvision, timm or osmr/imgclsmob (README of each) have them
    "mobilenet_v1": 4_231_976,
    "fd_mobilenet": 2_901_288,
    "mobilenet_v2": 3_504_872,
    "mobilenet_v3_large": 5_483_032,
    "mobilenet_v3_small": 2_542_856,
    "mnasnet_b1": 4_383_312,
    "spnasnet": 4_421_616,
    "proxylessnas_cpu": 4_361_648,
    "proxylessnas_gpu": 7_119_848,
    "proxylessnas_mobile": 4_080_512,
    "proxylessnas_mobile14": 6_857_568,
    "fbnet_c": 5_572_200,
    "squeezenet_1_1": 1_235_496,
    "shufflenet_v1": 1_865_728,
    "shufflenet_v2": 2_278_604,
    "shufflenet_v2_w0.5": 1_366_792,
    "shufflenet_v2_w1.5": 3_503_624,
    "shufflenet_v2_w2": 7_393_996,
}
KEYS = {"mobilenet_v2": "58d338a486e95ab6"}  # what was written before there was a catalogue must still be found
AS_PUBLISHED = [name for name, each in NETWORKS.items() if not each.why]
APART = {"mobilenet_v1_xception": 0.6, "mobilenet_v3_small": 0.2, "squeezenet_1_1": 0.2}  # why: in the catalogue


@pytest.mark.parametrize("name", EXACT)
def test_parameters_are_those_of_the_published_code(name: str) -> None:
    assert cost(baseline(name)).params == EXACT[name]


@pytest.mark.parametrize("name", NETWORKS)
def test_costs_are_the_published_ones(name: str) -> None:
    published, found = NETWORKS[name], cost(baseline(name))
    macs = 0.03 if name in AS_PUBLISHED else APART.get(name, 0.16)
    params = 0.04 if name in AS_PUBLISHED else 0.36
    assert found.macs / 1e6 == pytest.approx(published.macs_m, rel=macs)
    assert found.params / 1e6 == pytest.approx(published.params_m, rel=params)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_has_its_three_forms(name: str) -> None:
    arch = baseline(name)
    assert Architecture.from_notation(arch.notation) == Architecture.from_json(arch.to_json()) == arch
    assert baseline(f"{name}_r96").resolution == 96
    assert arch.key == KEYS.get(name, arch.key)


def test_the_difference_of_the_plain_resnext_is_its_projections() -> None:
    """ResNeXt-26 (32x4d) has 15.39M params (osmr/imgclsmob): where a stage begins, a 1x1 convolution and its norm."""
    projections = [(64, 256), (256, 512), (512, 1024), (1024, 2048)]
    more = sum(before * after + 2 * after for before, after in projections)
    assert cost(baseline("resnext26_plain")).params + more == pytest.approx(15_389_480, abs=0.5e4)


def test_the_difference_of_squeezenet_is_where_its_classifier_stands() -> None:
    ours = cost(baseline("squeezenet_1_1")).macs
    assert ours + 512_000 * (14**2 - 1) == pytest.approx(352e6, rel=0.11)  # at maps of 14 pixels instead of 13
    smaller = {layer.in_size for layer in layers(baseline("squeezenet_1_1"))}
    assert smaller == {224, 112, 56, 28, 14, 1}


@pytest.mark.parametrize("hardware", ["pixel4", "host_x86", "raspberry_pi4"])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_profile_predicts_what_it_measured_and_names_what_it_did_not(name: str, hardware: str) -> None:
    profile, arch = load_profile(hardware), baseline(name)
    unmeasured = {"scale", "grouped", "maxpool", "concat", "split", "shuffle"} & {layer.op for layer in layers(arch)}
    if not unmeasured and not any(layer.activation == "hswish" for layer in layers(arch)):
        found = latency(arch, profile)
        assert 0 < found.low < found.ms < found.high
        return
    with pytest.raises(ProfileError) as caught:
        latency(arch, profile)
    assert str(caught.value).startswith(f"{profile.label} has no measured ")
    assert any(f"'{op}': layer" in str(caught.value) for op in unmeasured)


def test_latencies_follow_the_measured_ones() -> None:
    """Networks that pixel4 was fitted to, by their names in the catalogue."""
    names = {"fd_mobilenet": "fdmobilenet_w1", "mobilenet_v1": "mobilenet_w1", "mobilenet_v2": "mobilenetv2b_w1"}
    names |= {f"proxylessnas_{each}": f"proxylessnas_{each}" for each in ("cpu", "gpu", "mobile14")}
    with shared_data("pixel4", "tflite_real.csv").open() as file:
        rows = {row["model"]: row for row in csv.DictReader(file)}
    for name, theirs in names.items():
        arch, row = baseline(name), rows[theirs]
        assert cost(arch).macs == pytest.approx(float(row["macs"]), rel=1e-3)
        assert latency(arch, load_profile("pixel4")).ms == pytest.approx(float(row["1large_float_mean_ms"]), rel=0.1)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("fbnet_c_w0", "the width of 'fbnet_c_w0' must be above 0"),
        ("squeezenet_1_1_w0.5", "squeezenet_1_1_w0.5: it has no width multiplier, got 0.5"),
        ("shufflenet_v2_w0.75", "shufflenet_v2_w0.75: its widths are 0.5, 1, 1.5, 2, got 0.75"),
        ("shufflenet_v1_s4", "shufflenet_v1_s4: block 2, gshuffle: keeps channels at stride 1, got 24 in and 240 out"),
    ],
)
def test_what_a_network_cannot_be(name: str, message: str) -> None:
    assert refusal(ArchitectureError, baseline, name) == message


BRANCHED = (
    "16x3 conv3-24 max3/2-24 fire3h8-48:bias sh3-48:relu sh3/2-64 gs3/2-96:g4 gs3-96:g4 dense3h32-104:g4 avg3-104 "
    "gap1-104 fc5"
)


def test_what_is_held_is_what_a_later_layer_reads() -> None:
    """By hand: at every layer of a branched block, all that is read by it or after it, and its output."""
    channels, size = 3, 16
    for block in Architecture.from_notation(BRANCHED).blocks:
        if block.op in BRANCHED_OPS:
            wired = branches(block, channels, size)
            made = [channels * size**2]
            for number, (layer, _) in enumerate(wired):
                later = {source for _, inputs in wired[number:] for source in inputs if source < number}
                live = sum(made[source + 1] for source in later)
                assert layer.live_elements == max(live, layer.in_elements) + layer.out_elements, (block, layer)
                made.append(layer.out_elements)
        size = list(layers(Architecture(size, channels, 5, (block,))))[-2].in_size
        channels = block.out_channels


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        ("max3/2-16", "block 0, maxpool: keeps channels, got 3 in and 16 out"),
        ("conv3-8 gs3-8:g3", "block 1, gshuffle: groups must divide 2 channels, got 3"),
        ("conv3-8 sh3/2-9", "block 1, shuffle: out_channels must be even, got 9"),
        ("conv3-8 conv3-8:g3", "block 1, conv: groups must divide 8 channels, got 3"),
        ("conv3-8 dense3h8-8", "block 1, dense: adds to its input, so out_channels must be more than the 8 in, got 8"),
        ("fire3-8", "fire: needs its hidden channels"),
        ("gap3-3", "gap: takes the whole map, so kernel and stride are 1, got 3 and 1"),
        ("mb3e4-8:nodw", "mbconv: without a depthwise convolution the kernel is 1, got 3"),
        (
            "mb3e4-8:fused:se0.5",
            "mbconv: without a depthwise convolution there is no se and no norm_between, got middle conv",
        ),
        ("max3-3:relu", "maxpool: has no activation, got relu"),
    ],
)
def test_blocks_that_cannot_be(blocks: str, message: str) -> None:
    assert refusal(ArchitectureError, Architecture.from_notation, f"16x3 {blocks} fc5") == message


def test_equal_networks_have_one_form() -> None:
    def written(words: str) -> str:
        return Architecture.from_notation(f"16x3 conv3-8 {words} fc5").notation.split(" ", 2)[2].removesuffix(" fc5")

    assert written("mb3h32-8") == "mb3e4-8"
    assert written("mb3h8-8") == "mb3h8-8"  # an expansion to as many channels is none at expansion 1
    assert written("mb3h8-8:fused") == "mb3e1-8:fused"
    assert written("mb3e2-16:noskip") == "mb3e2-16"
    assert written("mb3e2-8:noskip") == "mb3e2-8:noskip"
    with pytest.raises(ArchitectureError, match="either an expansion or hidden channels"):
        Block("mbconv", 3, 1, 8, expansion=2, hidden=16)


def test_a_grouped_convolution_of_one_channel_each_is_a_depthwise_one() -> None:
    arch = Architecture.from_notation("16x3 conv3-8 conv3-8:g8 conv3-8:g4 fc5")
    assert [layer.op for layer in layers(arch)][1:3] == ["depthwise", "grouped"]
    assert Layer("grouped", 3, 1, 8, 8, 16, 16, 4).macs == 9 * 2 * 8 * 256


def test_the_command_lists_every_network(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(monkeypatch, "networks", "hardware=pixel4", "format=json") == 0
    found = {row["arch"]: row for row in map(json.loads, capsys.readouterr().out.splitlines())}
    assert set(found) == set(NETWORKS)
    for name, row in found.items():
        assert row["macs"] == cost(baseline(name)).macs
        assert (row["latency_ms"] is None) == bool(row["refused"])
    assert call(monkeypatch, "networks") == 0
    *lines, last = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == list(NETWORKS)
    assert " ms on " not in lines[0]
    assert "_w0.75" in last
    assert call(monkeypatch, "networks", "hardware=toaster") == 2
