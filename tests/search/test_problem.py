"""What a search looks for: objectives, the costs of candidates, budgets, the reference point."""

import json
from pathlib import Path

import numpy as np
import pytest

from nas.errors import BudgetError, ConfigError, ProfileError
from nas.latency.predictor import latency
from nas.latency.profile import load_profile
from nas.measures import MEASURES
from nas.problem import Problem, reference_point
from nas.resources import data_dir
from nas.spaces.budget import Budget
from nas.spaces.cost import cost
from nas.spaces.load import load_space
from tests.helpers.search import (
    TINY,
    problem,
    tiny_measures,
)

# Two networks: one has fewer MACs, the other fewer parameters.
RIVALS = """
resolution: 16
downsample: 2
stem: {op: conv, kernel: 3, stride: 1, out_channels: 32}
stages:
  - blocks:
      - {op: conv, kernel: 3}
      - {op: mbconv, kernel: 3, expansion: 2}
    out_channels: 16
    stride: 2
"""


@pytest.mark.parametrize(
    ("objectives", "message"),
    [
        (("accuracy", "speed"), "unknown objective 'speed'; known: accuracy, energy, latency, macs, memory, params"),
        (("latency", "macs"), r"accuracy must be one of the objectives, got \['latency', 'macs'\]"),
        (("accuracy", "macs", "macs"), "an objective is listed twice"),
    ],
)
def test_objectives_are_checked(objectives: tuple[str, ...], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        problem(objectives=objectives)


def test_objectives_keep_their_order() -> None:
    mixed = problem(objectives=("macs", "accuracy", "memory"))
    assert mixed.directions == ["minimize", "maximize", "minimize"]
    assert mixed.cost_objectives == ("macs", "memory")
    assert mixed.values({"accuracy": 0.5, "macs": 7, "peak_activation_bytes": 9, "params": 1}) == [7, 0.5, 9]


@pytest.mark.parametrize("configuration", ["1large_fp32", "1large_int8"])
def test_a_candidate_has_the_costs_and_the_latency_of_its_network(configuration: str) -> None:
    profile = load_profile(f"pixel4:{configuration}")
    wanted = Problem(TINY, profile, Budget())
    for row in TINY.sample(np.random.default_rng(0), 10):
        arch = TINY.architecture(row)
        candidate, costs, predicted = wanted.candidate(arch), cost(arch, profile.precision), latency(arch, profile)
        assert (candidate.key, candidate.notation, candidate.architecture) == (arch.key, arch.notation, arch)
        for name in ("macs", "params", "weight_bytes", "peak_activation_bytes"):
            assert candidate.figures[name] == getattr(costs, name)
        found = tuple(
            candidate.figures[name] for name in ("latency_ms", "latency_low_ms", "latency_high_ms", "in_range")
        )
        assert found == (predicted.ms, predicted.low, predicted.high, predicted.in_range)
        assert "architecture" not in candidate.measures()
        json.dumps(candidate.measures())


def test_excess_is_the_worst_of_the_limits() -> None:
    arch = TINY.architecture(TINY.sample(np.random.default_rng(0), 1)[0])
    known = cost(arch)
    limited = problem(Budget(macs=2 * known.macs, params=known.params / 3))
    assert limited.excess(arch) == pytest.approx(3)
    assert problem().excess(arch) == 0


def test_an_impossible_budget_names_the_smallest_network() -> None:
    smallest = min(measures["macs"] for measures in tiny_measures().values())
    with pytest.raises(BudgetError) as caught:
        problem(Budget.parse(["1k", "1Mparams"])).require_feasible()
    message = str(caught.value)
    assert "no network of tiny meets the budget 0.001M MACs, 1M params" in message
    assert f"the smallest has {smallest / 1e6:.4g}M MACs" in message
    assert "Raise the budget" in message
    problem(Budget(macs=smallest)).require_feasible()


def test_limits_that_cannot_be_met_together_are_found_at_once(tmp_path: Path) -> None:
    (tmp_path / "rivals.yaml").write_text(RIVALS)
    space = load_space(tmp_path / "rivals.yaml").with_data(1, 10)
    plain, inverted = (cost(space.architecture(row)) for row in space.genotypes())
    assert plain.macs < inverted.macs
    assert plain.params > inverted.params
    problem(Budget(macs=plain.macs, params=plain.params), space=space).require_feasible()
    with pytest.raises(BudgetError, match=r"no network of rivals meets all of the budget .* at once"):
        problem(Budget(macs=plain.macs, params=inverted.params), space=space).require_feasible()


@pytest.mark.parametrize("budget", [Budget(), Budget.parse("1M"), Budget.parse(["1M", "0.64ms"])])
def test_the_networks_inside_the_budget_are_counted(budget: Budget) -> None:
    limits = budget.limits.items()
    fit = [m for m in tiny_measures().values() if all(m[measure] <= limit for measure, limit in limits)]
    inside, every = problem(budget).networks()
    assert (inside.low, inside.estimate, inside.high, every) == (len(fit), len(fit), len(fit), len(tiny_measures()))


def test_an_activation_that_was_never_measured_is_found_at_once(tmp_path: Path) -> None:
    text = (data_dir("search_spaces") / "tiny.yaml").read_text()
    (tmp_path / "space.yaml").write_text(
        text.replace("{op: mbconv, kernel: 3,", "{op: mbconv, activation: [relu6, elu], kernel: 3,")
    )
    with pytest.raises(ProfileError, match="elu"):
        problem(space=load_space(str(tmp_path / "space.yaml"))).require_feasible()


@pytest.mark.parametrize(("name", "budget"), [("tiny", "395k"), ("separable", "8M")])
def test_networks_are_drawn_where_under_one_percent_are_inside(name: str, budget: str) -> None:
    space = load_space(name).with_data(1, 10)
    wanted = problem(Budget.parse(budget), space=space)
    assert wanted.inside(space.sample(np.random.default_rng(1), 1000)).sum() < 10
    rows = wanted.draw(np.random.default_rng(0), 4)
    networks = [space.architecture(row) for row in rows]
    assert len({arch.key for arch in networks}) == 4
    assert all(cost(arch).macs <= wanted.budget.limits["macs"] for arch in networks)


def test_drawing_takes_only_what_is_accepted() -> None:
    wanted = problem()
    chosen = TINY.architecture(TINY.sample(np.random.default_rng(5), 1)[0]).key
    rows = wanted.draw(np.random.default_rng(0), 3, lambda arch: arch.key == chosen)
    assert [TINY.architecture(row).key for row in rows] == [chosen]
    assert len(wanted.draw(np.random.default_rng(0), 3, lambda arch: False)) == 0


def test_reference_point_is_the_budget_or_the_largest_network_inside() -> None:
    limited = problem(Budget.parse(["1M", "0.7ms"]), objectives=("accuracy", "latency", "macs", "params", "memory"))
    point = reference_point(limited, chance=0.1)
    assert (point["accuracy"], point["macs"], point["latency"]) == (0.1, 1e6, 0.7)
    inside = [m for m in tiny_measures().values() if limited.budget.violation(m) is None]
    for name in ("params", "memory"):
        values = [m[MEASURES[name].field] for m in inside]
        assert point[name] in values
        assert point[name] > np.median(values)
    assert reference_point(limited, chance=0.1) == point
