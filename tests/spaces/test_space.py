"""What a space holds: networks and genotypes, drawn, mutated, crossed; its smallest network."""

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from math import comb, prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.errors import SpaceError
from nas.latency.predictor import latency
from nas.latency.profile import load_profile
from nas.spaces.architecture import Architecture
from nas.spaces.baselines import baseline
from nas.spaces.block import Block
from nas.spaces.budget import Budget
from nas.spaces.cost import cost
from nas.spaces.load import load_space
from nas.spaces.space import SearchSpace
from tests.helpers.refusal import refusal
from tests.helpers.spaces import MADE, SHIPPED

EVERY = pytest.mark.parametrize("name", [*SHIPPED, *MADE])


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


def striding(stages: int) -> str:
    """A space whose stages all choose their strides."""
    stage = "  - {op: sep, kernel: [3, 5], out_channels: 8, stride: [1, 2]}\n"
    return f"resolution: 64\ndownsample: 32\nstages:\n{stage * stages}"


@pytest.mark.parametrize("stages", [6, 9, 12])
def test_many_stages_may_choose_strides(load: Callable[[str], SearchSpace], stages: int) -> None:
    space = load(striding(stages))
    patterns = [pattern for pattern in product((1, 2), repeat=stages) if prod(pattern) == 32]
    assert list(space.strides) == patterns
    assert space.count().high == comb(stages, 5) * 2**stages
    row = space.sample(np.random.default_rng(0), 1, Budget())[0]
    assert space.genotype(space.architecture(row)).tolist() == row.tolist()


@pytest.mark.parametrize("stages", [13, 40])
def test_more_patterns_of_strides_than_can_be_searched_are_counted_and_refused(
    load: Callable[[str], SearchSpace], stages: int
) -> None:
    said = f"downsample: {comb(stages, 5):,} choices of strides multiply to 32, at most 1,000 may"
    with pytest.raises(SpaceError, match=said):
        load(striding(stages))


@EVERY
def test_every_network_has_the_total_stride(spaces: dict[str, SearchSpace], name: str) -> None:
    total = {"tiny": 8, "small": 8, "nas_bench_macro": 8, "per_block": 2, "blocks": 4}.get(name, 32)
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
    space, arch = load_space(family), baseline(f"{family}_w{width}_r{resolution}")
    if float(width) not in space.width:
        assert not space.contains(arch)
    else:
        assert space.architecture(space.genotype(arch)) == arch


@pytest.mark.parametrize("size", [0, 1, 2])
@pytest.mark.parametrize("resolution", ["", "_r64", "_r96", "_r224"])
def test_lite_holds_its_published_networks(size: int, resolution: str) -> None:
    space, arch = load_space("lite"), baseline(f"efficientnet_lite{size}{resolution}")
    assert space.contains(arch)
    assert space.architecture(space.genotype(arch)) == arch
    assert not space.contains(replace(arch, resolution=63))


def test_networks_outside_are_refused_by_notation() -> None:
    space, arch = load_space("tiny"), baseline("mobilenet_v2")
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
