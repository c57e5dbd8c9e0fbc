"""Counting and drawing under a cost that is not additive but lies between two that are, against brute force."""

from collections import Counter
from functools import cache
from typing import Any

import numpy as np
import pytest
from scipy.stats import chisquare, ks_2samp

from nas.errors import BudgetError
from nas.spaces.architecture import Architecture
from nas.spaces.budget import Budget
from nas.spaces.cost import cost
from nas.spaces.layers import Layer
from nas.spaces.load import load_space
from nas.spaces.networks import draw as drawing
from nas.spaces.networks.additive import AdditiveCost, BoundedCost, largest_cost, least_cost, path_costs
from nas.spaces.networks.count import Count
from nas.spaces.networks.listing import smallest, whole_listing
from nas.spaces.space import SearchSpace

TINY, LARGE = load_space("tiny"), load_space("separable")


def counts(layer: Layer) -> tuple[int, ...]:
    """MACs and elements, weights, working set."""
    return layer.macs, layer.out_elements, layer.params, layer.params + layer.out_elements


def milliseconds(space: SearchSpace, slowness: tuple[float, ...]) -> BoundedCost:
    """A made-up latency: what a weight costs changes with the working set, piecewise linearly over its range."""
    knots = np.linspace(least_cost(space.choices, WORKING), largest_cost(space.choices, WORKING), len(slowness))

    def combine(sums: Any) -> Any:
        macs, elements, weights, working = sums
        return 0.1 + macs / 3e6 + elements / 7e5 + weights / 1e6 * np.interp(working, knots, slowness)

    def bound(slowness: float) -> AdditiveCost:
        return AdditiveCost(
            lambda layer: layer.macs / 3e6 + layer.out_elements / 7e5 + layer.params / 1e6 * slowness, 0.1
        )

    return BoundedCost(counts, combine, bound(min(slowness)), bound(max(slowness)))


WORKING = AdditiveCost(lambda layer: counts(layer)[-1])
COSTS = {
    "narrow": milliseconds(TINY, (10, 10, 20)),
    "wide": milliseconds(TINY, (10, 10, 400)),
    "falling": milliseconds(TINY, (400, 100)),  # the smallest by the lower bound is not the smallest
    "rounded": milliseconds(TINY, (20, 20)),  # additive, but summed in another order than the bounds are
}
SEPARABLE = milliseconds(LARGE, (0.5, 1, 2, 2, 2))


@cache
def every() -> dict[str, Architecture]:
    """All networks of TINY by key."""
    return {arch.key: arch for arch in map(TINY.architecture, TINY.genotypes())}


def figures(name: str) -> np.ndarray:
    return np.array([COSTS[name](arch) for arch in every().values()])


def drawn(space: SearchSpace, seed: int, n: int, budget: Budget, known: BoundedCost, **options: Any) -> np.ndarray:
    """The costs of n networks drawn, which must all be different."""
    rows = space.sample(np.random.default_rng(seed), n, budget, costs={"latency_ms": known}, **options)
    found = [space.architecture(row) for row in rows]
    assert len({arch.key for arch in found}) == len(rows)
    return np.array([known(arch) for arch in found])


@pytest.mark.parametrize("name", COSTS)
def test_paths_cost_what_their_networks_do(name: str) -> None:
    known, paths = COSTS[name], whole_listing(TINY.choices)
    found = path_costs(TINY.choices, known, paths)
    assert np.array_equal(np.sort(found), np.sort(figures(name)))
    low, high = path_costs(TINY.choices, known.low, paths), path_costs(TINY.choices, known.high, paths)
    assert np.all((low * (1 - 1e-9) <= found) & (found <= high * (1 + 1e-9)))


def test_the_range_holds_every_network() -> None:
    for name, known in COSTS.items():
        assert least_cost(TINY.choices, known) <= figures(name).min()
        assert figures(name).max() <= largest_cost(TINY.choices, known)


@pytest.mark.parametrize("name", COSTS)
def test_counts_are_those_of_brute_force_to_the_last_bit(name: str) -> None:
    values, costs = figures(name), {"latency_ms": COSTS[name]}
    for limit in np.quantile(values, [0, 0.01, 0.1, 0.5, 0.9, 1], method="nearest").tolist():
        for close in (np.nextafter(limit, 0), limit, np.nextafter(limit, np.inf)):
            number = int(np.sum(values <= close))
            assert TINY.count(Budget(latency_ms=close), costs=costs) == Count(number, number, number)


@pytest.mark.parametrize("name", COSTS)
@pytest.mark.usefixtures("unlisted")
def test_histograms_bound_the_count(name: str) -> None:
    values, costs = figures(name), {"latency_ms": COSTS[name]}
    for limit in np.quantile(values, [0, 0.02, 0.2, 0.5, 0.9, 1]).tolist():
        count, truth = TINY.count(Budget(latency_ms=limit), costs=costs), np.sum(values <= limit)
        assert count.low <= truth <= count.high
        assert count.low <= count.estimate <= count.high
        assert abs(count.estimate - truth) <= 1 + 4 * np.sqrt(truth * count.high / 4096)  # of as many draws


@pytest.mark.parametrize("listed", [True, False])
def test_several_limits_are_counted(listed: bool, request: pytest.FixtureRequest) -> None:
    macs, values = np.array([cost(arch).macs for arch in every().values()]), figures("wide")
    budget = Budget(macs=float(np.quantile(macs, 0.6)), latency_ms=float(np.quantile(values, 0.5)))
    truth = int(np.sum((macs <= budget.limits["macs"]) & (values <= budget.limits["latency_ms"])))
    if not listed:
        request.getfixturevalue("unlisted")
    count = TINY.count(budget, costs={"latency_ms": COSTS["wide"]})
    assert count.low <= truth <= count.high
    assert count.exact == listed
    assert count.estimate == pytest.approx(truth, rel=0.1)


@pytest.mark.parametrize("name", COSTS)
@pytest.mark.parametrize("listed", [True, False])
def test_all_networks_inside_can_be_drawn(name: str, listed: bool, request: pytest.FixtureRequest) -> None:
    values = np.sort(figures(name))
    if not listed:
        request.getfixturevalue("unlisted")
    for limit in (values[150], np.nextafter(values[150], 0)):
        inside = values[values <= limit]
        found = drawn(TINY, 0, len(inside) + 10 * listed, Budget(latency_ms=limit), COSTS[name])
        assert np.array_equal(np.sort(found), inside)


@pytest.mark.usefixtures("unlisted")
def test_samples_hold_each_network_equally_often() -> None:
    values, rng = figures("wide"), np.random.default_rng(0)
    budget, costs = Budget(latency_ms=float(np.quantile(values, 0.05))), {"latency_ms": COSTS["wide"]}
    seen = Counter(tuple(row) for _ in range(200) for row in TINY.sample(rng, 10, budget, costs=costs).tolist())
    assert len(seen) == np.sum(values <= budget.limits["latency_ms"])
    assert chisquare(list(seen.values())).pvalue > 1e-3


@pytest.mark.parametrize(("name", "listed"), [("wide", True), ("falling", True), ("narrow", True), ("narrow", False)])
def test_a_spread_is_even_over_the_range(name: str, listed: bool, request: pytest.FixtureRequest) -> None:
    values = figures(name)
    if not listed:
        request.getfixturevalue("unlisted")
    top = float(np.quantile(values, 0.9))
    edges = np.geomspace(values.min(), top, drawing.BINS + 1)
    edges[0], edges[-1] = 0, top
    found = drawn(TINY, 1, 200, Budget(latency_ms=top), COSTS[name], evenly="latency_ms")
    shares, most = (np.histogram(costs, edges)[0] for costs in (found, values[values <= top]))
    assert shares.sum() == 200
    full = shares >= shares.max() - 2
    assert np.array_equal(shares[~full], most[~full])


def test_a_spread_over_a_cost_without_a_limit() -> None:
    known = COSTS["falling"]
    assert set(drawn(TINY, 0, 2000, Budget(), known, evenly="latency_ms")) == set(figures("falling"))
    macs = float(np.median([cost(arch).macs for arch in every().values()]))
    top = max(known(arch) for arch in every().values() if cost(arch).macs <= macs)
    found = drawn(TINY, 0, 300, Budget(macs=macs), known, evenly="latency_ms")
    assert 0.9 * top < found.max() <= top


@pytest.mark.parametrize("name", COSTS)
def test_the_smallest_network_is_known_where_candidates_are_few(name: str) -> None:
    known = COSTS[name]
    least = smallest(TINY.choices, known)
    assert known(least.arch) == least.cost == least.bound == figures(name).min()
    assert drawn(TINY, 0, 1, Budget(latency_ms=least.cost), known) == [least.cost]
    with pytest.raises(BudgetError) as caught:
        drawn(TINY, 0, 1, Budget(latency_ms=float(np.nextafter(least.cost, 0))), known)
    assert f"the smallest has {least.cost:.4g} ms ({least.arch.notation})" in str(caught.value)


def test_what_may_be_possible_is_not_refused_unseen(monkeypatch: pytest.MonkeyPatch) -> None:
    known, least = COSTS["falling"], figures("falling").min()
    monkeypatch.setattr("nas.spaces.networks.draw.smallest", smallest.__wrapped__)
    everything = whole_listing(TINY.choices)
    monkeypatch.setattr("nas.spaces.networks.listing.listing", lambda space, intervals: None)
    monkeypatch.setattr("nas.spaces.networks.draw.whole_listing", lambda space: everything)
    messages = {}
    for limit in (0.99 * least_cost(TINY.choices, known), 0.99 * least):
        with pytest.raises(BudgetError) as caught:
            drawn(TINY, 0, 1, Budget(latency_ms=limit), known)
        messages[limit] = str(caught.value)
    refused, unfound = messages.values()
    assert "the smallest known has" in refused
    assert "meets all of the budget" in unfound
    assert drawn(TINY, 0, 1, Budget(latency_ms=least), known) == [least]


# --- a space too large to list --------------------------------------------------------------------


def test_draws_from_a_large_space_are_inside() -> None:
    limit = 12 * least_cost(LARGE.choices, SEPARABLE)
    found = drawn(LARGE, 0, 100, Budget(latency_ms=limit), SEPARABLE)
    assert len(found) == 100
    assert found.max() <= limit
    count = LARGE.count(Budget(latency_ms=limit), costs={"latency_ms": SEPARABLE})
    assert 0 < count.low < count.estimate < count.high
    tight = Budget(latency_ms=smallest(LARGE.choices, SEPARABLE).cost * 1.02)
    few = LARGE.count(tight, costs={"latency_ms": SEPARABLE})
    assert few.exact
    assert few.low > 0


def test_a_large_space_is_drawn_from_uniformly() -> None:
    """Against draws inside the lower bound, a wider set, of which those inside are taken."""
    limit = 12 * least_cost(LARGE.choices, SEPARABLE)
    found = drawn(LARGE, 0, 300, Budget(latency_ms=limit), SEPARABLE)
    wider = LARGE.sample(np.random.default_rng(1), 600, Budget(macs=3e6 * limit))
    reference = np.array([SEPARABLE(arch) for arch in map(LARGE.architecture, wider)])
    reference = reference[reference <= limit]
    assert 200 < len(reference) < len(wider)
    assert ks_2samp(found, reference).pvalue > 1e-3


def test_a_large_space_is_spread_evenly() -> None:
    limit = 12 * least_cost(LARGE.choices, SEPARABLE)
    found = drawn(LARGE, 0, 100, Budget(latency_ms=limit), SEPARABLE, evenly="latency_ms")
    edges = np.geomspace(smallest(LARGE.choices, SEPARABLE).bound, limit, drawing.BINS + 1)
    edges[-1] = limit
    assert set(np.histogram(found, edges)[0]) <= {4, 5, 6}
