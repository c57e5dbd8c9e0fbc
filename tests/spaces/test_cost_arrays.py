"""CostArrays of arrays of genotypes: the numbers of `cost` and `latency`, for every space, to the last bit."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nas
from nas.errors import ArchitectureError, NasError, ProfileError, SpaceError
from nas.latency.features import INSIDE, layer_counts, standing
from nas.latency.predictor import latency, predictor
from nas.latency.profile import HardwareProfile, Measurement, load_profile
from nas.spaces import tables
from nas.spaces.activations import ACTIVATIONS
from nas.spaces.architecture import Architecture
from nas.spaces.choices import Choices
from nas.spaces.cost import cost
from nas.spaces.costs import CostArrays, cost_counts
from nas.spaces.graph_counts import COUNTS as COUNT_NAMES
from nas.spaces.graph_counts import graph_counts, graph_features
from nas.spaces.layers import Layer, layers
from nas.spaces.load import known_spaces, load_space
from nas.spaces.space import Genotypes, SearchSpace
from nas.spaces.stage import Stage

PIXEL4 = load_profile("pixel4")
COSTS = ("macs", "params", "weight_bytes", "peak_activation_bytes")
LATENCIES = ("latency_ms", "latency_low_ms", "latency_high_ms", "in_range")


def rich_profile() -> HardwareProfile:
    """A made-up profile that has measured every op with every activation, at int8."""
    lines = [f"64x3 conv3/2-16:{a} sep3-24:{a}:se0.5 mb5e4/2-32:{a} mb3e3-32:{a}:se0.25 fc10" for a in ACTIVATIONS]
    extra = [
        Measurement(f"extra{number}", Architecture.from_notation(line), 2.0 + number, 0.01)
        for number, line in enumerate(lines)
    ]
    return replace(PIXEL4, name="rich", precision="int8", measurements=(*PIXEL4.measurements, *extra))


RICH = rich_profile()


def rows_of(scores: CostArrays) -> list[tuple[Any, ...]]:
    """The scores by genotype, as Python numbers."""
    arrays = [getattr(scores, name) for name in (*COSTS, *LATENCIES)]
    return list(zip(*(array.tolist() for array in arrays if array is not None), strict=True))


def scalar(space: SearchSpace, row: Genotypes, profile: HardwareProfile | None = None) -> tuple[Any, ...]:
    """What `cost` and `latency` say of one genotype."""
    arch = space.architecture(row)
    costs = cost(arch, profile.precision if profile else "fp32")
    figures = tuple(getattr(costs, name) for name in COSTS)
    if profile is None:
        return figures
    found = latency(arch, profile)
    return (*figures, found.ms, found.low, found.high, found.in_range)


def refusal(error: type[NasError], call: Callable[..., object], *args: Any) -> str:
    """The one-line message with which `call` refuses."""
    with pytest.raises(error) as caught:
        call(*args)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# Shipped spaces


@cache
def parts(layer: Layer) -> tuple[tuple[int, ...], int, int]:
    """What a network's figures are made of, so that sums over thousands of networks stay quick."""
    sums, (elements,) = cost_counts(layer)
    return sums + layer_counts(layer), elements, standing(layer, predictor(PIXEL4).ground)


def from_parts(arch: Architecture) -> tuple[Any, ...]:
    """The figures of `arch` on PIXEL4 (fp32), from one walk."""
    forecast = predictor(PIXEL4)
    sums, elements, standings = zip(*map(parts, layers(arch)), strict=True)
    macs, params, *counts = map(sum, zip(*sums, strict=True))
    ms = forecast.model.milliseconds(counts)
    in_range = max(standings) == INSIDE and forecast.resembles(ms)
    return (macs, params, 4 * params, 4 * max(elements), ms, *forecast.interval(ms, counts), in_range)


@pytest.mark.parametrize("name", sorted(known_spaces()))
def test_ten_thousand_genotypes_of_every_shipped_space(name: str) -> None:
    space = load_space(name)
    rows = space.sample(np.random.default_rng(4), 10_000)
    found = rows_of(nas.costs(space, rows, PIXEL4))
    assert len(found) == 10_000
    assert found[:50] == [scalar(space, row, PIXEL4) for row in rows[:50]]
    unique, places = np.unique(rows[::4], axis=0, return_inverse=True)  # the walk over each layer takes long
    expected = [from_parts(space.architecture(row)) for row in unique]
    assert found[::4] == [expected[place] for place in places]


@pytest.mark.parametrize("name", sorted(known_spaces()))
def test_other_images_and_classes(name: str) -> None:
    space = load_space(name).with_data(1, 7)
    rows = space.sample(np.random.default_rng(5), 40)
    assert rows_of(nas.costs(space, rows, RICH)) == [scalar(space, row, RICH) for row in rows]


def test_without_a_profile_there_are_costs_alone() -> None:
    space = load_space("mobilenet_v2")
    rows = space.sample(np.random.default_rng(6), 40)
    scores = nas.costs(space, rows)
    assert rows_of(scores) == [scalar(space, row) for row in rows]
    assert [getattr(scores, name) for name in LATENCIES] == [None] * 4
    assert {getattr(scores, name).dtype for name in COSTS} == {np.dtype(np.int64)}


def test_the_published_network_is_scored_to_the_unit() -> None:
    space, arch = load_space("separable"), nas.load_architecture("mobilenet_v2")
    scores = nas.costs(space, space.genotype(arch)[None])
    assert (scores.macs.tolist(), scores.params.tolist()) == ([300_774_272], [3_504_872])


# Any space


@st.composite
def stage_entries(draw: st.DrawFn) -> dict[str, Any]:
    """A stage of a space file, of any kind."""

    def some(values: list[Any], most: int = 2) -> list[Any]:
        return draw(st.lists(st.sampled_from(values), min_size=1, max_size=most, unique_by=str))

    entry: dict[str, Any] = {
        "out_channels": some([3, 8, 12, 17], 3),
        "depth": some([0, 1, 2, 3]),
        "stride": 1,
        "scaled": draw(st.booleans()),
    }
    if entry["depth"] == [0]:
        entry["depth"] = [0, 2]
    if 0 not in entry["depth"]:
        entry["stride"] = some([1, 2, 3])
    if draw(st.booleans()):
        listed = ["identity", {"op": "mbconv", "kernel": 5, "expansion": 3}, {"op": "conv", "kernel": 3}]
        return entry | {"blocks": some([*listed, {"op": "sep", "kernel": 3, "se": 0.5}], 3)}
    ops = some(["conv", "sep", "mbconv"])
    fields = {"op": ops, "kernel": some([1, 3, 5]), "activation": some(list(ACTIVATIONS))}
    if "mbconv" in ops:
        fields["expansion"] = some([1, 2, 6])
    if ops != ["conv"]:
        fields |= {"se": some([0, 0.25, 0.5]), "norm_between": some([True, False])}
    return entry | fields | {"per_block": draw(st.lists(st.sampled_from(sorted(fields)), max_size=2, unique=True))}


@st.composite
def space_entries(draw: st.DrawFn) -> dict[str, Any]:
    """A space file, of one to three stages."""
    stages = draw(st.lists(stage_entries(), min_size=1, max_size=3))
    downsample = 1
    for stage in stages:
        downsample *= draw(st.sampled_from(stage["stride"])) if isinstance(stage["stride"], list) else 1
    width = draw(st.lists(st.sampled_from([0.3, 1.0, 1.5]), min_size=1, max_size=2, unique=True))
    resolution = draw(st.lists(st.sampled_from([7, 32, 33]), min_size=1, max_size=2, unique=True))
    sizes = {"resolution": resolution, "width": width, "downsample": downsample, "classes": 5}
    stem = {"stem": {"op": "conv", "kernel": 3, "out_channels": [8, 3]}} if draw(st.booleans()) else {}
    return {**sizes, **stem, "stages": stages, "in_channels": draw(st.sampled_from([1, 3, 8]))}


@settings(max_examples=60, deadline=None)
@given(entry=space_entries(), seed=st.integers(0, 2**32 - 1))
def test_any_space_is_scored_as_its_networks_are(
    tmp_path_factory: pytest.TempPathFactory, entry: dict[str, Any], seed: int
) -> None:
    path = tmp_path_factory.mktemp("space") / "any.yaml"
    path.write_text(json.dumps(entry))
    space = load_space(path)
    rows = space.sample(np.random.default_rng(seed), 8)
    message = ""
    try:
        expected = [scalar(space, row, RICH) for row in rows]
    except ArchitectureError as error:  # every stage may vanish, and here all did
        message = str(error)
    if message:
        assert refusal(ArchitectureError, nas.costs, space, rows, RICH) == message
    else:
        assert rows_of(nas.costs(space, rows, RICH)) == expected


PER_BLOCK = """
resolution: [96, 128]
downsample: 16
stem: {op: conv, kernel: 3, stride: 2, out_channels: 16}
stages:
  - {op: [sep, mbconv], kernel: [3, 5, 7], expansion: [3, 4, 6], out_channels: [24, 32], depth: [1, 2, 3, 4],
     stride: [1, 2], per_block: [op, kernel, expansion]}
  - {op: mbconv, kernel: [3, 5, 7], expansion: [3, 4, 6], out_channels: [40, 80], depth: [0, 2, 4],
     per_block: [kernel, expansion]}
  - {op: sep, kernel: [3, 5], out_channels: [64, 96], depth: [1, 5], stride: [2, 4], per_block: [kernel]}
"""


@pytest.fixture(scope="module")
def per_block(tmp_path_factory: pytest.TempPathFactory) -> SearchSpace:
    path = tmp_path_factory.mktemp("spaces") / "per_block.yaml"
    path.write_text(PER_BLOCK)
    return load_space(path)


def test_a_stage_of_a_billion_forms_is_split_by_block(per_block: SearchSpace) -> None:
    assert per_block.size > 10**12
    rows = per_block.sample(np.random.default_rng(7), 300)
    assert rows_of(nas.costs(per_block, rows, PIXEL4)) == [scalar(per_block, row, PIXEL4) for row in rows]
    found = tables.tables(per_block.choices, cost_counts)
    assert found is not None
    assert sum(map(len, found.sums)) < 200_000


def test_a_space_too_rich_for_tables_is_walked(per_block: SearchSpace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MOST_ROWS", 1000)
    space = SearchSpace(replace(per_block.choices, name="rich"))  # equal spaces share their tables
    assert tables.tables(space.choices, cost_counts) is None
    rows = space.sample(np.random.default_rng(8), 20)
    assert rows_of(nas.costs(space, rows, PIXEL4)) == [scalar(space, row, PIXEL4) for row in rows]
    assert nas.costs(space, rows[:0], PIXEL4).macs.shape == (0,)


# Genotypes


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.uint64])
def test_any_ints_will_do(dtype: Any) -> None:
    space = load_space("separable")
    rows = space.sample(np.random.default_rng(9), 3000)
    expected = rows_of(nas.costs(space, rows, PIXEL4))
    assert rows_of(nas.costs(space, rows.astype(dtype), PIXEL4)) == expected
    assert rows_of(nas.costs(space, np.asfortranarray(rows)[::-1], PIXEL4)) == expected[::-1]
    assert rows_of(nas.costs(space, rows[:2].tolist(), PIXEL4)) == expected[:2]


def test_no_genotypes_have_no_scores() -> None:
    space = load_space("separable")
    scores = nas.costs(space, space.sample(np.random.default_rng(0), 0), PIXEL4)
    assert all(getattr(scores, name).shape == (0,) for name in (*COSTS, *LATENCIES))


def test_a_space_without_choices(tmp_path: Path) -> None:
    path = tmp_path / "one.yaml"
    path.write_text("{resolution: 32, downsample: 2, stages: [{op: sep, kernel: 3, stride: 2, out_channels: 8}]}")
    space = load_space(path)
    rows = np.empty((3, 0), dtype=np.int64)
    assert rows_of(nas.costs(space, rows, PIXEL4)) == [scalar(space, rows[0], PIXEL4)] * 3


WRONG = {
    "a row": (lambda rows: rows[0], "genotypes of tiny must be ints of shape (n, 10), got int64 of shape (10,)"),
    "a column short": (lambda rows: rows[:, 1:], "must be ints of shape (n, 10), got int64 of shape (5, 9)"),
    "floats": (lambda rows: rows + 0.5, "must be ints of shape (n, 10), got float64 of shape (5, 10)"),
    "booleans": (lambda rows: rows > 0, "must be ints of shape (n, 10), got bool of shape (5, 10)"),
    "below 0": (lambda rows: rows - (np.arange(5) == 3)[:, None] * 9, "genotype 3: strides: index -9 is not in 0..2"),
    "above the last": (lambda rows: rows * 0 + 2, "genotype 0: stage1.depth: index 2 is not in 0..1"),
    "unsigned": (lambda rows: rows.astype(np.uint64) + 2**63, "is not in 0..2"),
}


@pytest.mark.parametrize("case", WRONG)
@pytest.mark.parametrize("profile", [None, PIXEL4])
def test_wrong_genotypes(case: str, profile: HardwareProfile | None) -> None:
    change, message = WRONG[case]
    space = load_space("tiny")
    rows = np.zeros((5, 10), dtype=np.int64)
    assert message in refusal(SpaceError, nas.costs, space, change(rows), profile)


def test_an_index_out_of_range_is_found_anywhere() -> None:
    space = load_space("separable")
    rows = space.sample(np.random.default_rng(10), 9000)
    rows[8765, 20] = 99
    assert f"genotype 8765: {space.variables[20].name}: index 99 " in refusal(SpaceError, nas.costs, space, rows)


UNMEASURED = {
    "an activation": "{op: [sep, mbconv], kernel: [3, 5], activation: [relu, hswish, elu], out_channels: 16}",
    "an op": "{op: sep, kernel: [3, 5], se: [0, 0.25], out_channels: 16, depth: [1, 2]}",
}


@pytest.mark.parametrize("case", UNMEASURED)
def test_what_was_never_measured_is_refused_as_for_one_network(case: str, tmp_path: Path) -> None:
    path = tmp_path / "never.yaml"
    path.write_text(f"{{resolution: 32, downsample: 1, stages: [{UNMEASURED[case]}]}}")
    space = load_space(path)
    fine, refused = [], []
    for row in space.genotypes():
        try:
            scalar(space, row, PIXEL4)
            fine.append(row)
        except ProfileError as error:
            refused.append((row, str(error)))
    assert fine
    assert refused
    assert rows_of(nas.costs(space, fine, PIXEL4)) == [scalar(space, row, PIXEL4) for row in fine]
    for row, message in refused:
        assert "layer " in message
        assert refusal(ProfileError, nas.costs, space, [*fine, row, *(r for r, _ in refused)], PIXEL4) == message


def test_counts_beyond_exact_arithmetic_are_refused() -> None:
    stage = Stage("stage1", {"op": ("conv",), "kernel": (99_999,), "out_channels": (1_000_000, 8)})
    space = SearchSpace(Choices("huge", (32,), (1.0,), ((1,),), (stage,)))
    assert "at most 9.0e+15 multiply-accumulates" in refusal(ArchitectureError, nas.costs, space, [[0]])


# --- counts of the graph --------------------------------------------------------------------------


def test_counts_of_a_network_by_hand() -> None:
    arch = Architecture.from_notation("16x3 conv3/2-8 mb5e3-8:se0.25 fc10")
    found = graph_counts(arch)
    hidden = 24 * 8 * 8
    assert found["depth"] == 4
    assert found["shortcuts"] == 1
    assert found["log_units"] == pytest.approx(math.log(8 * 8 * 8 + 2 * hidden))
    gate = 24 * 8 + 8 * 24
    macs = 27 * 8 * 64 + 8 * hidden + 25 * hidden + gate + 24 * 8 * 64 + 80
    assert found["log_macs"] == pytest.approx(math.log(macs))
    params = 27 * 8 + 16 + 8 * 24 + 48 + 25 * 24 + 48 + gate + 8 + 24 + 24 * 8 + 16 + 90
    assert found["log_params"] == pytest.approx(math.log(params))


@pytest.mark.parametrize("name", ["separable", "nas_bench_macro", "tiny"])
def test_counts_of_genotypes_are_those_of_their_networks(name: str) -> None:
    space = load_space(name)
    rows = space.sample(np.random.default_rng(0), 50)
    features = graph_features(space, rows)
    networks = [space.architecture(row) for row in rows]
    assert features[:, : len(COUNT_NAMES)].tolist() == [list(graph_counts(arch).values()) for arch in networks]
    if name == "nas_bench_macro":  # a stage begins with a stride; an identity there is a convolution, not a block
        blocks = (rows[:, :2] > 0).sum(1), (rows[:, 2:5] > 0).sum(1), (rows[:, 5:] > 0).sum(1)
        assert (features[:, [-4, -3, -2]] == np.stack(blocks, axis=1)).all()
    else:
        assert (features[:, len(COUNT_NAMES) :].sum(axis=1) == [len(arch.blocks) for arch in networks]).all()
