"""The model of recorded devices, on made-up devices whose times are known exactly."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import nas
from nas.errors import BudgetError, ProfileError
from nas.latency.batch import predicted_costs
from nas.latency.models import roofline as recorded
from nas.latency.models.roofline import RooflineModel, kind, place, roofline_terms
from nas.latency.predictor import latency, predictor
from nas.latency.profile import HardwareProfile, LayerTime, Measurement, load_profile
from nas.latency.validation import kept_back, leave_one_out
from nas.spaces.architecture import Architecture
from nas.spaces.baselines import baseline
from nas.spaces.cost import cost
from nas.spaces.layers import Layer, layers
from nas.spaces.load import load_space
from nas.spaces.networks.additive import BoundedCost

SEPARABLE = load_space("separable")
MEGABYTE = 1e6

LayerMs = Callable[[Layer], float]


def plain(layer: Layer) -> float:
    """Milliseconds of a device that computes, moves and calls; shortcuts are part of the convolution before them."""
    speed = {"depthwise": 2e-7, "conv": 2e-8, "linear": 1e-7}
    moved = layer.in_elements + layer.out_elements
    return 0.0 if layer.op == "add" else layer.macs * speed.get(layer.op, 0) + 1e-7 * moved + 0.002


def curved(layer: Layer) -> float:
    """The same with a cost that depends on the shape in a way no sum of products does."""
    return plain(layer) * (1 + 0.3 * np.tanh(np.log2(layer.in_channels / 64)) - 0.2 * np.tanh(layer.in_size / 28 - 1))


def far_weights(arch: Architecture) -> float:
    """What weights cost more once the working set is beyond 8 MB."""
    walk = list(layers(arch))
    weights = 4 * sum(layer.params for layer in walk)
    moved = 4 * sum(layer.in_elements + layer.out_elements for layer in walk)
    return 0.03 * weights / MEGABYTE * (weights + moved > 8 * MEGABYTE)


def device(
    layer_ms: LayerMs = plain,
    network_ms: Callable[[Architecture], float] = lambda arch: 0.0,
    n: int = 120,
    noise: float = 0.005,
    profiler: float = 1.0,
    **changes: Any,
) -> HardwareProfile:
    """A recorded profile of a made-up device: a network's time is that of its layers and `network_ms`, and noise.

    The profiler's times are `profiler` times the layers', and 2 microseconds each.
    """
    rng = np.random.default_rng(3)
    rows = []
    for genotype in SEPARABLE.sample(rng, n + 40):
        arch = SEPARABLE.architecture(genotype)
        times = [layer_ms(layer) for layer in layers(arch)]
        ms = (sum(times) + network_ms(arch)) * float(np.exp(noise * rng.standard_normal()))
        profiled = tuple(profiler * time + 0.002 if time else 0.0 for time in times)
        rows.append(Measurement(arch.key, arch, ms, noise * ms, profiled))
    shown = {"name": "made_up", "configuration": "1t_fp32", "precision": "fp32", **changes}
    return replace(load_profile("pixel4"), measurements=tuple(rows[:n]), held_out=tuple(rows[n:]), **shown)


DEVICES = {
    "plain": device(),
    "curved": device(curved),
    "far weights": device(plain, far_weights),
    "a profiler that is 40 % slow": device(profiler=1.4),
    "300 times as slow": device(lambda layer: 300 * plain(layer)),
}


@pytest.mark.parametrize("profile", DEVICES.values(), ids=list(DEVICES))
def test_networks_never_seen_are_predicted(profile: HardwareProfile) -> None:
    table = kept_back(profile, profile.held_out)
    assert table.n == 40
    assert table.mape_percent < 2.5
    assert table.within_10_percent == 100
    assert table.spearman > 0.995
    assert table.macs_mape_percent > 5 * table.mape_percent


def test_weights_that_lie_far_away_are_what_the_working_set_tells() -> None:
    model = predictor(DEVICES["far weights"]).model
    assert isinstance(model, RooflineModel)
    near, far = (np.interp(np.log2(size * MEGABYTE), recorded._OCTAVES, model.knots) for size in (3, 32))
    assert 0.02 < (far - near) * MEGABYTE < 0.06
    nowhere = predictor(DEVICES["plain"]).model
    assert isinstance(nowhere, RooflineModel)
    assert max(nowhere.knots) < 0.5 * max(model.knots)


def test_fifteen_networks_are_enough_for_a_start() -> None:
    profile = device(curved, n=15)
    assert kept_back(profile, profile.held_out).mape_percent < 6


def test_the_left_out_errors_are_those_of_a_fit_without_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    profile = device(n=30)
    forecast = predictor(profile)
    rooflines = recorded._rooflines(profile)
    monkeypatch.setattr(recorded, "_rooflines", lambda profile: rooflines)  # both steps' priors but for one network
    first = RooflineModel("fp32", rooflines)
    _, base = recorded._design(first, [row.architecture for row in profile.measurements])
    whole = recorded._prior(first, profile.measurements, base)
    monkeypatch.setattr(recorded, "_prior", lambda *_: whole)
    for index in (0, 7, 29):
        others = tuple(row for i, row in enumerate(profile.measurements) if i != index)
        model, _ = recorded.fit_roofline(replace(profile, measurements=others))
        sums = np.sum([model.counts(layer) for layer in layers(profile.measurements[index].architecture)], axis=0)
        assert model.milliseconds(sums.tolist()) == pytest.approx(
            forecast.left_out.ms[index], rel=1e-3
        )  # a shortcut never costs less than nothing


def test_intervals_cover_nine_tenths() -> None:
    profile = device(curved, noise=0.02, n=150)
    assert 80 <= kept_back(profile, profile.held_out).coverage_percent <= 98
    assert 85 <= leave_one_out(profile).coverage_percent <= 95


def test_the_same_rows_give_the_same_model() -> None:
    first, second = (predictor(device(curved, date=date)) for date in ("2026-01-01", "2026-01-02"))
    assert first.model is not second.model
    row = first.profile.held_out[0].architecture
    assert first(row) == second(row)


def test_a_kernel_never_measured_is_told_and_counted_by_the_nearest() -> None:
    arch = Architecture.from_notation("64x3 conv3/2-16:relu6 sep9-32:relu6 fc10")
    found = latency(arch, DEVICES["plain"])
    assert not found.in_range
    assert any("depthwise 9x9/1" in reason and "kernel and stride not measured" in reason for reason in found.reasons)
    known = latency(Architecture.from_notation("64x3 conv3/2-16:relu6 sep7-32:relu6 fc10"), DEVICES["plain"])
    assert known.ms < found.ms < 3 * known.ms


def test_an_activation_never_measured_is_refused() -> None:
    arch = Architecture.from_notation("64x3 conv3/2-16:hswish sep3-32:relu6 fc10")
    with pytest.raises(ProfileError, match="has no measured 'conv' with hswish"):
        latency(arch, DEVICES["plain"])


def test_shapes_beyond_the_measured_stay_sane() -> None:
    for notation in ("32x3 conv3/2-8:relu6 sep3-8:relu6 fc10", "512x3 conv3/2-64:relu6 sep3-2048:relu6 fc1000"):
        arch = Architecture.from_notation(notation)
        truth = sum(plain(layer) for layer in layers(arch))
        assert truth / 3 < latency(arch, DEVICES["curved"]).ms < 3 * truth


def test_a_fused_layer_costs_what_networks_say_and_not_what_it_costs_alone() -> None:
    shortcut = next(layer for layer in layers(baseline("mobilenet_v2")) if layer.op == "add")
    alone = replace(
        DEVICES["plain"], layer_times=(LayerTime(replace(shortcut, held=0), 50.0, 0.1, 50.0),), date="alone"
    )
    arch = baseline("mobilenet_v2")
    assert latency(arch, alone).ms == latency(arch, DEVICES["plain"]).ms


def test_layers_alone_widen_what_is_known_of_their_kind() -> None:
    wide = Layer("conv", 1, 1, 8192, 8192, 7, 7, 1, "relu6", norm=True)
    profile = replace(DEVICES["plain"], layer_times=(LayerTime(wide, 7.0, 0.01, plain(wide)),), date="wide")
    model, known = predictor(profile).model, predictor(DEVICES["plain"]).model
    assert isinstance(model, RooflineModel)
    assert isinstance(known, RooflineModel)
    assert model.kinds["pointwise"].high[0] == 13 > known.kinds["pointwise"].high[0]


def test_what_a_layer_is() -> None:
    walk = list(layers(Architecture.from_notation("64x3 conv3/2-16:relu6 mb5e3/2-24:hswish:se0.25 fc10")))
    assert [kind(layer) for layer in walk] == [
        "conv3/2",
        "pointwise hswish",
        "depthwise5/2 hswish",
        "pool",
        "pointwise",
        "pointwise hsigmoid",
        "scale",
        "pointwise",
        "pool",
        "linear",
    ]
    for layer in walk:
        assert (roofline_terms(layer) >= 0).all()
        assert np.isfinite(place(layer)).all()
        wider = replace(layer, in_channels=2 * layer.in_channels, out_channels=2 * layer.out_channels)
        assert roofline_terms(wider).sum() > roofline_terms(layer).sum()


def test_arrays_have_the_bits_of_single_networks() -> None:
    profile = DEVICES["far weights"]
    rows = SEPARABLE.sample(np.random.default_rng(8), 300)
    scores = nas.costs(SEPARABLE, rows, profile)
    for index, row in enumerate(rows):
        found = latency(SEPARABLE.architecture(row), profile)
        taken = (scores.latency_ms, scores.latency_low_ms, scores.latency_high_ms, scores.in_range)
        assert (found.ms, found.low, found.high, found.in_range) == tuple(
            array[index] for array in taken if array is not None
        )


def test_a_latency_budget_holds_for_every_drawn_network() -> None:
    profile = DEVICES["far weights"]
    costs = predicted_costs(profile, SEPARABLE)
    limit = float(np.median([row.ms for row in profile.measurements]))
    budget = nas.Budget(latency_ms=limit)
    drawn = SEPARABLE.sample(np.random.default_rng(1), 200, budget, costs=costs)
    ms = [latency(SEPARABLE.architecture(row), profile).ms for row in drawn]
    assert len({*map(tuple, drawn.tolist())}) == 200
    assert 0.8 * limit < max(ms) <= limit
    found = SEPARABLE.count(budget, costs=costs)
    share = np.mean(
        nas.costs(SEPARABLE, SEPARABLE.sample(np.random.default_rng(2), 4000, nas.Budget()), profile).latency_ms
        <= limit
    )
    assert found.low <= found.estimate <= found.high
    assert found.estimate / SEPARABLE.count().high == pytest.approx(share, abs=0.04)
    with pytest.raises(BudgetError, match="no network of separable meets the budget"):
        SEPARABLE.sample(np.random.default_rng(1), 1, nas.Budget(latency_ms=1e-3), costs=costs)


def test_the_bounds_hold_for_every_network() -> None:
    profile = DEVICES["far weights"]
    bounded = predicted_costs(profile, SEPARABLE)["latency_ms"]
    assert isinstance(bounded, BoundedCost)
    for row in SEPARABLE.sample(np.random.default_rng(5), 300):
        arch = SEPARABLE.architecture(row)
        assert bounded.low(arch) <= bounded(arch) * (1 + 1e-9)
        assert bounded(arch) <= bounded.high(arch) * (1 + 1e-9)
        assert bounded(arch) == latency(arch, profile).ms
        assert cost(arch).macs > 0


def test_grey_images_and_fewer_classes_are_less_of_the_same_work() -> None:
    grey = SEPARABLE.with_data(1, 10)
    archs = [grey.architecture(row) for row in grey.sample(np.random.default_rng(4), 30)]
    found = [latency(arch, DEVICES["plain"]) for arch in archs]
    truth = [sum(plain(layer) for layer in layers(arch)) for arch in archs]
    errors = [abs(each.ms / ms - 1) for each, ms in zip(found, truth, strict=True)]
    assert np.mean(errors) < 0.03
    assert max(errors) < 0.1
