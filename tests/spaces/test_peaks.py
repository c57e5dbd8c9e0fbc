"""Limits on peak activations: counted, drawn and refused as by brute force, alone and beside other limits."""

from functools import cache

import numpy as np
import pytest

from nas.errors import BudgetError
from nas.measures import LIMITS, PREDICTED
from nas.spaces.budget import Budget
from nas.spaces.cost import cost
from nas.spaces.load import load_space
from nas.spaces.networks.additive import PEAK, AdditiveCost
from nas.spaces.networks.count import Count
from nas.spaces.networks.listing import smallest
from nas.spaces.space import SearchSpace
from tests.helpers.refusal import refusal
from tests.helpers.spaces import AMBIGUOUS, every

SMALL = pytest.mark.parametrize("name", [*AMBIGUOUS, "tiny", "nas_bench_macro"])
PRECISIONS = pytest.mark.parametrize("precision", ["fp32", "int8"])


@cache
def figures(space: SearchSpace, precision: str) -> dict[str, np.ndarray]:
    """What every network of `space` costs, by field."""
    found = [cost(arch, precision) for arch in every(space).values()]
    return {field: np.array([getattr(each, field) for each in found]) for field in LIMITS if field not in PREDICTED}


def budgets(space: SearchSpace, precision: str) -> list[Budget]:
    """Limits on the peak from the least of any network on, alone and beside others."""
    known = figures(space, precision)
    peaks = np.quantile(known["peak_activation_bytes"], [0, 0.1, 0.5, 0.9, 1], method="nearest").tolist()
    macs, params = (float(np.median(known[field])) for field in ("macs", "params"))
    alone = [Budget(peak_activation_bytes=peak) for peak in (*peaks, peaks[2] + 0.5)]
    return [*alone, *(Budget(peak_activation_bytes=p, macs=macs, params=params) for p in peaks[1:])]


def inside(space: SearchSpace, budget: Budget, precision: str) -> set[str]:
    """The keys of the networks inside `budget`, by `Budget.violation`."""
    known = figures(space, precision)
    rows = [dict(zip(known, row, strict=True)) for row in zip(*known.values(), strict=True)]
    return {key for key, row in zip(every(space), rows, strict=True) if budget.violation(row) is None}


@SMALL
@PRECISIONS
def test_counts_are_those_of_brute_force(small_spaces: dict[str, SearchSpace], name: str, precision: str) -> None:
    space = small_spaces[name]
    for budget in budgets(space, precision):
        truth = len(inside(space, budget, precision))
        assert space.count(budget, precision=precision) == Count(truth, truth, truth), str(budget)


@pytest.mark.usefixtures("unlisted")
@SMALL
def test_without_a_list_one_limit_is_exact_and_several_are_bounded(
    small_spaces: dict[str, SearchSpace], name: str
) -> None:
    space = small_spaces[name]
    for budget in budgets(space, "int8"):
        count, truth = space.count(budget, precision="int8"), len(inside(space, budget, "int8"))
        assert count.low <= truth <= count.high
        assert count.exact or len(budget.limits) > 1


@SMALL
@PRECISIONS
@pytest.mark.parametrize("listed", [True, False])
def test_all_networks_inside_can_be_drawn(
    small_spaces: dict[str, SearchSpace], name: str, precision: str, listed: bool, request: pytest.FixtureRequest
) -> None:
    space, rng = small_spaces[name], np.random.default_rng(0)
    if not listed:
        request.getfixturevalue("unlisted")
    for budget in (budgets(space, precision)[1], budgets(space, precision)[7]):
        wanted = inside(space, budget, precision)
        rows = space.sample(rng, len(wanted) + 10 * listed, budget, precision=precision)
        assert {space.architecture(row).key for row in rows} == wanted


@pytest.mark.parametrize("listed", [True, False])
def test_networks_inside_a_peak_may_be_even_over_another_cost(
    small_spaces: dict[str, SearchSpace], listed: bool, request: pytest.FixtureRequest
) -> None:
    space = small_spaces["nas_bench_macro"]
    if not listed:
        request.getfixturevalue("unlisted")
    budget = budgets(space, "fp32")[2]
    plain, even = (space.sample(np.random.default_rng(0), 100, budget, evenly=e) for e in (None, "macs"))
    keys = [space.architecture(row).key for row in even]
    assert len(set(keys)) == 100
    assert set(keys) <= inside(space, budget, "fp32")
    deviations = [np.std([np.log(cost(space.architecture(row)).macs) for row in rows]) for rows in (plain, even)]
    assert deviations[1] > 1.2 * deviations[0]


@SMALL
def test_an_impossible_peak_names_the_smallest(small_spaces: dict[str, SearchSpace], name: str) -> None:
    space = small_spaces[name]
    least = smallest(space.choices, PEAK)
    assert least.cost == least.bound == PEAK(least.arch) == figures(space, "int8")["peak_activation_bytes"].min()
    budget = Budget(peak_activation_bytes=least.cost - 1)
    assert space.count(budget, precision="int8") == Count(0, 0, 0)
    message = refusal(BudgetError, space.sample, np.random.default_rng(0), 1, budget, precision="int8")
    assert f"the smallest has {1e-6 * least.cost:.4g} MB RAM ({least.arch.notation})" in message


def test_limits_that_can_be_met_one_at_a_time_only(small_spaces: dict[str, SearchSpace]) -> None:
    space = small_spaces["widths"]
    coarse = AdditiveCost(lambda layer: 1 / layer.in_size if layer.in_channels == 3 else 0)  # least at 32 pixels
    least = figures(space, "fp32")["peak_activation_bytes"].min()  # at 24
    budget, costs = Budget(peak_activation_bytes=float(least), latency_ms=1 / 32), {"latency_ms": coarse}
    assert space.count(budget, costs=costs) == Count(0, 0, 0)
    assert "at once" in refusal(BudgetError, space.sample, np.random.default_rng(0), 1, budget, costs=costs)


def test_networks_are_not_drawn_evenly_over_a_peak(small_spaces: dict[str, SearchSpace]) -> None:
    call = small_spaces["tiny"].sample, np.random.default_rng(0), 1
    assert "evenly over peak_activation_bytes" in refusal(BudgetError, *call, evenly="peak_activation_bytes")


@pytest.mark.parametrize("text", ["512KB-ram", ["300M", "512KB-ram"], ["30M", "2MB", "300KB-ram"]])
def test_a_large_space_is_counted_and_drawn_from(text: str | list[str]) -> None:
    space, budget = load_space("separable"), Budget.parse(text)
    count = space.count(budget, precision="int8")
    assert 0 < count.low <= count.estimate <= count.high or len(budget.limits) > 1
    for evenly in (None, "macs"):
        rows = space.sample(np.random.default_rng(0), 60, budget, evenly=evenly, precision="int8")
        archs = [space.architecture(row) for row in rows]
        assert len({arch.key for arch in archs}) == 60
        for found in (cost(arch, "int8") for arch in archs):
            assert budget.violation({field: getattr(found, field) for field in budget.limits}) is None
