"""The search without training: problem, fronts, samplers, loop, study, executors, what confirmation says."""

import json
import math
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import combinations, pairwise, product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import optuna
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from optuna.samplers import BaseSampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState
from scipy.stats import kendalltau

from nas.errors import BudgetError, ConfigError, ProfileError, RunError
from nas.latency.predictor import latency
from nas.latency.profile import load_profile
from nas.measures import MEASURES
from nas.problem import Problem, reference_point
from nas.proxies.base import Evaluation
from nas.report.terminal import Silent
from nas.resources import data_dir
from nas.search import loop
from nas.search.compose import write_trials
from nas.search.confirm.candidates import Bench, confirm_candidates
from nas.search.confirm.export import Exported
from nas.search.confirm.files import judge, publish
from nas.search.executors.base import Executor
from nas.search.executors.inline import InlineExecutor
from nas.search.fidelity import fidelity_warnings, proxy_fidelity, rank_fidelity
from nas.search.front import hypervolume, hypervolume_history, nondominated, ranks, spread
from nas.search.loop import ALL_FAILED, SearchFailed, search
from nas.search.random_search import drawn_without_model
from nas.search.record.jobs import evaluate_once
from nas.search.record.study import COLUMNS, load_journal, lock, open_study, rows
from nas.search.rungs import Ladder, Rung
from nas.search.samplers.distinct import SAMPLERS, STUCK, DistinctSampler, decode, distributions, make_sampler
from nas.spaces.architecture import Architecture
from nas.spaces.baselines import baseline
from nas.spaces.budget import Budget
from nas.spaces.cost import cost
from nas.spaces.load import load_space
from nas.spaces.space import SearchSpace
from nas.training.divergence import Diverged
from nas.training.long import Judged, Trained, hexadecimal

NEVER_OVER = ("pareto",)
"""Samplers that know the budget, and so propose nothing beyond it."""

OPTIONS: dict[str, dict[str, Any]] = {
    path.stem: {key: value for key, value in yaml.safe_load(path.read_text()).items() if key != "name"}
    for path in (data_dir("conf") / "sampler").glob("*.yaml")
}
PIXEL4 = load_profile("pixel4")
TINY = load_space("tiny").with_data(1, 10)
TIGHT = Budget.parse("395k")  # 8 of tiny's 1,536 networks meet it
REFERENCE = {"accuracy": 0.1, "latency": 2.0, "macs": 1e7, "params": 1e6, "memory": 1e6}

# 16 genotypes of 12 networks: without the second block its kernel has no effect.
TWELVE = """
resolution: 16
downsample: 2
stages:
  - {op: mbconv, kernel: [3, 5], expansion: 2, out_channels: [8, 16], depth: [1, 2], stride: 2, per_block: [kernel]}
"""

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


@pytest.fixture
def twelve(tmp_path: Path) -> SearchSpace:
    path = tmp_path / "twelve.yaml"
    path.write_text(TWELVE)
    return load_space(path).with_data(1, 10)


def problem(budget: Budget | None = None, objectives: Any = ("accuracy", "latency"), space: Any = TINY) -> Problem:
    return Problem(space, PIXEL4, budget or Budget(), tuple(objectives))


def evaluate(arch: Architecture) -> Evaluation:
    """A made-up accuracy that depends on the network alone."""
    share = 0.2 + 0.7 * int(arch.key[:8], 16) / 16**8
    return Evaluation(share, share - 0.05, share + 0.05, "short", 1.5, 1, arch.resolution)


class Counting:
    """`evaluate` that notes what it was asked, and fails where it is told to."""

    def __init__(self, fail: Callable[[int], BaseException | None] = lambda call: None) -> None:
        self.asked: list[str] = []
        self._fail = fail

    def __call__(self, arch: Architecture) -> Evaluation:
        self.asked.append(arch.key)
        error = self._fail(len(self.asked) - 1)
        if error is not None:
            raise error
        return evaluate(arch)


def in_memory(wanted: Problem) -> Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(directions=list(wanted.directions))


def go(
    wanted: Problem,
    study: Study,
    name: str = "random",
    *,
    trials: int,
    seed: int = 0,
    evaluator: Callable[[Architecture], Evaluation] = evaluate,
    executor: Executor | None = None,
    time_limit: float | None = None,
    observer: Any = None,
    start: Sequence[Architecture] = (),
) -> list[dict[str, Any]]:
    """Search until `trials` are done; the rows of the study."""
    search(
        wanted,
        Ladder((Rung("short", evaluator),)),
        study,
        make_sampler(wanted, name, OPTIONS[name], seed),
        executor or InlineExecutor(),
        trials=trials,
        reference={name: REFERENCE[name] for name in wanted.objectives},
        observer=observer or Silent(),
        time_limit=time_limit,
        start=start,
    )
    return rows(study)


def keys(found: list[dict[str, Any]], *states: str) -> list[str]:
    return [row["key"] for row in found if not states or row["state"] in states]


@lru_cache
def tiny_measures() -> dict[str, dict[str, Any]]:
    """What every network of tiny costs, by key."""
    candidates = [problem().candidate(TINY.architecture(row)) for row in TINY.genotypes()]
    return {candidate.key: candidate.measures() for candidate in candidates}


# --- problem --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("objectives", "message"),
    [
        (("accuracy", "speed"), "unknown objective 'speed'; known: accuracy, latency, macs, memory, params"),
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
            assert getattr(candidate, name) == getattr(costs, name)
        found = (candidate.latency_ms, candidate.latency_low_ms, candidate.latency_high_ms, candidate.in_range)
        assert found == (predicted.ms, predicted.low, predicted.high, predicted.in_range)
        assert "architecture" not in candidate.measures()
        json.dumps(candidate.measures())


def test_excess_is_the_worst_of_the_limits() -> None:
    arch = TINY.architecture(TINY.sample(np.random.default_rng(0), 1)[0])
    known = problem().candidate(arch)
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


# --- fronts ---------------------------------------------------------------------------------------

DIRECTIONS = ("maximize", "minimize")


@st.composite
def clouds(draw: st.DrawFn, most: int = 8) -> tuple[list[list[float]], list[str]]:
    """Points on a coarse grid, so that ties and equal points are common, and a direction for each column."""
    columns = draw(st.integers(1, 4))
    value = st.integers(0, 4).map(float)
    points = draw(st.lists(st.lists(value, min_size=columns, max_size=columns), min_size=1, max_size=most))
    return points, draw(st.lists(st.sampled_from(DIRECTIONS), min_size=columns, max_size=columns))


def better(a: list[float], b: list[float], directions: list[str]) -> bool:
    """Whether `a` dominates `b`: as good everywhere, and better somewhere."""
    signs = [1 if direction == "maximize" else -1 for direction in directions]
    gains = [sign * (x - y) for sign, x, y in zip(signs, a, b, strict=True)]
    return min(gains) >= 0 and max(gains) > 0


@given(clouds())
def test_nondominated_equals_brute_force(cloud: tuple[list[list[float]], list[str]]) -> None:
    points, directions = cloud
    expected = [
        index
        for index, point in enumerate(points)
        if not any(better(other, point, directions) for other in points) and point not in points[:index]
    ]
    assert nondominated(points, directions) == expected


@given(clouds())
def test_ranks_equal_brute_force(cloud: tuple[list[list[float]], list[str]]) -> None:
    points, directions = cloud
    left, expected, rank = set(range(len(points))), [-1] * len(points), 0
    while left:
        front = {i for i in left if not any(better(points[j], points[i], directions) for j in left)}
        for index in front:
            expected[index] = rank
        left, rank = left - front, rank + 1
    assert ranks(points, directions) == expected


def test_an_empty_front() -> None:
    assert nondominated([], ["maximize"]) == ranks([], ["maximize"]) == []
    assert hypervolume([], ("accuracy", "macs"), REFERENCE) == 0


@given(st.data(), st.sampled_from([("accuracy",), ("accuracy", "macs"), ("latency", "accuracy", "memory")]))
def test_hypervolume_equals_inclusion_and_exclusion(data: st.DataObject, objectives: tuple[str, ...]) -> None:
    share = st.floats(0, 1.2)
    points = data.draw(st.lists(st.tuples(*[share] * len(objectives)), max_size=5))
    scaled = [
        [1 - p if name == "accuracy" else p * REFERENCE[name] for name, p in zip(objectives, point, strict=True)]
        for point in points
    ]  # p is the loss where the reference accuracy is 0
    losses = [point for point in points if max(point) < 1]
    expected = 0.0
    for size in range(1, len(losses) + 1):
        for some in combinations(losses, size):
            expected -= (-1) ** size * math.prod(1 - max(column) for column in zip(*some, strict=True))
    assert hypervolume(scaled, objectives, {**REFERENCE, "accuracy": 0}) == pytest.approx(expected, abs=1e-9)


def test_hypervolume_by_hand() -> None:
    reference = {"accuracy": 0.5, "latency": 10.0}
    assert hypervolume([[0.75, 5]], ("accuracy", "latency"), reference) == pytest.approx(0.25)
    assert hypervolume([[0.75, 5], [1.0, 8]], ("accuracy", "latency"), reference) == pytest.approx(0.25 + 0.2 * 0.5 + 0)
    assert hypervolume([[0.5, 1], [0.9, 10]], ("accuracy", "latency"), reference) == 0


def test_hypervolume_history_never_falls_and_ends_at_the_whole() -> None:
    rng = np.random.default_rng(0)
    points = np.stack([rng.random(30), 2 * rng.random(30)], axis=1).tolist()
    history = hypervolume_history(points, ("accuracy", "latency"), REFERENCE)
    assert len(history) == 30
    assert all(a <= b for a, b in pairwise(history))
    assert history[-1] == hypervolume(points, ("accuracy", "latency"), REFERENCE) > history[0]


@given(clouds(), st.integers(1, 10))
def test_spread_takes_front_after_front(cloud: tuple[list[list[float]], list[str]], n: int) -> None:
    points, directions = cloud
    chosen = spread(points, directions, n)
    assert len(chosen) == len(set(chosen)) == min(n, len(points))
    order = [ranks(points, directions)[index] for index in chosen]
    assert order == sorted(order)
    for rank in set(order) - {max(order)}:  # only the last front may be cut
        assert order.count(rank) == ranks(points, directions).count(rank)


def test_spread_takes_ends_and_middle_before_neighbours() -> None:
    points = [[0.1, 1], [0.5, 3], [0.51, 3.1], [0.52, 3.2], [0.9, 9], [0.2, 8]]
    chosen = spread(points, ["maximize", "minimize"], 3)
    assert len({0, 4} & set(chosen)) == 2
    assert len({1, 2, 3} & set(chosen)) == 1


# --- samplers -------------------------------------------------------------------------------------


def test_every_sampler_has_its_options_in_conf() -> None:
    assert set(OPTIONS) == set(SAMPLERS)


def test_ordered_choices_are_integers_and_others_categories() -> None:
    found = distributions(TINY)
    assert list(found) == [variable.name for variable in TINY.variables]
    for variable in TINY.variables:
        distribution = found[variable.name]
        kind = (
            optuna.distributions.IntDistribution if variable.ordered else optuna.distributions.CategoricalDistribution
        )
        assert isinstance(distribution, kind)
        assert all(distribution._contains(float(index)) for index in range(len(variable.values)))
        assert not distribution.single()


@pytest.mark.parametrize(
    ("name", "options"),
    [("tpe", {"startup": "many"}), ("nsga2", {"population": 1}), ("random", {"colour": 3}), ("tpe", {})],
)
def test_wrong_options_are_the_users_error(name: str, options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"sampler={name}"):
        make_sampler(problem(), name, options, 0)


@pytest.mark.parametrize("name", SAMPLERS)
class TestEverySampler:
    """What holds for any sampler that is added to `SAMPLERS`."""

    def test_no_network_twice_and_every_parameter_inside(self, name: str) -> None:
        study = in_memory(problem())
        found = go(problem(), study, name, trials=60)
        assert [row["state"] for row in found] == ["complete"] * 60
        assert len(set(keys(found))) == 60
        assert set(keys(found)) <= set(tiny_measures())
        for trial in study.trials:
            assert trial.distributions == distributions(TINY)
            assert decode(TINY, trial.params).key == trial.user_attrs["key"]

    def test_a_small_space_is_searched_whole_and_no_further(self, name: str, twelve: SearchSpace) -> None:
        every = {twelve.architecture(row).key for row in twelve.genotypes()}
        assert (len(every), twelve.size) == (12, 16)
        found = go(problem(space=twelve), in_memory(problem()), name, trials=100)
        assert sorted(keys(found, "complete")) == sorted(every)
        assert len(found) == 12

    def test_a_small_space_and_a_budget(self, name: str, twelve: SearchSpace) -> None:
        costs = {arch.key: cost(arch).macs for arch in map(twelve.architecture, twelve.genotypes())}
        limit = sorted(costs.values())[3]
        wanted = problem(Budget(macs=limit), space=twelve)
        found = go(wanted, in_memory(wanted), name, trials=100)
        assert set(keys(found, "complete")) == {key for key, macs in costs.items() if macs <= limit}
        assert len(keys(found)) == len(set(keys(found)))

    def test_same_seed_same_proposals_other_seed_others(self, name: str) -> None:
        first, again, other = (
            keys(go(problem(), in_memory(problem()), name, trials=20, seed=seed)) for seed in (3, 3, 4)
        )
        assert first == again
        assert first != other

    def test_a_resumed_search_goes_on_as_an_unbroken_one(self, name: str, tmp_path: Path) -> None:
        wanted = problem(Budget.parse("1M"))
        unbroken = go(wanted, in_memory(wanted), name, trials=14)
        go(wanted, open_study(tmp_path, None, wanted.directions, {}), name, trials=11)
        resumed = go(wanted, open_study(tmp_path, None, wanted.directions, {}), name, trials=14)
        assert resumed == unbroken
        assert ("rejected" in {row["state"] for row in unbroken}) == (name not in NEVER_OVER)

    def test_a_killed_search_goes_on_as_an_unbroken_one(self, name: str, tmp_path: Path) -> None:
        unbroken = go(problem(), in_memory(problem()), name, trials=13)
        killed = Counting(lambda call: KeyboardInterrupt() if call == 11 else None)
        with pytest.raises(KeyboardInterrupt):
            go(problem(), open_study(tmp_path, None, problem().directions, {}), name, trials=13, evaluator=killed)
        after = Counting()
        study = open_study(tmp_path, None, problem().directions, {})
        assert [trial.state for trial in study.trials].count(TrialState.RUNNING) == 1
        assert go(problem(), study, name, trials=13, evaluator=after) == unbroken
        assert after.asked == killed.asked[-1:] + [row["key"] for row in unbroken[12:]]

    def test_the_budget_holds_for_all_that_is_evaluated(self, name: str) -> None:
        wanted = problem(Budget.parse(["1M", "0.64ms"]))
        counting = Counting()
        found = go(wanted, in_memory(wanted), name, trials=25, evaluator=counting)
        inside = {key for key, m in tiny_measures().items() if m["macs"] <= 1e6 and m["latency_ms"] <= 0.64}
        assert keys(found, "complete") == counting.asked
        assert len(counting.asked) == 25
        assert set(counting.asked) <= inside
        assert not inside & set(keys(found, "rejected"))
        rejected = [row for row in found if row["state"] == "rejected"]
        assert bool(rejected) == (name not in NEVER_OVER)
        for row in rejected:
            assert "over 1M MACs" in row["error"] or "over 0.64 ms" in row["error"]
            assert row["accuracy"] is None
            assert row["macs"] == tiny_measures()[row["key"]]["macs"]

    def test_a_tight_budget_ends(self, name: str) -> None:
        inside = {key for key, measures in tiny_measures().items() if measures["macs"] <= 395e3}
        assert len(inside) == 8
        wanted = problem(TIGHT)
        found = go(wanted, in_memory(wanted), name, trials=5)
        assert len(set(keys(found, "complete"))) == 5
        assert set(keys(found, "complete")) <= inside
        assert len(found) <= 5 * (STUCK + 1)

    @pytest.mark.parametrize("objectives", [("accuracy",), ("accuracy", "latency", "macs", "params", "memory")])
    def test_one_objective_and_many(self, name: str, objectives: tuple[str, ...]) -> None:
        wanted = problem(Budget.parse("2M"), objectives)
        study = in_memory(wanted)
        found = go(wanted, study, name, trials=20)
        assert len(set(keys(found, "complete"))) == 20
        complete = study.get_trials(states=(TrialState.COMPLETE,))
        for trial in complete:
            row = found[trial.number]
            assert trial.values == [row[MEASURES[objective].field] for objective in objectives]
        front = {complete[i].number for i in nondominated([t.values for t in complete], wanted.directions)}
        assert front == {trial.number for trial in study.best_trials}


@pytest.mark.parametrize(
    ("name", "first", "how"), [("nsga2", 12, "random"), ("tpe", 10, "random"), ("pareto", 6, "start")]
)
def test_proposals_note_how_they_were_drawn(name: str, first: int, how: str, tmp_path: Path) -> None:
    study = open_study(tmp_path, None, problem().directions, {})
    go(problem(), study, name, trials=first + 4)
    notes = [trial.user_attrs["drawn"] for trial in study.trials]
    assert notes[:first] == first * [how]
    assert "model" in notes[first:]
    assert set(notes[first:]) <= {"model", "random"}  # random instead of a network that is known


def test_what_is_drawn_instead_of_a_repeat_is_random_and_what_was_given_is_not_drawn() -> None:
    class Stubborn(BaseSampler):  # type: ignore[misc]
        """Proposes one and the same network."""

        def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, Any]:
            return {}

        def sample_relative(self, study: Study, trial: FrozenTrial, search_space: Any) -> dict[str, Any]:
            return dict.fromkeys(distributions(TINY), 0)

        def sample_independent(self, *args: Any) -> Any:
            raise NotImplementedError

    study = in_memory(problem())
    study.sampler = DistinctSampler(problem(), lambda seed: Stubborn(), 0)
    study.enqueue_trial(dict.fromkeys(distributions(TINY), 1))
    networks = []
    for _ in range(4):
        trial = study.ask(distributions(TINY))
        networks.append(decode(TINY, trial.params).key)
        trial.set_user_attr("key", networks[-1])
        study.tell(trial, [0.5, 1.0])
    assert [trial.user_attrs.get("drawn") for trial in study.trials] == [None, "model", "random", "random"]
    assert len(set(networks)) == 4


# --- the loop -------------------------------------------------------------------------------------


def test_a_failed_evaluation_is_a_failed_trial_and_the_search_goes_on() -> None:
    errors = {1: ValueError("two\n  lines"), 3: Diverged("the training loss became nan in epoch 1, batch 2")}
    found = go(problem(), in_memory(problem()), trials=6, evaluator=Counting(errors.get))
    assert [row["state"] for row in found] == ["complete", "failed", "complete", "failed", "complete", "complete"]
    assert found[1]["error"] == "ValueError: two lines"
    assert found[3]["error"] == "Diverged: the training loss became nan in epoch 1, batch 2"
    assert found[1]["accuracy"] is None
    assert found[1]["macs"] == tiny_measures()[found[1]["key"]]["macs"]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_an_accuracy_that_is_no_number_is_a_failed_trial(value: float) -> None:
    def broken(arch: Architecture) -> Evaluation:
        return Evaluation(value, 0, 1, "short", 1, 1, 32)

    observed = Silent()
    study = in_memory(problem())
    with pytest.raises(SearchFailed):
        go(problem(), study, trials=ALL_FAILED, evaluator=broken, observer=observed)
    assert {row["state"] for row in rows(study)} == {"failed"}
    assert all("accuracy" in row["error"] and str(value) in row["error"] for row in rows(study))
    assert all(row["accuracy"] is None for row in rows(study))


def test_a_search_in_which_everything_fails_stops() -> None:
    study, counting = in_memory(problem()), Counting(lambda call: OSError(f"no space left {call}"))
    with pytest.raises(SearchFailed, match=f"the first {ALL_FAILED} evaluations all failed.*no space left"):
        go(problem(), study, trials=50, evaluator=counting)
    assert len(counting.asked) == ALL_FAILED
    assert len(keys(rows(study), "failed")) == ALL_FAILED


def test_one_success_among_failures_keeps_the_search_going() -> None:
    counting = Counting(lambda call: None if call == 4 else OSError("no"))
    assert len(keys(go(problem(), in_memory(problem()), trials=30, evaluator=counting), "failed")) == 29


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_search_begins_with_the_networks_it_is_given(name: str, tmp_path: Path) -> None:
    start = [TINY.architecture(row) for row in TINY.sample(np.random.default_rng(9), 3)]
    wanted = problem()
    study = open_study(tmp_path, None, wanted.directions, {})
    found = go(wanted, study, name, trials=2, start=start)
    found = go(wanted, open_study(tmp_path, None, wanted.directions, {}), name, trials=20, start=start)
    assert keys(found)[:3] == [arch.key for arch in start]
    assert len(set(keys(found))) == 20


def test_a_given_network_over_the_budget_is_rejected_like_any_other() -> None:
    start = [TINY.smallest(lambda arch: -cost(arch).macs)]
    found = go(problem(Budget.parse("1M")), in_memory(problem()), trials=2, start=start)
    assert (found[0]["key"], found[0]["state"]) == (start[0].key, "rejected")


def test_the_default_space_holds_both_mobilenets() -> None:
    space = load_space("separable").with_data(1, 10)
    for family, width in product(("mobilenet_v1", "mobilenet_v2"), space.width):
        assert space.contains(baseline(f"{family}_w{width:g}", 1, 10))


def test_time_limit_begins_no_further_evaluation(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: clock[0]))

    def slow(arch: Architecture) -> Evaluation:
        clock[0] += 10
        return evaluate(arch)

    study = in_memory(problem())
    assert len(go(problem(), study, trials=50, evaluator=slow, time_limit=25)) == 3  # begun at 0, 10 and 20 s
    assert len(go(problem(), study, trials=50, evaluator=slow, time_limit=5)) == 4  # a resumed run has its own limit


@pytest.mark.parametrize("known", [True, False])
def test_what_a_dead_process_was_evaluating_is_done_under_its_number(known: bool, tmp_path: Path) -> None:
    wanted = problem(Budget.parse("3M"))
    study = open_study(tmp_path, None, wanted.directions, {})
    finished = go(wanted, study, trials=4)
    trial = study.ask(distributions(TINY))
    if known:  # else it died before it wrote what the network costs
        loop._is_inside(wanted, study, trial)
    arch = decode(TINY, trial.params)
    study = open_study(tmp_path, None, wanted.directions, {})
    counting = Counting()
    found = go(wanted, study, trials=len(keys(finished, "complete")) + 2, evaluator=counting)
    assert found[: len(finished)] == finished
    assert counting.asked[0] == arch.key
    assert (found[trial.number]["key"], found[trial.number]["state"]) == (arch.key, "complete")
    assert len(counting.asked) == 2
    assert not set(counting.asked) & set(keys(finished))


def test_a_trial_without_parameters_is_closed(tmp_path: Path) -> None:
    study = open_study(tmp_path, None, problem().directions, {})
    study.ask()  # as when the process dies inside the sampler
    found = go(problem(), open_study(tmp_path, None, problem().directions, {}), trials=3)
    assert [row["state"] for row in found] == ["complete"] * 3
    assert [row["number"] for row in found] == [1, 2, 3]
    assert load_journal(tmp_path).trials[0].state == TrialState.FAIL


def test_nothing_is_left_running_when_the_space_is_exhausted(twelve: SearchSpace) -> None:
    study = in_memory(problem())
    go(problem(space=twelve), study, trials=100)
    assert not study.get_trials(states=(TrialState.RUNNING,))


class TwoAtOnce:
    """An executor of two threads that checks how it is used."""

    slots = 2

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(4)
        self._running: list[Future[Any]] = []
        self.most = 0

    def submit(self, function: Callable[..., Any], *args: Any) -> Future[Any]:
        self._running = [future for future in self._running if not future.done()]
        future = self._pool.submit(function, *args)
        self._running.append(future)
        self.most = max(self.most, len(self._running))
        return future

    def close(self) -> None:
        self._pool.shutdown()


@pytest.mark.parametrize("name", SAMPLERS)
def test_two_at_once_and_still_nothing_twice(name: str, twelve: SearchSpace) -> None:
    executor = TwoAtOnce()

    def slow(arch: Architecture) -> Evaluation:
        time.sleep(0.02)  # so that the other slot is filled meanwhile
        return evaluate(arch)

    found = go(problem(space=twelve), in_memory(problem()), name, trials=100, evaluator=slow, executor=executor)
    executor.close()
    assert executor.most == 2
    assert len(found) == len(set(keys(found, "complete"))) == 12


def test_observer_is_told_of_every_finished_trial() -> None:
    told: list[tuple[dict[str, Any], int, float, float]] = []

    class Observer:
        def trial(self, row: dict[str, Any], *, front_size: int, hypervolume: float, best: float) -> None:
            told.append((row, front_size, hypervolume, best))

    wanted = problem(Budget.parse("1M"))
    counting = Counting(lambda call: ValueError("no") if call == 2 else None)
    found = go(wanted, in_memory(wanted), trials=8, evaluator=counting, observer=Observer())
    assert [row for row, *_ in told] == [row for row in found if row["state"] in ("complete", "failed")]
    complete = [row for row in found if row["state"] == "complete"]
    points = [wanted.values(row) for row in complete]
    last = (len(nondominated(points, wanted.directions)), hypervolume(points, wanted.objectives, REFERENCE))
    assert told[-1][1:] == (*last, max(row["accuracy"] for row in complete))


@dataclass(frozen=True)
class Squared:
    value: int


def test_jobs_beside_the_trials_are_done_once(tmp_path: Path) -> None:
    asked: list[int] = []

    class Counted(Silent):
        told: list[tuple[Any, ...]]

        def stage(self, *what: Any) -> None:
            self.told = [what]

        def advance(self) -> None:
            self.told.append(())

    def square(value: int) -> Squared:
        asked.append(value)
        if value < 0:
            raise ValueError("below zero")
        return Squared(value**2)

    study = open_study(tmp_path, None, ["maximize"], {})
    jobs = {"job:2": (square, 2), "job:-1": (square, -1)}
    display = Counted()
    results = evaluate_once(study, InlineExecutor(), jobs, display, "squares")
    assert display.told == [("squares", 2), (), ()]
    assert results == {"job:2": {"value": 4}, "job:-1": {"error": "ValueError: below zero"}}
    again = evaluate_once(load_journal(tmp_path), InlineExecutor(), {**jobs, "job:3": (square, 3)}, display, "more")
    assert display.told == [("more", 1), ()]
    assert evaluate_once(load_journal(tmp_path), InlineExecutor(), jobs, display, "none") == results
    assert display.told == [("more", 1), ()]
    assert again == {**results, "job:3": {"value": 9}}
    assert asked == [2, -1, 3]


@dataclass
class FakeTraining:
    """Stands for `LongTraining`: accuracies that depend on network and seed, on 200 images; notes what it was asked."""

    spread: float = 0.0
    fail: Callable[[str, int], bool] = lambda key, seed: False
    digest: str = "r"
    asked: list[tuple[str, int]] = field(default_factory=list)

    def __call__(self, arch: Architecture, seed: int) -> Trained:
        self.asked.append((arch.key, seed))
        if self.fail(arch.key, seed):
            raise Diverged("the training loss became nan")
        rng = np.random.default_rng([int(arch.key[:8], 16), seed])
        share = evaluate(arch).accuracy + self.spread * rng.standard_normal()
        right = np.arange(200) < round(200 * share)
        return Trained(seed, float(right.mean()), hexadecimal(right), 200, 16, 1.0)

    def test(self, arch: Architecture, seed: int) -> Judged:
        self.asked.append((arch.key, -seed))
        return Judged((50 + seed) / 100, 100)


def confirming(
    study: Study,
    training: FakeTraining,
    *,
    slots: int = 1,
    wanted: Problem | None = None,
    compared: Iterable[Any] = (),
    **changes: int,
) -> dict[str, Any]:
    """`confirm_candidates` of `study`; 4 networks with 2 seeds if not told otherwise."""
    settings = SimpleNamespace(**{"networks": 4, "members": 1, "seeds": 2, "extra": 0} | changes)
    executor = SimpleNamespace(slots=slots, submit=InlineExecutor().submit)
    bench = Bench(study, executor, Silent())  # type: ignore[arg-type]
    return confirm_candidates(  # type: ignore[arg-type]
        wanted or problem(), training, bench, settings, first_seed=7, compared=compared
    )


def test_confirmation_trains_each_network_once_per_seed() -> None:
    study, training = in_memory(problem()), FakeTraining()
    go(problem(), study, trials=10)
    first = confirming(study, training)
    assert training.asked == [(key, seed) for key in first for seed in (7, 8)]
    for key, (arch, records) in first.items():
        assert arch.key == key
        assert [record["seed"] for record in records] == [7, 8]
    again = FakeTraining()
    assert confirming(study, again) == first
    assert again.asked == []
    more = confirming(study, again, seeds=3)  # a third seed leaves the other two as they are
    assert again.asked == [(key, 9) for key in first]
    assert {key: records[:2] for key, (_, records) in more.items()} == {k: r for k, (_, r) in first.items()}


def test_networks_trained_to_compare_with_are_confirmed_where_they_are_on_the_front() -> None:
    study = in_memory(problem())
    found = go(problem(), study, trials=20)
    first = confirming(study, FakeTraining(), networks=2)
    others = [row for row in found if row["key"] not in first]
    cheap, dear = (pick(others, key=lambda row: row["latency_ms"])["key"] for pick in (min, max))
    networks = {
        key: decode(problem().space, study.trials[row["number"]].params) for row in found if (key := row["key"])
    }
    stranger = baseline("mobilenet_v1_w0.25_r32", 1, 10)

    def trained(arch: Architecture, val: float) -> tuple[Architecture, list[dict[str, Any]]]:
        return arch, [{"val": val, "seed": 7}]

    training = FakeTraining()
    compared = [trained(networks[cheap], 0.999), trained(networks[dear], 0.001), trained(stranger, 1.0)]
    chosen = confirming(study, training, networks=2, compared=compared)
    assert list(chosen) == [*first, cheap]  # neither what is beaten nor what the search does not know
    assert training.asked == [(cheap, 7), (cheap, 8)]


def test_confirmation_takes_the_front_first_and_goes_on_while_members_are_missing() -> None:
    study = in_memory(problem())
    found = go(problem(), study, trials=30)
    front = {found[index]["key"] for index in nondominated([problem().values(r) for r in found], problem().directions)}
    for networks, members, count in (
        (len(front), 1, len(front)),
        (len(front), len(front), len(front)),
        (2, 3, 3),  # these two are members of the confirmed front, one more is wanted
        (2, 2, 2),
        (2, 99, 4),  # never more than twice as many
    ):
        confirmed = confirming(study, FakeTraining(), networks=networks, members=members)
        assert len(confirmed) == count
        assert set(confirmed) <= front if count <= len(front) else front <= set(confirmed)


def test_confirmation_stops_at_enough_members() -> None:
    wanted = problem(objectives=("accuracy",))
    study = in_memory(wanted)
    go(wanted, study, trials=10)
    confirmed = confirming(study, FakeTraining(), wanted=wanted, networks=1)
    best = max(rows(study), key=lambda row: row["accuracy"])
    assert list(confirmed) == [best["key"]]


def test_a_network_is_judged_by_the_seeds_that_did_not_fail() -> None:
    study = in_memory(problem())
    go(problem(), study, trials=10)
    whole = list(confirming(study, FakeTraining()))
    training = FakeTraining(digest="other", fail=lambda key, seed: key == whole[0] or (key, seed) == (whole[1], 7))
    said: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Silent, "message", lambda self, text: said.append(text))
        confirmed = confirming(study, training)
    assert list(confirmed) == whole[1:]
    assert [record["seed"] for record in confirmed[whole[1]][1]] == [8]
    assert said[0] == f"warning: training {whole[0]} with seed 7 failed: Diverged: the training loss became nan"
    assert len(said) == 3


@pytest.mark.parametrize("slots", [1, 3])
def test_further_seeds_go_where_membership_is_open_and_are_bounded(slots: int) -> None:
    study = in_memory(problem())
    go(problem(), study, trials=20)
    settled = FakeTraining()
    confirming(study, settled, slots=slots)
    before = len(settled.asked)
    training = FakeTraining(spread=0.1, digest="noisy")
    plain = confirming(study, training, slots=slots)
    assert len(training.asked) == before
    more = confirming(study, training, slots=slots, extra=9)
    spent = training.asked[before:]
    assert 0 < len(spent) <= 9
    assert len(set(training.asked)) == len(training.asked)
    assert sum(len(records) for _, records in more.values()) == before + len(spent)
    assert set(plain) <= set(more)
    for key, (_, records) in more.items():
        assert [record["seed"] for record in records] == list(range(7, 7 + len(records)))
        assert len(records) >= 2, key
    again = FakeTraining(spread=0.1, digest="noisy")
    assert confirming(study, again, slots=slots, extra=9) == more
    assert again.asked == []


def test_a_training_meets_the_test_images_once() -> None:
    study, training = in_memory(problem()), FakeTraining()
    go(problem(), study, trials=10)
    bench = Bench(study, InlineExecutor(), Silent())
    chosen = confirming(study, training)
    assert all(seed > 0 for _, seed in training.asked)  # nothing is chosen by the test split
    judged = judge(training, bench, chosen)  # type: ignore[arg-type]
    assert {key: found["test"] for key, found in judged.items()} == {key: [0.57, 0.58] for key in chosen}
    for key, (_, records) in chosen.items():
        assert judged[key]["val"] == [record["val"] for record in records]
        assert (judged[key]["test_images"], judged[key]["val_images"], judged[key]["seconds"]) == (100, 200, 2.0)
    asked = len(training.asked)
    assert judge(training, bench, chosen) == judged  # type: ignore[arg-type]
    judge(training, bench, confirming(study, training, seeds=3))  # type: ignore[arg-type]
    assert sorted(seed for _, seed in training.asked[asked:]) == [-9] * 4 + [9] * 4


@dataclass
class FakeExport:
    """Stands for `Export`: writes a file with the seed, and notes whom it was asked for."""

    folder: Path
    training: Any
    calibration: int = 8
    asked: list[tuple[str, int]] = field(default_factory=list)

    def __call__(self, arch: Architecture, seed: int, metadata: dict[str, Any]) -> Exported:
        self.asked.append((arch.key, seed))
        assert metadata == {"n": arch.notation}
        (self.folder / f"{arch.key}.onnx").write_text(str(seed))
        name = f"{arch.key}.onnx"
        return Exported(seed, name, 1, 0.0, None, None, None, "too small", {name: str(seed)})

    def is_whole(self, exported: Any) -> bool:
        paths = {self.folder / name: digest for name, digest in exported["digests"].items()}
        return all(path.exists() and path.read_text() == digest for path, digest in paths.items())


def test_the_best_seed_is_exported_and_only_what_is_lost_again(tmp_path: Path) -> None:
    study, training = in_memory(problem()), FakeTraining(spread=0.05)
    go(problem(), study, trials=10)
    chosen = confirming(study, training)
    weights = tmp_path / "weights"
    export = FakeExport(tmp_path, SimpleNamespace(digest="r", folder=weights))
    said: list[str] = []
    display = Silent()
    display.message = said.append  # type: ignore[method-assign]
    bench = Bench(study, InlineExecutor(), display)

    def published(networks: dict[str, Any]) -> dict[str, Any]:
        weights.mkdir(exist_ok=True)
        return publish(export, bench, networks, lambda arch: {"n": arch.notation})  # type: ignore[arg-type]

    files = published(chosen)
    best = {key: max(records, key=lambda record: record["val"])["seed"] for key, (_, records) in chosen.items()}
    assert {key: found["seed"] for key, found in files.items()} == best
    assert export.asked == list(best.items())
    assert said == [f"warning: {key} has no int8 file: too small" for key in best]
    assert not weights.exists()
    assert published(chosen) == files
    assert len(export.asked) == 4
    for turn, spoil in ((5, Path.unlink), (6, Path.unlink), (7, lambda path: path.write_text("another seed's"))):
        spoil(tmp_path / f"{export.asked[0][0]}.onnx")  # however often
        assert published(chosen) == files
        assert len(export.asked) == turn
        assert export.asked[-1] == export.asked[0]


# --- the study ------------------------------------------------------------------------------------


def test_half_a_last_line_is_mended(tmp_path: Path) -> None:
    before = go(problem(), open_study(tmp_path, None, problem().directions, {}), trials=3)
    journal = tmp_path / "study.journal"
    whole = journal.read_bytes()
    journal.write_bytes(whole + b'{"op_code": 4, "worker_id": "torn')
    study = open_study(tmp_path, None, problem().directions, {})
    assert rows(study) == before
    after = go(problem(), study, trials=5)
    assert after[:3] == before
    assert journal.read_bytes().startswith(whole)
    assert all(json.loads(line) for line in journal.read_text().splitlines())


def test_the_journal_lock_of_a_killed_process_is_removed(tmp_path: Path) -> None:
    go(problem(), open_study(tmp_path, None, problem().directions, {}), trials=1)
    stale = tmp_path / "study.journal.lock"
    stale.symlink_to("study.journal")  # as JournalFileSymlinkLock leaves it
    study = open_study(tmp_path, None, problem().directions, {})
    assert not stale.is_symlink()
    assert len(go(problem(), study, trials=2)) == 2


@pytest.mark.parametrize("storage", [None, "sqlite"])
def test_other_settings_are_refused_by_name(storage: str | None, tmp_path: Path) -> None:
    url = storage and f"sqlite:///{tmp_path / 'studies.db'}"
    settings = {"budget": "300M MACs", "seed": 0, "objectives": ("accuracy", "latency")}
    open_study(tmp_path, url, problem().directions, settings)
    open_study(tmp_path, url, problem().directions, {**settings, "objectives": ["accuracy", "latency"]})
    with pytest.raises(RunError, match=r"holds a search with seed=0, not 1; choose another folder") as caught:
        open_study(tmp_path, url, problem().directions, {**settings, "seed": 1})
    assert str(tmp_path) in str(caught.value)


def test_other_objectives_are_refused_too(tmp_path: Path) -> None:
    open_study(tmp_path, None, ["maximize", "minimize"], {"objectives": ["accuracy", "latency"]})
    with pytest.raises(RunError, match="objectives="):
        open_study(tmp_path, None, ["maximize"], {"objectives": ["accuracy"]})


def test_one_process_at_a_time(tmp_path: Path) -> None:
    first = lock(tmp_path)
    first.release()
    code = "import sys, filelock; held = filelock.FileLock(sys.argv[1]); held.acquire()"
    code += "; print('held', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", code, first.lock_file]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(RunError, match="another search is running in"):
            lock(tmp_path)
        other.kill()
        other.wait()
        lock(tmp_path).release()  # the lock ends with the process, however that ends


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot write the run folder"):
        lock(tmp_path / "file" / "run")


def test_any_optuna_storage_holds_the_study(tmp_path: Path) -> None:
    folder, url = tmp_path / "my-run", f"sqlite:///{tmp_path / 'studies.db'}"
    folder.mkdir()
    expected = go(problem(), in_memory(problem()), trials=4)
    go(problem(), open_study(folder, url, problem().directions, {"seed": 0}), trials=2)
    assert go(problem(), open_study(folder, url, problem().directions, {"seed": 0}), trials=4) == expected
    assert len(optuna.load_study(study_name="my-run", storage=url).trials) == 4
    assert not (folder / "study.journal").exists()


def test_a_storage_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot open storage=nothing://there") as caught:
        open_study(tmp_path, "nothing://there", ["maximize"], {})
    assert "\n" not in str(caught.value)


def test_the_journal_is_plain_optuna(tmp_path: Path) -> None:
    found = go(problem(), open_study(tmp_path, None, problem().directions, {"seed": 0}), trials=3)
    storage = JournalStorage(JournalFileBackend(str(tmp_path / "study.journal")))
    study = optuna.load_study(study_name=None, storage=storage)  # there is one study, so it need not be named
    assert [trial.values for trial in study.trials] == [[row["accuracy"], row["latency_ms"]] for row in found]
    assert study.user_attrs["settings"] == {"seed": 0}
    assert rows(load_journal(tmp_path)) == found
    with pytest.raises(RunError, match="is not a run folder"):
        load_journal(tmp_path / "elsewhere")


def test_rows_and_trials_csv(tmp_path: Path) -> None:
    wanted = problem(Budget.parse("1M"))
    study = in_memory(wanted)
    found = go(wanted, study, trials=3, evaluator=Counting(lambda call: ValueError("a, b") if call == 1 else None))
    study.ask(distributions(TINY))  # not evaluated yet: no row
    contract = "number state key notation accuracy how latency_ms macs params seconds error"
    assert set(contract.split()) <= set(COLUMNS)
    assert all(tuple(row) == COLUMNS for row in found)
    complete = found[keys(found).index(keys(found, "complete")[0])]
    assert (complete["how"], complete["seconds"], complete["error"]) == ("short", 1.5, None)
    assert write_trials(study, tmp_path) == found
    lines = (tmp_path / "trials.csv").read_text().splitlines()
    assert lines[0] == ",".join(COLUMNS)
    assert len(lines) == 1 + len(found)
    assert not list(tmp_path.glob(".*"))


# --- how well the cheap ranked the dear -----------------------------------------------------------


@pytest.mark.parametrize("n", [3, 7, 8, 25])
def test_rank_fidelity_is_kendalls_tau(n: int) -> None:
    rng = np.random.default_rng(n)
    dear = rng.integers(0, 12, n) / 12  # with ties
    cheap, macs = dear + rng.normal(0, 0.2, n), rng.integers(1, 10**9, n)
    found = rank_fidelity(list(cheap), list(dear), list(macs))
    assert found["kendall_tau"] == pytest.approx(kendalltau(cheap, dear).statistic)
    assert found["macs_kendall_tau"] == pytest.approx(kendalltau(macs, dear).statistic)
    assert found["n"] == n
    if n < 8:
        assert found["low"] is None
        assert found["high"] is None
    else:
        assert -1 <= found["low"] <= found["kendall_tau"] <= found["high"] <= 1
        assert found["low"] < found["high"]
    assert rank_fidelity(list(cheap), list(dear), list(macs)) == found


def test_rank_fidelity_of_too_few_or_of_constants_is_unknown() -> None:
    assert rank_fidelity([1, 2], [1, 2], [1, 2])["kendall_tau"] is None
    ten = list(range(10))
    constant = rank_fidelity([0.5] * 10, ten, ten)
    assert (constant["kendall_tau"], constant["low"]) == (None, None)
    assert constant["macs_kendall_tau"] == pytest.approx(1)
    assert rank_fidelity(ten, [0.5] * 10, ten)["kendall_tau"] is None
    perfect = rank_fidelity(ten, ten, ten[::-1])
    assert (perfect["kendall_tau"], perfect["macs_kendall_tau"]) == pytest.approx((1, -1))


@pytest.mark.parametrize(
    ("n", "cheap", "macs", "verdict"),
    [
        (12, 1, -1, "better than MACs"),
        (12, -1, 1, "no better than MACs"),
        (12, 1, 1, "no better than MACs"),  # equal is no better
        (7, -1, 1, "cannot be told"),
        (0, 1, 1, "cannot be told"),
    ],
)
def test_a_proxy_that_ranks_no_better_than_macs_is_warned_of(n: int, cheap: int, macs: int, verdict: str) -> None:
    study = in_memory(problem())
    found = go(problem(), study, trials=12)[:n]
    entries = [
        {"key": row["key"], "val_accuracy": {"value": cheap * row["accuracy"]}, "macs": cheap * macs * row["accuracy"]}
        for row in found
    ]
    fidelity = proxy_fidelity(study, Ladder((Rung("short", evaluate),)), entries)
    assert (fidelity["n"], fidelity["verdict"], fidelity["rungs"]) == (n, verdict, [])
    assert bool(fidelity_warnings(fidelity)) == (verdict == "no better than MACs")
    if fidelity["warning"]:
        assert "the cheap accuracies ranked no better than counting MACs (Kendall tau" in fidelity["warning"]
        assert "over 12 networks" in fidelity["warning"]


def test_a_trial_interrupted_while_it_was_drawn_says_nothing_of_random_search() -> None:
    study = in_memory(problem())
    go(problem(), study, trials=5)
    before = drawn_without_model(problem(), study)
    study.ask().set_user_attr("drawn", "random")
    assert drawn_without_model(problem(), study) == before
