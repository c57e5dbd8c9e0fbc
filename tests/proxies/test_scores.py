"""Training-free scores: each against a second computation or a property of its definition, and what joins them."""

import copy
import math
import pickle
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from nas.data.images import Images
from nas.data.views import ImageView, TrainingResolution
from nas.errors import ConfigError, DataError
from nas.nets.build import build
from nas.proxies.base import Failed
from nas.proxies.score import population_of
from nas.proxies.scores import SCORES
from nas.proxies.scores.entropy import entropy
from nas.proxies.scores.evaluate import TrainingFree, Unscorable, combine
from nas.proxies.scores.naswot import naswot, naswot_layers
from nas.proxies.scores.population import ScorePopulation
from nas.proxies.scores.score_input import NONLINEAR, ScoreInput, weights, without
from nas.proxies.scores.synflow import synflow
from nas.proxies.scores.zen import CHANGE, IMAGES, zen
from nas.proxies.scores.zico import zico
from nas.spaces.architecture import Architecture
from nas.spaces.block import Block
from nas.spaces.graph_counts import graph_counts

pytestmark = pytest.mark.usefixtures("one_thread")

PIXELS = 16
ALL = tuple(SCORES)
SMALL = Architecture.from_notation("16x1 conv3/2-8 fc10")
LARGE = Architecture.from_notation("16x1 conv3/2-16 mb3e6-16 mb5e6/2-32 mb3e6-32 conv1-64 fc10")


def subject(
    net: nn.Module, images: Tensor, labels: Tensor | None = None, seed: int = 0, arch: Architecture = SMALL
) -> ScoreInput:
    assert isinstance(net, nn.Sequential)
    labels = torch.zeros(len(images), dtype=torch.long) if labels is None else labels
    return ScoreInput(net.train(), images, labels, seed, arch)


def drawn(arch: Architecture, seed: int = 0, images: int = 8) -> ScoreInput:
    """`arch` with weights of `seed`, on noise that is always the same."""
    torch.manual_seed(seed)
    net = build(arch)
    shape = (images, arch.in_channels, arch.resolution, arch.resolution)
    return subject(net, torch.randn(shape, generator=torch.Generator().manual_seed(9)), arch=arch)


def with_activation(arch: Architecture, activation: str) -> Architecture:
    return replace(arch, blocks=tuple(replace(block, activation=activation) for block in arch.blocks))


# --- NASWOT ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("activation", [nn.ReLU, nn.ReLU6, nn.Hardswish, nn.ELU])
def test_naswot_counts_equal_signs(activation: type[nn.Module]) -> None:
    torch.manual_seed(0)
    first, second = nn.Conv2d(2, 3, 3), nn.Conv2d(3, 4, 1)
    images = torch.randn(5, 2, 6, 6)
    given = subject(nn.Sequential(first, activation(), second, activation(), nn.Flatten()), images)
    with torch.no_grad():
        before = [first(images), second(activation()(first(images)))]
    codes = [[[value > 0 for value in image.flatten().tolist()] for image in layer] for layer in before]
    kernels = np.zeros((2, 5, 5))
    for layer, i, j in product(range(2), range(5), range(5)):
        kernels[layer, i, j] = sum(a == b for a, b in zip(codes[layer][i], codes[layer][j], strict=True))
    assert (given.kernels.numpy() == kernels).all()
    assert naswot(given) == pytest.approx(np.log(np.linalg.det(kernels.sum(0) + np.eye(5))))
    assert naswot_layers(given) == pytest.approx(sum(np.log(np.linalg.det(k + np.eye(5))) for k in kernels))


def test_naswot_leaves_no_hooks() -> None:
    given = drawn(SMALL)
    naswot(given)
    assert not any(module._forward_pre_hooks for module in given.net.modules())


def test_naswot_of_equal_images_and_without_activations() -> None:
    twice = drawn(SMALL)
    same = subject(twice.net, twice.images[:1].expand(8, -1, -1, -1))
    assert 0 < naswot(same) < naswot(twice)
    linear = drawn(with_activation(SMALL, "none"))
    assert naswot(linear) == naswot_layers(linear) == 0


# --- entropy --------------------------------------------------------------------------------------


def with_kernels(*kernels: Tensor) -> ScoreInput:
    given = drawn(SMALL)
    vars(given)["kernels"] = torch.stack([kernel.double() for kernel in kernels])
    return given


def test_entropy_is_the_log_of_how_many_patterns_there_are() -> None:
    alike, apart = torch.ones(8, 8), torch.eye(8)
    pairs = torch.block_diag(*[torch.ones(2, 2)] * 4)
    assert entropy(with_kernels(alike)) == pytest.approx(0, abs=1e-9)
    assert entropy(with_kernels(apart, pairs)) == pytest.approx(math.log(8) + math.log(4))


def test_entropy_counts_patterns_and_not_units() -> None:
    given = drawn(LARGE)
    layers = [entropy(with_kernels(kernel)) for kernel in given.kernels]
    assert entropy(given) == pytest.approx(sum(layers))
    assert entropy(with_kernels(*(1000 * given.kernels))) == pytest.approx(entropy(given))
    assert all(0 < value < math.log(8) for value in layers)
    assert entropy(drawn(with_activation(SMALL, "none"))) == 0


# --- SynFlow --------------------------------------------------------------------------------------


def test_synflow_of_a_chain_in_closed_form() -> None:
    torch.manual_seed(0)
    one, two, three = nn.Conv2d(2, 3, 1, bias=False), nn.Conv2d(3, 4, 1, bias=False), nn.Linear(4, 5, bias=False)
    net = nn.Sequential(one, nn.BatchNorm2d(3), nn.ReLU6(), two, nn.AdaptiveAvgPool2d(1), nn.Flatten(), three)
    flow = np.ones(2)
    for weight in (one.weight, two.weight, three.weight):
        flow = np.abs(weight.detach().double().numpy().reshape(len(weight), -1)) @ flow
    # each layer's weights carry all that flows, once
    assert synflow(subject(net, torch.randn(4, 2, 6, 6))) == pytest.approx(math.log(3 * flow.sum()))


def test_synflow_of_shortcuts_by_finite_differences() -> None:
    given = drawn(LARGE)
    net = without(copy.deepcopy(given.net), nn.BatchNorm2d, *NONLINEAR).double()
    start = [weight.detach().abs() for weight in weights(net)]

    def flow(scale: float) -> float:
        with torch.no_grad():
            for weight, value in zip(weights(net), start, strict=True):
                weight.copy_(value * scale)
            return float(net(torch.ones(1, 1, PIXELS, PIXELS, dtype=torch.float64)).sum())

    step = 1e-5
    assert synflow(given) == pytest.approx(math.log((flow(1 + step) - flow(1 - step)) / (2 * step)), rel=1e-8)


def test_synflow_sees_neither_activations_nor_images_nor_depth_of_hundreds() -> None:
    assert synflow(drawn(LARGE)) == synflow(drawn(with_activation(LARGE, "hswish")))
    assert synflow(drawn(LARGE)) == synflow(drawn(LARGE, images=4))
    deep = Architecture(4, 1, 2, (Block("conv", 3, 1, 16),) * 200)
    assert math.isfinite(synflow(drawn(deep)))


def test_synflow_of_a_dead_network_is_not_finite() -> None:
    given = drawn(SMALL)
    torch.nn.init.zeros_(weights(given.net)[0])
    assert synflow(given) == -math.inf


# --- ZiCo -----------------------------------------------------------------------------------------


def test_zico_of_softmax_regression_in_closed_form() -> None:
    torch.manual_seed(0)
    linear = nn.Linear(6, 3, bias=False)
    images, labels = torch.randn(8, 1, 2, 3), torch.tensor([0, 1, 2, 0, 2, 1, 1, 0])
    gradients = []
    for part in (slice(0, 4), slice(4, 8)):
        x, weight = images[part].flatten(1).double().numpy(), linear.weight.detach().double().numpy()
        odds = np.exp(x @ weight.T)
        gradients.append((odds / odds.sum(1, keepdims=True) - np.eye(3)[labels[part]]).T @ x / 4)
    ratio = np.abs(gradients).mean(0) / np.std(gradients, axis=0)
    found = zico(subject(nn.Sequential(nn.Flatten(), linear), images, labels))
    assert found == pytest.approx(math.log(ratio.sum()), rel=1e-4)


def test_zico_leaves_out_what_does_not_vary_and_keeps_what_is_not_a_number() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    images = torch.randn(2, 1, 2, 2).repeat(2, 1, 1, 1)
    assert zico(subject(net, images)) == 0
    torch.nn.init.constant_(weights(net)[0], math.nan)
    assert math.isnan(zico(subject(net, images)))


# --- Zen ------------------------------------------------------------------------------------------


def test_zen_of_one_linear_layer() -> None:
    net = nn.Sequential(nn.Conv2d(2, 3, 1, bias=False), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2))
    generator = torch.Generator().manual_seed(5)
    _, change = torch.randn((2, IMAGES, 2, 4, 4), generator=generator)
    weight = torch.empty(3, 2, 1, 1).normal_(generator=generator).flatten(1)
    moved = torch.einsum("oi,nihw->nohw", weight, CHANGE * change)
    expected = moved.square().sum((1, 2, 3)).sqrt().mean().log()
    assert zen(subject(net, torch.zeros(4, 2, 4, 4), seed=5)) == pytest.approx(float(expected), rel=1e-4)


def test_zen_gives_back_what_batch_norm_divides_by() -> None:
    bare = [nn.Conv2d(1, 1, 3, bias=False), nn.Conv2d(1, 1, 3, bias=False)]
    normed = [bare[0], nn.BatchNorm2d(1, eps=1e-9), bare[1], nn.BatchNorm2d(1, eps=1e-9)]
    end = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1, 2)]
    images = torch.zeros(4, 1, 8, 8)
    plain, compensated = (zen(subject(nn.Sequential(*part, *end), images)) for part in (bare, normed))
    unbiased = sum(math.log(n / (n - 1)) / 2 for n in (2 * IMAGES * 36, 2 * IMAGES * 16))  # running variances are
    assert compensated == pytest.approx(plain + unbiased, abs=1e-4)


def test_zen_sees_neither_images_nor_initial_weights_nor_shortcuts() -> None:
    assert zen(drawn(LARGE, seed=0)) == zen(drawn(LARGE, seed=1))
    given = drawn(LARGE)
    bodies = nn.Sequential(*(getattr(part, "body", part) for part in given.net))
    assert zen(given) == zen(subject(bodies, torch.ones_like(given.images)))


# --- counts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "count"), [("macs", "log_macs"), ("params", "log_params"), ("depth", "depth")])
def test_counts_are_those_of_the_graph(name: str, count: str, every_score: TrainingFree) -> None:
    assert replace(every_score, scores=(name,))(LARGE).values == {name: graph_counts(LARGE)[count]}


# --- all of them ----------------------------------------------------------------------------------


def test_more_images_than_there_are(every_score: TrainingFree, pictures: ImageView) -> None:
    wide = replace(every_score, images=1000)
    assert len(wide.score_input(SMALL).images) == len(pictures.images.train)
    assert math.isfinite(wide(SMALL).values["naswot"])


def test_batch_norm_trains_on_plain_images_of_the_scaled_size(every_score: TrainingFree) -> None:
    half = replace(every_score, scale=TrainingResolution(8, PIXELS)).score_input(SMALL)
    assert all(module.training for module in half.net.modules())
    assert half.images.shape == (16, 1, 8, 8)
    plain = replace(every_score.pictures, flip=False, shift=0)
    assert torch.equal(
        replace(every_score, pictures=plain).score_input(SMALL).images, every_score.score_input(SMALL).images
    )


def test_a_score_that_is_not_finite_is_named(every_score: TrainingFree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SCORES, "zen", lambda given: math.inf)
    with pytest.raises(Unscorable, match=r"the score zen of 16x1 conv3/2-8 fc10 is inf"):
        every_score(SMALL)


def test_wrong_settings_are_named(every_score: TrainingFree, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"unknown score 'snip'; known: .*naswot"):
        replace(every_score, scores=("naswot", "snip"))
    with pytest.raises(ConfigError, match="at least 4 images, got 3"):
        replace(every_score, images=3)
    images = every_score.pictures.images
    few = replace(images.train, pixels=images.train.pixels[:3], labels=images.train.labels[:3])
    fewer: Images = replace(images, train=few)
    monkeypatch.setattr(ImageView, "images", fewer)
    with pytest.raises(DataError, match="at least 4 training images, got 3"):
        every_score(SMALL)


# --- ranks ----------------------------------------------------------------------------------------


def test_combination_is_of_ranks() -> None:
    table = {"one": [1.0, 5.0, 2.0, 2.0], "two": [0.0, 3.0, 9.0, 1.0]}
    expected = np.log([1 / 4, 4 / 4, 2.5 / 4, 2.5 / 4]) + np.log([1 / 4, 3 / 4, 4 / 4, 2 / 4])
    assert combine(table) == pytest.approx(expected)
    assert combine({**table, "one": np.exp(table["one"])}) == pytest.approx(expected)
    assert combine({"one": [7.0]}).tolist() == [0.0]


@pytest.mark.parametrize("table", [{}, {"a": [1.0, math.nan]}, {"a": [1.0], "b": [1.0, 2.0]}])
def test_what_cannot_be_combined(table: dict[str, list[float]]) -> None:
    with pytest.raises(ValueError, match=r"finite|same shape|at least one array"):
        combine(table)


# --- against a fixed population -------------------------------------------------------------------

COLUMN = (1.0, 2.0, 2.0, 4.0, 5.0, 6.0, 7.0, 9.0)


def test_worth_of_members_is_their_combination_up_to_scale() -> None:
    rng = np.random.default_rng(0)
    table = {"one": rng.normal(size=20), "two": rng.integers(0, 5, 20).astype(float)}
    found = ScorePopulation.of(table)
    worth = [found.worth({name: float(column[i]) for name, column in table.items()}) for i in range(20)]
    assert np.log(worth) == pytest.approx(combine(table) / 2 + math.log(20 / 21))


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_worth_lies_between_0_and_1_and_keeps_the_order(first: float, second: float) -> None:
    fixed = ScorePopulation({"a": COLUMN})
    low, high = (fixed.worth({"a": value}) for value in sorted((first, second)))
    assert 0 < low <= high < 1
    if abs(first - second) > 1:
        assert low < high


def test_worth_goes_on_beyond_the_population_without_a_step() -> None:
    fixed = ScorePopulation({"a": COLUMN})
    for edge in (COLUMN[0], COLUMN[-1]):
        assert fixed.worth({"a": edge - 1e-9}) == pytest.approx(fixed.worth({"a": edge + 1e-9}), abs=1e-6)
    assert fixed.worth({"a": 2.0}) == pytest.approx(2.5 / 9)
    assert fixed.worth({"a": 3.0}) == pytest.approx(3.25 / 9)


def test_a_score_that_all_share_still_places_others() -> None:
    flat = ScorePopulation({"a": (3.0,) * 8})
    assert flat.worth({"a": 2.0}) < flat.worth({"a": 3.0}) == 0.5 < flat.worth({"a": 4.0})


def test_a_larger_network_is_worth_more(every_score: TrainingFree) -> None:
    rows = [every_score(Architecture.from_notation(f"16x1 conv3/2-{width} fc10")).values for width in range(4, 12)]
    found = ScorePopulation.of({name: [row[name] for row in rows] for name in ALL})
    worth = [found.worth(every_score(arch).values) for arch in (SMALL, LARGE)]
    assert worth[0] < worth[1]
    assert pickle.loads(pickle.dumps(found)) == found


@pytest.mark.parametrize("size", [1, 2, 7])
def test_all_networks_of_a_small_space_are_a_population(size: int) -> None:
    found = population_of([{"a": float(value)} for value in range(size)])
    worth = [found.worth({"a": float(value)}) for value in range(size)]
    assert worth == sorted(worth)
    assert sum(worth) / size == pytest.approx(0.5)
    with pytest.raises(ConfigError, match=f"at least {size} networks .*, got {size - 1}; the first error: no"):
        population_of([*({"a": float(value)} for value in range(size - 1)), Failed("no")])


def test_wrong_populations_are_named() -> None:
    with pytest.raises(ConfigError, match=r"a population needs networks, all with every score, got \[8, 9\]"):
        ScorePopulation.of({"a": range(8), "b": range(9)})
    with pytest.raises(ConfigError, match="the population's a must be finite and rise"):
        ScorePopulation({"a": COLUMN[::-1]})
    with pytest.raises(ConfigError, match=r"no score 'a' to compare with the population; given: b"):
        ScorePopulation({"a": COLUMN}).worth({"b": 1.0})
