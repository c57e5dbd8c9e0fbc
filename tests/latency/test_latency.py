"""Latency: the shipped profile, the errors of its files, the fit, the interval, the range, monotonicity."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from nas.errors import ProfileError
from nas.latency.features import (
    EXPECTED_MS,
    FEATURES,
    MILLION,
    layer_counts,
    measured,
    network_counts,
    network_features,
)
from nas.latency.models.intervals import margin
from nas.latency.models.linear import LinearModel, fit
from nas.latency.predictor import latency, predictor
from nas.latency.profile import HardwareProfile, known_profiles, load_profile
from nas.latency.validation import kendall, leave_one_out, spearman
from nas.spaces.architecture import Architecture
from nas.spaces.baselines import baseline
from nas.spaces.block import Block
from nas.spaces.cost import BYTES, cost
from nas.spaces.layers import Layer, layers
from tests.helpers.paths import shared_data

CONFIGURATIONS = ("1large_fp32", "1large_int8", "1med_fp32", "1med_int8", "3med_fp32", "3med_int8")
PIXEL4 = load_profile("pixel4")

# MACs of convolutions and classifier, summed from the layer list of the source.
MACS = {
    "mobilenet_w1": 568740352,
    "mobilenetb_wd2": 149497088,
    "fdmobilenet_w3d4": 84282816,
    "mobilenetv2_w1": 313619328,
    "mobilenetv2b_w1": 300774272,
    "proxylessnas_cpu": 439243864,
    "proxylessnas_gpu": 465260160,
    "proxylessnas_mobile14": 580883408,
}


def source_rows(file: str) -> list[dict[str, str]]:
    """Rows of the source's table, where the shared data folder exists."""
    with shared_data(file).open(newline="") as stream:
        return list(csv.DictReader(stream))


# The shipped profile


@pytest.mark.parametrize("configuration", CONFIGURATIONS)
def test_every_configuration_loads_with_18_networks(configuration: str) -> None:
    profile = load_profile(f"pixel4:{configuration}")
    assert len(profile.measurements) == 18
    assert profile.label == f"pixel4:{configuration}"
    assert configuration.endswith(profile.precision)
    assert configuration.startswith(str(profile.threads))


def test_default_configuration_and_folder_paths() -> None:
    assert PIXEL4.configuration == "1large_fp32"
    folder = known_profiles()["pixel4"]
    assert load_profile(folder) == PIXEL4
    assert load_profile(f"{folder}:3med_int8") == load_profile("pixel4:3med_int8")
    assert load_profile("pixel4") is load_profile("pixel4")


def test_provenance_is_json_and_says_where_figures_come_from() -> None:
    provenance = json.loads(json.dumps(PIXEL4.provenance()))
    assert provenance["networks"] == 18
    assert provenance["runtime"] == "TensorFlow Lite"
    assert "mobile-ml-benchmark" in provenance["source"]
    assert "MIT" in provenance["license"]
    assert any("ONNX Runtime" in note for note in provenance["notes"])
    assert not any(value in ("", None) for value in provenance.values())


def test_networks_have_the_sources_macs() -> None:
    found = {row.name: cost(row.architecture).macs for row in PIXEL4.measurements}
    assert {name: found[name] for name in MACS} == MACS


def test_notations_round_trip() -> None:
    for row in PIXEL4.measurements:
        assert Architecture.from_json(json.loads(json.dumps(row.architecture.to_json()))) == row.architecture
        assert Architecture.from_notation(row.architecture.notation) == row.architecture


def test_networks_equal_the_references_where_they_are_the_same() -> None:
    found = {row.name: row.architecture for row in PIXEL4.measurements}
    assert found["mobilenet_w1"] == baseline("mobilenet_v1")
    assert found["mobilenetv2b_w1"] == baseline("mobilenet_v2")
    assert [block.norm_between for block in found["mobilenetb_w1"].blocks[1:]] == [False] * 13


def test_figures_equal_the_source() -> None:
    rows = {row["model"]: row for row in source_rows("pixel4/tflite_real.csv")}
    for configuration in CONFIGURATIONS:
        cores, precision = configuration.split("_")
        column = f"{cores}_{'float' if precision == 'fp32' else 'quant'}"
        for row in load_profile(f"pixel4:{configuration}").measurements:
            assert row.ms == float(rows[row.name][f"{column}_mean_ms"])
            assert row.spread_ms == float(rows[row.name][f"{column}_std_ms"])


def test_layers_equal_the_source() -> None:
    rows = [row for row in source_rows("pixel4/layers.csv") if row["op"] not in ("MEAN", "AVERAGE_POOL_2D")]
    for measurement in PIXEL4.measurements:
        expected = [row for row in rows if row["model"] == measurement.name]
        walk = [layer for layer in layers(measurement.architecture) if layer.macs]
        assert [2 * layer.macs for layer in walk] == [int(row["flops_2mac"]) for row in expected]
        for layer, row in zip(walk[:-1], expected[:-1], strict=True):
            shape = (layer.in_channels, layer.out_size, layer.stride, layer.kernel)
            assert shape == (int(row["in_c"]), int(row["out_hw"]), int(row["stride"]), int(row["kernel"]))


# raspberry_pi4, where width and resolution vary

PI4 = {"4t_fp32": "float32", "4t_int8": "uint8"}
LITE = {  # Tan and Le, EfficientNet-Lite; not among the rows of the profile
    "efficientnet-lite3": "280x3 conv3/2-32 mb3e1-24 mb3e6/2-32x3 mb5e6/2-48x3 mb3e6/2-96x5 mb5e6-136x5 mb5e6/2-232x6 "
    "mb3e6-384 conv1-1280 fc1000",
    "efficientnet-lite4": "300x3 conv3/2-32 mb3e1-24 mb3e6/2-32x4 mb5e6/2-56x4 mb3e6/2-112x6 mb5e6-160x6 mb5e6/2-272x8 "
    "mb3e6-448 conv1-1280 fc1000",
}


@pytest.mark.parametrize(("configuration", "mape"), [("4t_fp32", 2.6), ("4t_int8", 2.5)])
def test_raspberry_pi4_left_out_error(configuration: str, mape: float) -> None:
    profile = load_profile(f"raspberry_pi4:{configuration}")
    table = leave_one_out(profile)
    assert "Apache-2.0" in profile.license
    assert (profile.threads, profile.precision) == (4, configuration[-4:])
    assert table.mape_percent < mape
    assert table.max_percent < 8
    assert table.spearman > 0.99
    assert 85 <= table.coverage_percent <= 95


@pytest.mark.parametrize("configuration", PI4)
def test_raspberry_pi4_equals_the_source_and_predicts_what_it_left_out(configuration: str) -> None:
    rows = [row for row in source_rows("mlperf_arm/singlestream.csv") if row["precision"] == PI4[configuration]]
    rows = [row for row in rows if row["system"] == "rpi4coral-fan.on-tflite-v2.4.1-ruy"]
    p50 = {(row["family"].replace("-", "_"), row["alpha"], row["resolution"]): float(row["p50_ms"]) for row in rows}
    profile = load_profile(f"raspberry_pi4:{configuration}")
    for row in profile.measurements:
        family, _, scaling = row.name.partition("_w")
        width, _, resolution = scaling.partition("_r")
        key = (family, str(float(width)), resolution) if scaling else (family, "", str(row.architecture.resolution))
        assert row.ms == round(p50[key], 3), row.name
        if scaling:
            assert row.architecture == baseline(row.name, classes=1001)
    for found in rows:
        if found["family"] in LITE:
            counts = network_counts(Architecture.from_notation(LITE[found["family"]]))
            assert predictor(profile).model.milliseconds(counts) == pytest.approx(float(found["p50_ms"]), rel=0.05)


# The fit and its error


# Mean and largest left-out error in percent, twins left out together, a little above what was reached.
BOUNDS = {
    "1large_fp32": (1.7, 9.5),
    "1large_int8": (2.3, 6.6),
    "1med_fp32": (1.1, 3.5),
    "1med_int8": (2.3, 6.6),
    "3med_fp32": (2.3, 9.7),
    "3med_int8": (4.5, 11.5),
}


@pytest.mark.parametrize("configuration", CONFIGURATIONS)
def test_left_out_error(configuration: str) -> None:
    table = leave_one_out(load_profile(f"pixel4:{configuration}"))
    mape, largest = BOUNDS[configuration]
    assert table.n == 18
    assert table.mape_percent < mape
    assert table.max_percent < largest
    assert table.spearman > 0.975
    assert table.kendall > 0.92
    assert table.coverage_percent >= 80
    assert table.macs_mape_percent > 4 * table.mape_percent
    assert table.params_mape_percent > table.macs_mape_percent
    assert json.loads(json.dumps(table.to_json()))["n"] == 18


FAMILIES = ("mobilenet_", "mobilenetb_"), ("fdmobilenet_",), ("mobilenetv2_", "mobilenetv2b_"), ("proxylessnas_",)


def family_errors(profile: HardwareProfile) -> tuple[np.ndarray, np.ndarray]:
    """Predicted / measured - 1 of every network from the other families, and whether the interval covers it."""
    errors, covered = [], []
    for family in FAMILIES:
        rest = tuple(row for row in profile.measurements if not row.name.startswith(family))
        forecast = predictor(replace(profile, measurements=rest))
        for row in set(profile.measurements) - set(rest):
            found = forecast(row.architecture)
            errors.append(found.ms / row.ms - 1)
            covered.append(found.low <= row.ms <= found.high)
    return np.abs(errors), np.array(covered)


@pytest.mark.parametrize(("configuration", "mape"), [("1large_fp32", 0.02), ("3med_fp32", 0.03), ("1large_int8", 0.04)])
def test_whole_families_left_out(configuration: str, mape: float) -> None:
    errors, _ = family_errors(load_profile(f"pixel4:{configuration}"))
    assert len(errors) == 18
    assert errors.mean() < mape
    assert errors.max() < 0.1


def test_intervals_cover_nine_tenths_of_whole_families_left_out() -> None:
    covered = [family_errors(load_profile(f"pixel4:{name}"))[1] for name in CONFIGURATIONS]
    assert 0.85 <= np.mean(covered) <= 0.95


def coefficients(profile: HardwareProfile) -> tuple[float, ...]:
    """What the linear model of a profile has learnt."""
    model = predictor(profile).model
    assert isinstance(model, LinearModel)
    return model.coefficients


def test_fit_is_deterministic_and_cached() -> None:
    again = replace(PIXEL4, notes=("another",))
    assert again != PIXEL4
    assert coefficients(again) == coefficients(PIXEL4)
    assert predictor(PIXEL4) is predictor(load_profile("pixel4"))
    assert min(coefficients(PIXEL4)) >= 0
    assert len(coefficients(PIXEL4)) == len(FEATURES)


def test_fit_recovers_known_coefficients() -> None:
    rng = np.random.default_rng(0)
    features, truth = rng.uniform(1, 2, (40, 4)), np.array([0.5, 0.0, 2.0, 1.0])
    ms = features @ truth
    assert fit(features, ms, np.ones(40)) == pytest.approx(truth, abs=1e-6)
    assert fit(features, ms, np.ones(40), expected=3 * truth) == pytest.approx(truth, abs=1e-6)


def test_expected_ratios_cover_every_precision() -> None:
    assert set(EXPECTED_MS) == set(BYTES)
    assert {len(values) for values in EXPECTED_MS.values()} == {len(FEATURES)}


def test_margin_is_the_conformal_quantile() -> None:
    assert margin(np.arange(1, 20) / 100) == pytest.approx(0.18)  # rank 0.9 x 20 of 19
    assert margin(np.array([0.01, 0.05, 0.02])) == pytest.approx(0.05)  # too few: the largest
    rng = np.random.default_rng(0)
    draws = np.abs(rng.standard_normal((4000, 19)))
    covered = [draw[-1] <= margin(draw[:-1]) for draw in draws]
    assert np.mean(covered) == pytest.approx(0.9, abs=0.02)


def test_rank_correlations_equal_scipy() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.integers(0, 8, (2, 20)).astype(float)
    assert spearman(a, b) == pytest.approx(stats.spearmanr(a, b).statistic)
    assert kendall(a, b) == pytest.approx(stats.kendalltau(a, b).statistic)


# Predictions


def test_prediction_is_close_to_the_measured_and_inside_its_interval() -> None:
    for name, ms in (("mobilenet_v1", 39.722), ("mobilenet_v2", 27.4264)):
        found = latency(baseline(name), PIXEL4)
        assert found.ms == pytest.approx(ms, rel=0.02)
        assert found.low < ms < found.high
        assert found.low > 0
        assert found.in_range
        assert found.reasons == ()


def test_intervals_contain_nine_tenths_of_the_measured() -> None:
    inside = [
        latency(row.architecture, profile).low <= row.ms <= latency(row.architecture, profile).high
        for profile in map(load_profile, (f"pixel4:{name}" for name in CONFIGURATIONS))
        for row in profile.measurements
    ]
    assert np.mean(inside) >= 0.9


@pytest.mark.parametrize("row", PIXEL4.measurements, ids=lambda row: row.name)
def test_measured_networks_are_in_range(row) -> None:  # type: ignore[no-untyped-def]
    assert latency(row.architecture, PIXEL4).reasons == ()


@pytest.mark.parametrize("name", ["mobilenet_v2_w0.75_r192", "mobilenet_v2_r128", "mobilenet_v1_w0.75_r160"])
def test_smaller_mobilenets_are_in_range(name: str) -> None:
    assert latency(baseline(name), PIXEL4).in_range


@pytest.mark.parametrize(
    ("notation", "reason"),
    [
        ("32x3 conv3/2-16 sep3/2-32 sep3/2-64 fc10", "in_size 32 is outside the measured 224 to 224"),
        ("224x3 conv3/2-32 mb9e3/2-32 conv1-1280 fc1000", "depthwise 9x9/2 96x112x112 -> 96 (relu6): kernel"),
        ("224x3 conv3/2-32 conv3-64 fc1000", "in_channels 32 is outside the measured 3 to 3"),
        ("224x3 conv3/2-32 sep3/2-4096 fc1000", "out_channels 4096 is outside the measured 4 to 1792"),
        ("224x3 conv3/2-48" + " sep3-48" * 40 + " fc1000", "far outside the measured 2 to 52.9 ms"),
    ],
)
def test_out_of_range_says_why(notation: str, reason: str) -> None:
    found = latency(Architecture.from_notation(notation), PIXEL4)
    assert not found.in_range
    assert any(reason in text for text in found.reasons), found.reasons


def test_fewer_classes_are_in_range_and_cheaper() -> None:
    few = replace(baseline("mobilenet_v2"), classes=10)
    assert latency(few, PIXEL4).in_range
    assert latency(few, PIXEL4).ms < latency(baseline("mobilenet_v2"), PIXEL4).ms


@pytest.mark.parametrize(
    ("block", "message"),
    [
        (Block("mbconv", 3, 1, 32, 6, se=0.25), "pixel4:1large_fp32 has no measured 'scale': layer 7, scale"),
        (Block("mbconv", 3, 1, 32, 6, activation="hswish"), "no measured 'pointwise' with hswish: layer 2, conv 1x1/1"),
        (Block("sep", 3, 1, 32, activation="elu"), "no measured 'depthwise' with elu: layer 2, depthwise 3x3/1"),
    ],
)
def test_unmeasured_layers_are_refused(block: Block, message: str) -> None:
    arch = Architecture(224, 3, 1000, (Block("conv", 3, 2, 32), block, Block("conv", 1, 1, 1280)))
    with pytest.raises(ProfileError) as caught:
        latency(arch, PIXEL4)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("activation", ["relu", "none"])
def test_clamps_cost_the_same(activation: str) -> None:
    arch = baseline("mobilenet_v2")
    other = replace(arch, blocks=tuple(replace(block, activation=activation) for block in arch.blocks))
    assert latency(other, PIXEL4).ms == latency(arch, PIXEL4).ms


def test_no_layer_is_free() -> None:
    ms = np.array(coefficients(PIXEL4))
    for layer in {layer for row in PIXEL4.measurements for layer in layers(row.architecture)}:
        assert np.array(layer_counts(layer)) @ ms[:-1] > 0, layer


def test_features_are_sums_over_layers() -> None:
    arch = baseline("mobilenet_v2")
    total = np.sum([layer_counts(layer) for layer in layers(arch)], axis=0) / MILLION
    assert network_features(arch) == pytest.approx([*total, 1.0])
    named = dict(zip(FEATURES, network_counts(arch), strict=False))
    assert named["conv_macs"] == 10838016
    assert named["unrolled_inputs"] == 27 * 112**2
    assert named["depthwise_macs"] == sum(layer.macs for layer in layers(arch) if layer.op == "depthwise")
    assert named["weights"] == cost(arch).params


def test_features_round_up_to_the_tile_of_a_kernel() -> None:
    at = FEATURES.index("pointwise_macs"), FEATURES.index("depthwise_macs"), FEATURES.index("depthwise_traffic")
    pointwise = layer_counts(Layer("conv", 1, 1, 20, 13, 7, 7))
    depthwise = layer_counts(Layer("depthwise", 3, 2, 13, 13, 14, 7, groups=13))
    assert pointwise[at[0]] == 20 * 16 * 56
    assert (depthwise[at[1]], depthwise[at[2]]) == (9 * 16 * 49, 16 * (14**2 + 7**2))
    assert layer_counts(Layer("conv", 1, 1, 20, 13, 1, 1))[at[0]] == 20 * 16  # one pixel is no tile


def test_only_what_leaves_the_cache_is_uncached() -> None:
    at = FEATURES.index("uncached_elements"), FEATURES.index("uncached_weights")
    large, small = layer_counts(Layer("conv", 1, 1, 512, 1024, 32, 32)), layer_counts(Layer("conv", 1, 1, 64, 64, 7, 7))
    assert [large[k] for k in at] == [(512 + 1024) * 32**2 - 2**18, 512 * 1024 - 2**18]
    assert [small[k] for k in at] == [0, 0]
    assert layer_counts(Layer("linear", 1, 1, 1024, 1000, 1, 1))[at[1]] == 0  # each weight is read once
    assert [coefficients(load_profile("pixel4:1large_int8"))[k] for k in at] == [0, 0]


def test_ground_of_the_profile() -> None:
    ground = measured(PIXEL4)
    assert {kernel for kind, kernel, _ in ground.kernels if kind == "depthwise"} == {3, 5, 7}
    assert ("pointwise", "out_channels", 4, 1792) in ground.ranges


# Monotonicity: more work never takes less time. A shortcut that widening one block alone would remove is left out.

SEP = st.builds(Block, st.just("sep"), st.sampled_from([3, 5, 7]), st.sampled_from([1, 2]), st.integers(4, 200))
# a stride of 2 keeps shortcuts out
MB = st.builds(Block, st.just("mbconv"), st.sampled_from([3, 5, 7]), st.just(2), st.integers(4, 100), st.integers(2, 6))
BLOCKS = st.lists(SEP | MB, min_size=1, max_size=6)
PROFILES = st.sampled_from([load_profile(f"pixel4:{name}") for name in CONFIGURATIONS])


@settings(max_examples=150, deadline=None)
@given(BLOCKS, st.integers(64, 260), st.data(), PROFILES)
def test_more_work_is_never_faster(
    blocks: list[Block], resolution: int, data: st.DataObject, profile: HardwareProfile
) -> None:
    arch = Architecture(resolution, 3, 1000, (Block("conv", 3, 2, 16), *blocks))
    index = data.draw(st.integers(0, len(blocks) - 1)) + 1
    block = arch.blocks[index]
    dearer = [replace(arch, resolution=resolution + data.draw(st.integers(1, 64)))]
    changes = [replace(block, out_channels=block.out_channels + data.draw(st.integers(1, 40)))]
    changes += [replace(block, kernel=block.kernel + 2)]
    changes += [replace(block, expansion=block.expansion + 1)] if block.op == "mbconv" else []
    dearer += [replace(arch, blocks=(*arch.blocks[:index], change, *arch.blocks[index + 1 :])) for change in changes]
    for other in dearer:
        assert predictor(profile)(other).ms >= predictor(profile)(arch).ms * (1 - 1e-12)
