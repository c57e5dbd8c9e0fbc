"""Counting and drawing networks inside a budget, against brute force over every genotype."""

import json
import pickle
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from scipy.stats import chisquare

from nas.errors import BudgetError, ConfigError
from nas.spaces.architecture import Architecture
from nas.spaces.budget import Budget
from nas.spaces.cost import cost
from nas.spaces.layers import Layer
from nas.spaces.load import load_space
from nas.spaces.networks import histogram
from nas.spaces.networks.additive import MACS, PARAMS, AdditiveCost, cheapest, largest_cost, least_cost, path_costs
from nas.spaces.networks.count import Count
from nas.spaces.space import SearchSpace
from tests.helpers.spaces import AMBIGUOUS, every

SMALL = (*AMBIGUOUS, "tiny", "nas_bench_macro")


@pytest.fixture(scope="module")
def spaces(small_spaces: dict[str, SearchSpace]) -> dict[str, SearchSpace]:
    return small_spaces | {name: load_space(name) for name in ("mobilenet_v2", "separable")}


@cache
def known_costs(space: SearchSpace) -> dict[str, np.ndarray]:
    """What every network costs, by measure."""
    found = [cost(arch) for arch in every(space).values()]
    return {name: np.array([getattr(c, name) for c in found]) for name in ("macs", "params", "weight_bytes")}


def drawn(space: SearchSpace, rows: np.ndarray) -> dict[str, Architecture]:
    """The networks of `rows` by key; each row must be another network."""
    result = {arch.key: arch for arch in map(space.architecture, rows)}
    assert len(result) == len(rows)
    return result


def macs(space: SearchSpace, rows: np.ndarray) -> np.ndarray:
    return np.array([cost(arch).macs for arch in drawn(space, rows).values()])


def refusal(call: Callable[..., object], *args: Any, **kwargs: Any) -> str:
    """The message of the budget error that `call` raises: one line."""
    with pytest.raises(BudgetError) as caught:
        call(*args, **kwargs)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def per_layer(layer: Layer) -> float:
    """A made-up latency in ms: fractions, so that sums are rounded."""
    return layer.macs / 3e6 + layer.out_elements / 7e5


MILLISECONDS = AdditiveCost(per_layer, 0.1)
COSTS = {"latency_ms": MILLISECONDS}


# --- counting -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SMALL)
def test_counts_are_those_of_brute_force(spaces: dict[str, SearchSpace], name: str) -> None:
    space = spaces[name]
    assert space.count() == Count(len(every(space)), len(every(space)), len(every(space)))
    for measure, values in known_costs(space).items():
        for limit in np.quantile(values, [0, 0.01, 0.1, 0.5, 0.9, 1]).astype(int).tolist():
            for close in (limit - 1, limit, limit + 1):
                assert space.count(Budget(**{measure: close})).low == np.sum(values <= close)


def test_networks_are_counted_once(spaces: dict[str, SearchSpace]) -> None:
    assert spaces["nas_bench_macro"].count().low == 3969
    assert spaces["tiny"].count().low == 1536
    assert spaces["mobilenet_v2"].count().low == spaces["mobilenet_v2"].size
    assert spaces["separable"].count().low < spaces["separable"].size


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.usefixtures("unlisted")
def test_histograms_bound_the_count(spaces: dict[str, SearchSpace], name: str) -> None:
    space = spaces[name]
    for measure, values in known_costs(space).items():
        for limit in np.quantile(values, [0.02, 0.2, 0.5, 0.9, 1]).astype(int).tolist():
            count = space.count(Budget(**{measure: limit}))
            assert count.low <= np.sum(values <= limit) <= count.high
            assert count.low <= count.estimate <= count.high
            assert count.high <= 1.05 * count.low + 20


def test_coarse_bins_bound_the_count_too(spaces: dict[str, SearchSpace]) -> None:
    values = known_costs(spaces["depths"])["macs"]
    for limit in np.quantile(values, [0.1, 0.4, 0.8]).tolist():
        low, high = (histogram.count_within(spaces["depths"], MACS, limit, 30, up) for up in (True, False))
        assert low < np.sum(values <= limit) < high


def test_the_count_of_a_large_space_is_tight(spaces: dict[str, SearchSpace]) -> None:
    space = spaces["separable"]
    count = space.count(Budget.parse("50M"))
    assert 0 < count.low < count.high < 1.01 * count.low
    assert not count.exact
    assert space.count(Budget.parse("1M")) == Count(0, 0, 0)
    few = space.count(Budget(macs=2_850_000))
    assert few.exact
    assert few.low == len(space.sample(np.random.default_rng(0), 10**6, Budget(macs=2_850_000)))


@pytest.mark.parametrize("listed", [True, False])
@pytest.mark.parametrize("name", ["widths", "depths"])
def test_several_limits_are_counted(
    spaces: dict[str, SearchSpace], name: str, listed: bool, request: pytest.FixtureRequest
) -> None:
    space = spaces[name]
    values = known_costs(space) | {"latency_ms": np.array([MILLISECONDS(arch) for arch in every(space).values()])}
    limits = {measure: float(np.quantile(values[measure], 0.6)) for measure in ("macs", "params", "latency_ms")}
    limits["latency_ms"] += 1e-9  # sums of fractions depend on their order
    truth = np.sum(np.all([values[measure] <= limit for measure, limit in limits.items()], axis=0))
    if listed:
        assert space.count(Budget(**limits), costs=COSTS) == Count(truth, truth, truth)
    else:
        request.getfixturevalue("unlisted")
        count = space.count(Budget(**limits), costs=COSTS)
        assert count.low <= truth <= count.high
        assert count.estimate == pytest.approx(truth, rel=0.1)


def test_weight_bytes_follow_the_precision(spaces: dict[str, SearchSpace]) -> None:
    params = known_costs(spaces["tiny"])["params"]
    budget = Budget(weight_bytes=float(2 * np.median(params)), params=float(params.max()))
    assert spaces["tiny"].count(budget, precision="fp16").low == np.sum(params <= np.median(params))
    assert spaces["tiny"].count(budget, precision="int8").low == np.sum(params <= 2 * np.median(params))


# --- drawing --------------------------------------------------------------------------------------


def test_draws_without_a_budget_are_choices_at_random(spaces: dict[str, SearchSpace]) -> None:
    space = spaces["separable"]
    rows = space.sample(np.random.default_rng(3), 20)
    counts = [len(variable.values) for variable in space.variables]
    assert np.array_equal(rows, np.random.default_rng(3).integers(0, counts, size=(20, len(counts)), dtype=np.int64))


@pytest.mark.parametrize("listed", [True, False])
@pytest.mark.parametrize("name", SMALL)
def test_all_networks_inside_can_be_drawn(
    spaces: dict[str, SearchSpace], name: str, listed: bool, request: pytest.FixtureRequest
) -> None:
    space = spaces[name]
    limit = float(np.quantile(known_costs(space)["macs"], 0.15))
    inside = {key for key, arch in every(space).items() if cost(arch).macs <= limit}
    if not listed:
        request.getfixturevalue("unlisted")
    rows = space.sample(np.random.default_rng(0), len(inside) + 10 * listed, Budget(macs=limit))
    assert set(drawn(space, rows)) == inside


@pytest.mark.parametrize("name", ["mobilenet_v2", *AMBIGUOUS])
def test_draws_are_distinct_inside_and_canonical(spaces: dict[str, SearchSpace], name: str) -> None:
    space = spaces[name].with_data(1, 10)
    limit = 4 * cost(cheapest(space.choices, MACS)).macs
    for evenly in (None, "macs", "params"):
        rows = space.sample(np.random.default_rng(1), 30, Budget(macs=limit), evenly=evenly)
        assert rows.dtype == np.int64
        assert rows.shape == (30, len(space.variables))
        for row, arch in zip(rows, drawn(space, rows).values(), strict=True):
            assert cost(arch).macs <= limit
            assert np.array_equal(space.genotype(arch), row)


@pytest.mark.parametrize("name", SMALL)
def test_draws_are_uniform_over_networks(spaces: dict[str, SearchSpace], name: str) -> None:
    space = spaces[name]
    values = known_costs(space)["macs"]
    low, high = np.quantile(values, [0.2, 0.5]).tolist()
    paths = histogram.table(space.choices, MACS, high).draw(np.random.default_rng(0), 40_000, low, high)
    costs = path_costs(space.choices, MACS, paths)
    kept = np.column_stack([paths.resolution, paths.terms])[(costs > low) & (costs <= high)]
    networks = Counter((row[0], *(term for term in row[1:] if term >= 0)) for row in kept.tolist())
    assert len(networks) == np.sum((values > low) & (values <= high))
    assert chisquare(list(networks.values())).pvalue > 1e-3


@pytest.mark.usefixtures("unlisted")
def test_samples_hold_each_network_equally_often(spaces: dict[str, SearchSpace]) -> None:
    space, rng = spaces["identities"], np.random.default_rng(0)
    limit = float(np.quantile(known_costs(space)["params"], 0.1))
    counts = Counter(tuple(row) for _ in range(200) for row in space.sample(rng, 10, Budget(params=limit)).tolist())
    assert len(counts) == np.sum(known_costs(space)["params"] <= limit)
    assert chisquare(list(counts.values())).pvalue > 1e-3


def test_a_spread_is_even_over_the_range(spaces: dict[str, SearchSpace]) -> None:
    space = spaces["separable"]
    low = cost(cheapest(space.choices, MACS)).macs
    rows = space.sample(np.random.default_rng(0), 109, Budget(macs=32 * low), evenly="macs")
    shares = np.histogram(np.log(macs(space, rows)), np.linspace(np.log(low), np.log(32 * low), 21))[0]
    assert shares.sum() == 109
    assert set(shares) == {5, 6}
    assert all(np.array_equal(space.genotype(space.architecture(row)), row) for row in rows)


def test_what_a_bin_lacks_goes_to_the_others(spaces: dict[str, SearchSpace]) -> None:
    space = spaces["tiny"]
    values = known_costs(space)["macs"]
    edges = np.geomspace(values.min(), values.max(), 21)
    edges[-1] = values.max()
    rows = space.sample(np.random.default_rng(0), 700, Budget(), evenly="macs")
    shares, most = (np.histogram(found, edges)[0] for found in (macs(space, rows), values))
    assert shares.sum() == 700
    short = shares < shares.max() - 2
    assert short.any()
    assert np.array_equal(shares[short], most[short])


def test_a_spread_over_a_cost_without_a_limit(spaces: dict[str, SearchSpace]) -> None:
    space, budget = spaces["mobilenet_v2"], Budget(latency_ms=40)
    rows = space.sample(np.random.default_rng(0), 100, budget, evenly="macs", costs=COSTS)
    assert all(MILLISECONDS(arch) <= 40 for arch in drawn(space, rows).values())
    plain = space.sample(np.random.default_rng(0), 100, budget, costs=COSTS)
    spread, narrow = (np.std(np.log(macs(space, found))) for found in (rows, plain))
    assert spread > 1.2 * narrow


def test_several_limits_are_all_met(spaces: dict[str, SearchSpace]) -> None:
    space = spaces["mobilenet_v2"]
    budget = Budget(macs=60e6, params=2e6, latency_ms=30)
    for evenly in (None, "latency_ms"):
        rows = space.sample(np.random.default_rng(2), 40, budget, evenly=evenly, costs=COSTS)
        assert len(rows) == 40
        for arch in drawn(space, rows).values():
            found = cost(arch)
            assert (
                budget.violation({"macs": found.macs, "params": found.params, "latency_ms": MILLISECONDS(arch)}) is None
            )


def test_a_fixed_rng_draws_the_same_in_every_process(spaces: dict[str, SearchSpace]) -> None:
    code = (
        "import json, numpy as np; from nas.spaces.load import load_space; from nas.spaces.budget import Budget\n"
        "space = load_space('mobilenet_v2')\n"
        "draw = lambda evenly: space.sample(np.random.default_rng(5), 30, Budget(macs=3e7), evenly=evenly).tolist()\n"
        "print(json.dumps([draw(None), draw('macs')]))"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for evenly, found in zip((None, "macs"), json.loads(other.stdout), strict=True):
        draws = [
            spaces["mobilenet_v2"].sample(np.random.default_rng(seed), 30, Budget(macs=3e7), evenly=evenly).tolist()
            for seed in (5, 6)
        ]
        assert draws[0] == found
        assert draws[1] != found


def test_networks_can_be_refused(spaces: dict[str, SearchSpace]) -> None:
    space = spaces["tiny"]
    known = set(list(every(space))[:1500])
    rows = space.sample(np.random.default_rng(0), 100, Budget(), accept=lambda arch: arch.key not in known)
    assert set(drawn(space, rows)) == set(every(space)) - known
    assert len(space.sample(np.random.default_rng(0), 5, Budget(), accept=lambda arch: False)) == 0


def test_few_networks_of_very_many_are_found(spaces: dict[str, SearchSpace]) -> None:
    space = spaces["separable"]
    least = cheapest(space.choices, MACS)
    rows = space.sample(np.random.default_rng(0), 100, Budget(macs=cost(least).macs))
    assert 0 < len(rows) < 10
    assert least.key in drawn(space, rows)
    rows = space.sample(np.random.default_rng(0), 100, Budget(macs=2 * cost(least).macs, params=cost(least).params))
    assert least.key in drawn(space, rows)


def test_none_are_drawn_when_none_are_asked_for(spaces: dict[str, SearchSpace]) -> None:
    assert spaces["tiny"].sample(np.random.default_rng(0), 0, Budget(macs=1e6)).shape == (0, 10)


def test_a_pickled_space_draws_the_same(spaces: dict[str, SearchSpace]) -> None:
    space = spaces["identities"]
    again = pickle.loads(pickle.dumps(space))
    rows = [s.sample(np.random.default_rng(0), 9, Budget(), evenly="macs") for s in (space, again)]
    assert rows[0].tolist() == rows[1].tolist()


# --- costs ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SMALL)
def test_the_range_of_costs_is_that_of_brute_force(spaces: dict[str, SearchSpace], name: str) -> None:
    space = spaces[name]
    for additive, measure in ((MACS, "macs"), (PARAMS, "params")):
        values = known_costs(space)[measure]
        assert getattr(cost(cheapest(space.choices, additive)), measure) == values.min()
        ends = least_cost(space.choices, additive), largest_cost(space.choices, additive)
        assert ends == (values.min(), values.max())


# --- errors ---------------------------------------------------------------------------------------


def test_an_impossible_budget_names_the_smallest(spaces: dict[str, SearchSpace]) -> None:
    message = refusal(spaces["tiny"].sample, np.random.default_rng(0), 1, Budget(macs=1000))
    assert "no network of tiny meets the budget 0.001M MACs: the smallest has 0.567M MACs (32x3 conv3/2-16" in message


def test_limits_that_can_be_met_one_at_a_time_only(spaces: dict[str, SearchSpace]) -> None:
    space = spaces["widths"]
    narrow = AdditiveCost(
        lambda layer: 1 / layer.in_channels if layer.op == "linear" else 0
    )  # least where MACs are not
    least = [least_cost(space.choices, each) for each in (MACS, narrow)]
    both, costs = Budget(macs=least[0], latency_ms=least[1]), {"latency_ms": narrow}
    assert space.count(both, costs=costs) == Count(0, 0, 0)
    assert "at once" in refusal(space.sample, np.random.default_rng(0), 1, both, costs=costs)


def test_what_drawing_cannot_find_is_an_error(spaces: dict[str, SearchSpace], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nas.spaces.networks.draw._TRIES", 1000)
    space, budget = spaces["mobilenet_v2"], Budget(macs=1e8)
    message = refusal(space.sample, np.random.default_rng(0), 3, budget, accept=lambda arch: False)
    assert "found 0 of 3 networks of mobilenet_v2 inside the budget 100M MACs in 1150 draws" in message


def test_a_measure_of_unknown_cost_is_an_error(spaces: dict[str, SearchSpace]) -> None:
    space = spaces["tiny"]
    message = "nothing says what latency_ms costs; known: macs, params, peak_activation_bytes, weight_bytes. "
    message += "Give it in costs="
    assert refusal(space.count, Budget(latency_ms=3)) == message
    assert refusal(space.sample, np.random.default_rng(0), 1, evenly="latency_ms") == message
    with pytest.raises(ConfigError, match="unknown precision 'int4'"):
        space.count(Budget(macs=1e6), precision="int4")
