"""Rungs, who goes on from them, when a search ends, and what random search would have reached."""

import csv
import json
import math
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise, zip_longest
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.study import Study
from optuna.trial import TrialState
from scipy.stats import kendalltau

from nas.errors import ConfigError
from nas.latency.profile import load_profile
from nas.problem import Problem, reference_point
from nas.proxies.base import Evaluation
from nas.proxies.scores import ScoreValues
from nas.report.terminal import Silent
from nas.results.run_folder import read_trials
from nas.search.result.compose import compose, write_trials
from nas.search.executors.base import Executor
from nas.search.executors.inline import InlineExecutor
from nas.search.front import hypervolume, hypervolume_history
from nas.search.loop import search
from nas.search.parameters import distributions
from nas.search.pareto.surrogate import Inputs, fit
from nas.search.patience import Patience, expected_gain
from nas.search.result.random_search import FEWEST, MOST, drawn_without_model, random_search
from nas.search.record.study import load_journal, open_study, reached, rows
from nas.search.rungs import Ladder, Rung, accuracies, check_rungs, contents, goes_on, joined_scores
from nas.search.samplers.distinct import make_sampler
from nas.search.samplers.stopped import estimates
from nas.spaces.architecture import Architecture
from nas.spaces.budget import Budget
from nas.spaces.cost import cost
from nas.spaces.load import load_space

TINY = load_space("tiny").with_data(1, 10)
PROBLEM = Problem(TINY, load_profile("pixel4"), Budget())
REFERENCE = {"accuracy": 0.1, "latency": 2.0}
RUNGS = ("score", "short", "long")


def worth(arch: Architecture) -> float:
    """A made-up accuracy in 0.2..0.9 that depends on the network alone."""
    return 0.2 + 0.7 * int(arch.key[:8], 16) / 16**8


def noise(arch: Architecture, rung: str) -> float:
    return 0.2 * (int(arch.key[8:], 16) * (1 + len(rung)) % 1000 / 1000 - 0.5)


class Calls:
    """A ladder of lambdas that notes what it was asked, and raises where it is told to."""

    def __init__(
        self, rungs: Sequence[str] = RUNGS, fail: Callable[[str, int], BaseException | None] = lambda rung, call: None
    ) -> None:
        self.asked: list[tuple[str, str]] = []
        self._fail = fail
        values = {"score": joined_scores}
        self.ladder = Ladder(
            tuple(Rung(name, self._evaluator(name), values.get(name, accuracies)) for name in rungs), keep=0.33
        )

    def _evaluator(self, rung: str) -> Callable[[Architecture], Any]:
        def evaluate(arch: Architecture) -> Any:
            self.asked.append((rung, arch.key))
            error = self._fail(rung, len(self.asked) - 1)
            if error is not None:
                raise error
            value = worth(arch) + (noise(arch, rung) if rung != "long" else 0)
            if rung == "score":
                return ScoreValues({"a": 100 * value, "b": -1 / value}, {"a": 0.25, "b": 0.5})
            return Evaluation(value, value - 0.05, value + 0.05, "any", 2.0, 1, 32)

        return evaluate


def in_memory(problem: Problem = PROBLEM) -> Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(directions=list(problem.directions))


def on_disk(folder: Path) -> Study:
    folder.mkdir(exist_ok=True)
    return open_study(folder, None, PROBLEM.directions, {})


def go(
    study: Study,
    calls: Calls,
    trials: int,
    *,
    problem: Problem = PROBLEM,
    name: str = "random",
    executor: Executor | None = None,
    patience: Patience | None = None,
    time_limit: float | None = None,
    observer: Any = None,
) -> list[dict[str, Any]]:
    options = {"tpe": {"startup": 5}, "pareto": {"start": 6, "pool": 2000}}.get(name, {})
    reference = {objective: {**REFERENCE, "macs": 1e7}[objective] for objective in problem.objectives}
    search(
        problem,
        calls.ladder,
        study,
        make_sampler(problem, name, options, 0),
        executor or InlineExecutor(),
        trials=trials,
        reference=reference,
        observer=observer or Silent(),
        time_limit=time_limit,
        patience=patience,
    )
    return rows(study)


# --- who goes on ----------------------------------------------------------------------------------


def decide(values: Sequence[float], costs: Sequence[float], keep: float = 0.33) -> bool:
    return goes_on(np.array(values, float), np.array(costs, float).reshape(len(values), -1), keep)


coarse = st.integers(1, 6).map(float)
climbers = st.lists(st.tuples(coarse, coarse), min_size=1, max_size=40)
keeps = st.floats(0.05, 0.95)


@given(climbers, keeps)
def test_a_network_on_the_front_of_its_rung_always_goes_on(found: list[tuple[float, float]], keep: float) -> None:
    value, cost = found[-1]
    beaten = any(v > value and c <= cost for v, c in found)
    if not beaten:
        assert decide(*zip(*found, strict=True), keep=keep)  # type: ignore[misc]


@given(climbers, keeps, st.floats(0.1, 5))
def test_doing_better_or_keeping_more_never_stops_a_network(
    found: list[tuple[float, float]], keep: float, more: float
) -> None:
    values, costs = zip(*found, strict=True)
    if decide(values, costs, keep):
        assert decide([*values[:-1], values[-1] + more], costs, keep)
        assert decide(values, costs, min(0.95, keep + more / 10))


@given(climbers, keeps, st.sampled_from([0.001, 1e6]))
def test_units_do_not_matter(found: list[tuple[float, float]], keep: float, unit: float) -> None:
    values, costs = zip(*found, strict=True)
    assert decide(values, costs, keep) == decide([3 * v - 7 for v in values], [c * unit for c in costs], keep)


def test_only_networks_of_like_cost_are_compared() -> None:
    """Of 12 networks a bin holds three: the last and the two nearest, of which the best third go on."""
    far = [(0.9, 50.0 + n) for n in range(8)]
    near = [(0.5, 9.0), (0.4, 11.0)]
    cheap_and_good = (0.6, 1.0)  # so that the last is not on the front
    for value, expected in ((0.55, True), (0.45, False), (0.3, False)):
        values, costs = zip(*far, cheap_and_good, *near, (value, 10.0), strict=True)
        assert decide(values[1:], costs[1:]) == expected


def test_without_costs_all_are_one_bin() -> None:
    values = np.arange(12.0)
    for last, expected in ((12.0, True), (8.5, True), (7.5, False)):
        assert goes_on(np.array([*values, last]), np.zeros((13, 0)), 0.33) == expected


@pytest.mark.parametrize("keep", [0.33, 0.5])
def test_about_the_share_to_keep_goes_on(keep: float) -> None:
    rng = np.random.default_rng(0)
    values, costs = rng.random(400), np.exp(rng.random((400, 1)))
    kept = [goes_on(values[: n + 1], costs[: n + 1], keep) for n in range(400)]
    assert all(kept[:5])  # bins of one
    assert np.mean(kept) == pytest.approx(keep, abs=0.08)
    assert np.mean(values[kept]) > np.mean(values) + 0.1


def test_a_decision_of_chance_would_be_worse() -> None:
    """Accuracy grows with cost here: the case in which ranks alone favour the dear ones of each bin."""
    rng = np.random.default_rng(1)
    costs = np.exp(rng.uniform(0, 3, 100))
    values = 0.9 - 0.4 * np.exp(-costs / 5) - rng.exponential(0.05, 100)
    kept = np.array([goes_on(values[: n + 1], costs[: n + 1, None], 0.33) for n in range(100)])
    points = np.stack([values, costs], axis=1)
    whole = hypervolume(points, ("accuracy", "latency"), {"accuracy": 0.1, "latency": 21.0})
    drawn = [
        hypervolume(
            points[rng.permutation(100)[: kept.sum()]], ("accuracy", "latency"), {"accuracy": 0.1, "latency": 21.0}
        )
        for _ in range(50)
    ]
    assert kept.mean() < 0.65
    reached_with_rungs = hypervolume(points[kept], ("accuracy", "latency"), {"accuracy": 0.1, "latency": 21.0})
    assert np.median(drawn) < reached_with_rungs <= whole
    assert reached_with_rungs > 0.99 * whole


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        (("short", "confirm"), "unknown rung 'confirm'; known: long, score, short"),
        (("long", "short"), r"from cheap to dear \(score, short, long\), each once, got \['long', 'short'\]"),
        (("short", "short"), "each once"),
        (("score",), r"the last of rungs must be a training.*got \['score'\]"),
        ((), "the last of rungs must be a training"),
    ],
)
def test_rungs_are_checked(chosen: tuple[str, ...], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check_rungs(chosen, RUNGS)
    for fine in (("short",), ("score", "long"), RUNGS):
        check_rungs(fine, RUNGS)


def test_a_result_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="the b is nan"):
        contents(ScoreValues({"a": 1.0, "b": math.nan}, {"a": 0.1}))
    with pytest.raises(ValueError, match="the accuracy is inf"):
        contents(Evaluation(math.inf, 0, 1, "short", 1, 1, 32))


# --- the search over rungs ------------------------------------------------------------------------


def test_every_network_ends_in_a_definite_state_and_keeps_what_it_reached(tmp_path: Path) -> None:
    study, calls = in_memory(), Calls()
    found = go(study, calls, 40)
    states = [row["state"] for row in found]
    assert len(found) == 40
    assert set(states) == {"complete", "stopped"}
    assert {t.state for t in study.trials} == {TrialState.COMPLETE, TrialState.PRUNED}
    assert len(set(calls.asked)) == len(calls.asked)
    for row, trial in zip(found, study.trials, strict=True):
        records = reached(trial)
        names = [record["how"] for record in records]
        assert names == list(RUNGS[: len(names)])
        assert list(row["rungs"]) == names
        assert row["how"] == names[-1]
        assert row["seconds"] == sum({"score": 0.75}.get(name, 2.0) for name in names)
        assert [record["goes_on"] for record in records[:-1]] == [True] * (len(records) - 1)
        if row["state"] == "complete":
            assert names == list(RUNGS)
            assert trial.values == [row["accuracy"], row["latency_ms"]]
            assert row["accuracy"] == row["rungs"]["long"]
        else:
            assert records[-1]["goes_on"] is False
            assert row["accuracy"] == (row["rungs"]["short"] if "short" in names else None)
    assert {row["how"] for row in found if row["state"] == "stopped"} == {"score", "short"}
    assert write_trials(study, tmp_path) == found
    assert [row["rungs"] for row in read_trials(tmp_path)] == [row["rungs"] for row in found]
    with (tmp_path / "trials.csv").open(newline="") as file:
        assert json.loads(next(csv.DictReader(file))["rungs"])["score"].keys() == {"a", "b"}


def test_one_rung_is_a_plain_search() -> None:
    study, calls = in_memory(), Calls(["short"])
    found = go(study, calls, 12)
    assert [row["state"] for row in found] == ["complete"] * 12
    assert len(calls.asked) == 12
    assert all("goes_on" not in reached(trial)[0] for trial in study.trials)


def test_trials_counts_the_networks_begun_stopped_or_not() -> None:
    study = in_memory()
    over = Problem(TINY, PROBLEM.profile, Budget.parse("1M"))
    found = go(study, Calls(), 20, problem=over)
    states = [row["state"] for row in found]
    assert states.count("rejected") > 0
    assert len(states) - states.count("rejected") == 20
    assert states.count("stopped") > 0


def test_a_failure_on_a_later_rung_keeps_the_earlier_ones() -> None:
    calls = Calls(fail=lambda rung, call: OSError("no room") if rung == "short" and call < 6 else None)
    found = go(in_memory(), calls, 12)
    failed = [row for row in found if row["state"] == "failed"]
    assert failed
    for row in failed:
        assert (list(row["rungs"]), row["error"], row["accuracy"]) == (["score"], "OSError: no room", None)


def test_a_score_that_is_no_number_fails_its_trial() -> None:
    calls, seen = Calls(), []

    def third_is_broken(arch: Architecture) -> Any:
        seen.append(arch.key)
        return (
            ScoreValues({"a": math.inf, "b": 0.0}, {"a": 0.1})
            if len(seen) == 3
            else calls.ladder.rungs[0].evaluator(arch)
        )

    broken = Calls()
    broken.ladder = Ladder((Rung("score", third_is_broken, joined_scores), *calls.ladder.rungs[1:]), 0.33)
    found = go(in_memory(), broken, 6)
    assert [row["error"] for row in found if row["state"] == "failed"] == ["ValueError: the a is inf"]


def test_killed_after_any_line_of_the_journal_nothing_is_lost_or_repeated(tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    whole.mkdir()
    calls = Calls()
    go(on_disk(whole), calls, 5)
    early = (whole / "study.journal").read_bytes().count(b"\n")
    unbroken = go(on_disk(whole), calls, 8)
    assert {row["state"] for row in unbroken[5:]} == {"complete", "stopped"}
    lines = (whole / "study.journal").read_bytes().splitlines(keepends=True)
    for kept in range(early, len(lines)):
        folder = tmp_path / "killed"
        folder.mkdir()
        (folder / "study.journal").write_bytes(b"".join(lines[:kept]))
        done = [(r["how"], t.user_attrs["key"]) for t in load_journal(folder).trials for r in reached(t)]
        again = Calls()
        found = go(on_disk(folder), again, 8)
        ended = load_journal(folder)
        assert not set(done) & set(again.asked), f"repeated after line {kept}"
        assert len(found) == 8
        assert {row["state"] for row in found} <= {"complete", "stopped"}
        assert not ended.get_trials(states=(TrialState.RUNNING,))
        if len(ended.trials) == 8:  # else it died while it drew, and drew anew under another number
            assert found == unbroken, f"differs after line {kept}"
            assert done + again.asked == calls.asked
        shutil.rmtree(folder)


def test_a_trial_killed_between_rungs_goes_on_from_the_rung_it_had_reached(tmp_path: Path) -> None:
    unbroken = go(in_memory(), Calls(), 10)
    killed = Calls(fail=lambda rung, call: KeyboardInterrupt() if rung == "long" and call > 12 else None)
    with pytest.raises(KeyboardInterrupt):
        go(on_disk(tmp_path), killed, 10)
    (running,) = load_journal(tmp_path).get_trials(states=(TrialState.RUNNING,))
    assert [record["how"] for record in reached(running)] == ["score", "short"]
    after = Calls()
    assert go(on_disk(tmp_path), after, 10) == unbroken
    assert after.asked[0] == ("long", running.user_attrs["key"])
    assert not set(killed.asked[:-1]) & set(after.asked)


class Threads:
    """An executor of several threads."""

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self._pool = ThreadPoolExecutor(slots)

    def submit(self, function: Callable[..., Any], *args: Any) -> Any:
        return self._pool.submit(function, *args)

    def close(self) -> None:
        self._pool.shutdown()


@pytest.mark.parametrize("slots", [2, 8])
def test_several_at_once(slots: int) -> None:
    study, calls, executor = in_memory(), Calls(), Threads(slots)
    told: list[dict[str, Any]] = []
    observer = SimpleNamespace(trial=lambda row, **_: told.append(row))
    found = go(study, calls, 40, executor=executor, observer=observer)
    executor.close()
    assert len(found) == len({row["key"] for row in found}) == 40
    assert {row["state"] for row in found} == {"complete", "stopped"}
    assert len(set(calls.asked)) == len(calls.asked)
    assert sorted(row["number"] for row in told) == list(range(40))


def test_a_network_that_is_begun_is_finished_when_the_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("nas.search.loop.time", SimpleNamespace(monotonic=lambda: clock[0]))

    def tick(rung: str, call: int) -> None:
        clock[0] += 10

    study = in_memory()
    found = go(study, Calls(fail=tick), 50, time_limit=25)
    assert [row["state"] for row in found] == ["complete"]  # begun at 0 s, on its last rung at 20 s
    assert not study.get_trials(states=(TrialState.RUNNING,))


@pytest.mark.parametrize("objectives", [("accuracy",), ("accuracy", "latency", "macs")])
def test_any_number_of_costs(objectives: tuple[str, ...]) -> None:
    problem = Problem(TINY, PROBLEM.profile, Budget(), objectives)
    found = go(in_memory(problem), Calls(), 30, problem=problem)
    states = [row["state"] for row in found]
    assert 0 < states.count("stopped") < 30


# --- what the result says of them -----------------------------------------------------------------


def composed(study: Study, ladder: Ladder) -> dict[str, Any]:
    front = compose(PROBLEM, study, ladder, REFERENCE, {}, {}, {}, [], {"seed": 0})
    json.dumps(front, allow_nan=False)
    return front


def test_front_and_hypervolume_are_of_the_top_rung_and_each_rung_is_judged() -> None:
    study, calls = in_memory(), Calls()
    found = go(study, calls, 60)
    front = composed(study, calls.ladder)
    complete = [row for row in found if row["state"] == "complete"]
    assert front["counts"]["evaluated"] == len(complete)
    assert front["counts"]["stopped"] == 60 - len(complete)
    points = [PROBLEM.values(row) for row in complete]
    assert front["hypervolume"]["history"] == hypervolume_history(points, PROBLEM.objectives, REFERENCE)
    first, second = front["proxy_fidelity"]["rungs"]
    assert (first["from"], first["to"], first["reached"]) == ("score", "short", 60)
    assert (second["from"], second["to"], second["reached"], second["n"]) == (
        "short",
        "long",
        first["n"],
        len(complete),
    )
    pairs = [(row["rungs"]["short"], row["rungs"]["long"], row["macs"]) for row in complete]
    short, long, macs = zip(*pairs, strict=True)
    assert second["kendall_tau"] == pytest.approx(kendalltau(short, long).statistic)
    assert second["macs_kendall_tau"] == pytest.approx(kendalltau(macs, long).statistic)
    assert second["low"] <= second["kendall_tau"] <= second["high"]
    both = [row for row in found if "short" in row["rungs"]]
    scores = [row["rungs"]["score"]["a"] for row in both]  # both scores rank alike here
    assert first["kendall_tau"] == pytest.approx(kendalltau(scores, [row["rungs"]["short"] for row in both]).statistic)


def test_one_rung_has_no_next() -> None:
    study, calls = in_memory(), Calls(["short"])
    go(study, calls, 5)
    assert composed(study, calls.ladder)["proxy_fidelity"]["rungs"] == []


# --- patience -------------------------------------------------------------------------------------


def recorded(
    *points: tuple[float, float], hoped: Sequence[float | None] = (), drawn: Sequence[str | None] = ()
) -> Study:
    """A study of complete trials with these accuracies and latencies, and what their sampler noted."""
    study = in_memory()
    for (accuracy, latency_ms), *noted in zip_longest(points, hoped, drawn):
        trial = study.ask()
        trial.set_user_attr("candidate", {"latency_ms": latency_ms})
        trial.set_user_attr("rungs", [{"accuracy": accuracy, "how": "short", "seconds": 1.0}])
        for name, note in zip(("expected_gain", "drawn"), noted, strict=True):
            if note is not None:
                trial.set_user_attr(name, note)
        study.tell(trial, [accuracy, latency_ms])
    return study


def test_expected_gain_is_what_the_last_networks_added() -> None:
    points = [(0.5, 1.0), (0.6, 1.0), (0.6, 1.5), (0.7, 1.5)]
    first, second, _, last = hypervolume_history(points, PROBLEM.objectives, REFERENCE)
    study = recorded(*points)
    assert expected_gain(PROBLEM, study, REFERENCE, 3) == pytest.approx((last - first) / last)
    assert expected_gain(PROBLEM, study, REFERENCE, 2) == pytest.approx((last - second) / last)
    assert expected_gain(PROBLEM, study, REFERENCE, 4) is None  # nothing before them
    assert expected_gain(PROBLEM, recorded(*points[:3]), REFERENCE, 1) == 0


def test_what_the_sampler_expects_counts_where_it_is_more() -> None:
    points = [(0.6, 1.0), (0.6, 1.5), (0.5, 1.2)]
    now = hypervolume(points, PROBLEM.objectives, REFERENCE)
    study = recorded(*points, hoped=[9.0, 0.01, 0.03])
    assert expected_gain(PROBLEM, study, REFERENCE, 2) == pytest.approx(2 * 0.02 / now)
    assert Patience(2, 0.2).enough(PROBLEM, study, REFERENCE) == (
        f"2 more networks are expected to raise the hypervolume by {0.04 / now:.2%}"
    )
    assert Patience(2, 0.01).enough(PROBLEM, study, REFERENCE) == ""


def test_patience_ends_a_search_and_a_resumed_one_at_the_same_place(tmp_path: Path) -> None:
    patience = Patience(8, 0.005)
    found = go(on_disk(tmp_path), Calls(["short"]), 500, patience=patience)
    assert 8 < len(found) < 200
    points = [PROBLEM.values(row) for row in found]
    gains = [expected_gain(PROBLEM, recorded(*map(tuple, points[:n])), REFERENCE, 8) for n in range(len(points) + 1)]
    assert all(gain is None or gain >= 0.005 for gain in gains[:-1])
    assert gains[-1] is not None
    assert gains[-1] < 0.005
    resumed = Calls(["short"])
    assert go(on_disk(tmp_path), resumed, 500, patience=patience) == found
    assert resumed.asked == []
    assert len(go(on_disk(tmp_path), resumed, len(found) + 3)) == len(found) + 3  # without patience it goes on


def smooth(arch: Architecture) -> Evaluation:
    """An accuracy that follows from the costs, so that a model soon has nothing to gain."""
    accuracy = 0.3 + 0.05 * math.log(cost(arch).macs / 1e5)
    return Evaluation(accuracy, accuracy, accuracy, "any", 2.0, 1, 32)


def go_smooth(study: Study, patience: Patience | None, trials: int = 200) -> str:
    sampler = make_sampler(PROBLEM, "pareto", {"start": 6, "pool": 2000}, 0)
    ladder, reference = Ladder((Rung("short", smooth),)), reference_point(PROBLEM, 0.1)
    return search(
        *(PROBLEM, ladder, study, sampler, InlineExecutor()),
        trials=trials,
        reference=reference,
        observer=Silent(),
        patience=patience,
    )


def test_patience_with_a_model_ends_by_what_it_expects(tmp_path: Path) -> None:
    patience, reference = Patience(5, 0.002), reference_point(PROBLEM, 0.1)
    ended = go_smooth(on_disk(tmp_path), patience)
    trials = on_disk(tmp_path).get_trials()
    assert ended.startswith("5 more networks are expected to raise the hypervolume by 0.")
    assert 11 <= len(trials) < 150
    notes = [(trial.user_attrs["drawn"], "expected_gain" in trial.user_attrs) for trial in trials]
    assert notes == 6 * [("start", False)] + (len(trials) - 6) * [("model", True)]
    assert all(0 <= trial.user_attrs.get("expected_gain", 0) < 0.5 for trial in trials)
    last = expected_gain(PROBLEM, on_disk(tmp_path), reference, 5)
    assert last is not None
    assert last < 0.002

    count = len(trials)
    assert go_smooth(on_disk(tmp_path), patience) == ended  # resumed, it has ended already
    assert len(on_disk(tmp_path).trials) == count
    go_smooth(on_disk(tmp_path / "cut"), None, trials=count - 2)
    assert go_smooth(on_disk(tmp_path / "cut"), patience) == ended
    assert [t.user_attrs for t in on_disk(tmp_path / "cut").trials] == [t.user_attrs for t in trials]


def test_the_gain_expected_of_a_proposal_is_what_it_would_add() -> None:
    study, reference = in_memory(), reference_point(PROBLEM, 0.1)
    go_smooth(study, None, trials=30)
    points = [trial.values for trial in study.trials]
    added = np.diff(hypervolume_history(points, PROBLEM.objectives, reference))[9:]
    hoped = [trial.user_attrs["expected_gain"] for trial in study.trials[10:]]
    assert added.sum() > 0
    assert 0.3 < np.sum(hoped) / added.sum() < 3


def test_with_several_workers_patience_holds_for_the_whole_record() -> None:
    executor = Threads(4)
    study = in_memory()
    patience = Patience(6, 0.01)
    go(study, Calls(), 500, patience=patience, executor=executor)
    executor.close()
    assert patience.enough(PROBLEM, study, REFERENCE)
    assert len(study.trials) < 300


# --- what stopped networks say ---------------------------------------------------------------------


def test_stopped_networks_are_estimated_by_those_that_went_on() -> None:
    study = in_memory()
    go(study, Calls(["short", "long"]), 60)
    trials = study.get_trials()
    found = estimates(PROBLEM, trials)
    stopped = [trial for trial in trials if trial.state == TrialState.PRUNED]
    assert len(stopped) > 10
    assert set(found) == {trial.number for trial in stopped}
    misses = []
    for trial in stopped:
        (accuracy, latency_ms), (error, exact) = found[trial.number]
        assert (latency_ms, exact) == (trial.user_attrs["candidate"]["latency_ms"], 0)
        assert 0.01 < error < 0.2  # uniform noise of width 0.2 has a deviation of 0.058
        misses.append((accuracy - worth(TINY.architecture([trial.params[v.name] for v in TINY.variables]))) / error)
    assert 0.5 < np.sqrt(np.mean(np.square(misses))) < 2
    assert estimates(PROBLEM, trials[:5]) == {}


def test_each_rung_is_read_on_its_own_and_running_trials_count() -> None:
    study = in_memory()
    go(study, Calls(), 120)
    trials = study.get_trials()
    found = estimates(PROBLEM, trials)
    by_step: dict[int, list[float]] = {1: [], 2: []}
    for trial in trials:
        if trial.number in found:
            by_step[len(reached(trial))].append(found[trial.number][1][0])
    assert all(len(set(errors)) == 1 for errors in by_step.values())
    begun = study.ask(distributions(TINY))
    begun.set_user_attr("candidate", trials[0].user_attrs["candidate"])
    assert begun.number not in estimates(PROBLEM, study.get_trials())
    begun.set_user_attr("rungs", trials[0].user_attrs["rungs"][:1])
    assert begun.number in estimates(PROBLEM, study.get_trials())


def test_a_rung_that_says_nothing_of_the_next_is_not_read() -> None:
    def against(arch: Architecture) -> Evaluation:
        accuracy = 0.5 - 0.5 * worth(arch)
        return Evaluation(accuracy, accuracy, accuracy, "any", 1.0, 1, 32)

    study, calls = in_memory(), Calls(["short", "long"])
    calls.ladder = Ladder((Rung("short", against), calls.ladder.rungs[1]), keep=0.33)
    go(study, calls, 40)
    assert "stopped" in {row["state"] for row in rows(study)}
    assert estimates(PROBLEM, study.get_trials()) == {}


def test_the_model_takes_estimates_for_what_they_are_worth() -> None:
    rng = np.random.default_rng(0)
    inputs = Inputs(rng.uniform(-1, 1, (40, 1)), np.zeros((40, 1)))
    truth = 2 + inputs.numbers[:, 0]
    told = truth + np.where(np.arange(40) < 20, 0, rng.normal(0, 0.5, 40))
    errors = np.where(np.arange(40) < 20, 0, 0.5)
    alone = fit(inputs[:20], told[:20]).predict(inputs)[0]
    trusted, weighed = fit(inputs, told).predict(inputs)[0], fit(inputs, told, errors).predict(inputs)[0]
    assert np.abs(weighed - truth).mean() < 0.2 * np.abs(trusted - truth).mean()
    assert np.abs(weighed - alone).max() < 0.05
    far = Inputs(np.array([[5.0]]), np.zeros((1, 1)))
    near = fit(inputs[:4] + far, np.append(truth[:4], 7.0), np.array([0, 0, 0, 0, 0.1]))
    assert near.predict(far)[1] < fit(inputs[:4], truth[:4]).predict(far)[1]


def test_a_search_with_a_model_and_rungs_resumes_as_an_unbroken_one(tmp_path: Path) -> None:
    unbroken = go(on_disk(tmp_path / "whole"), Calls(["short", "long"]), 30, name="pareto")
    go(on_disk(tmp_path / "cut"), Calls(["short", "long"]), 24, name="pareto")
    assert go(on_disk(tmp_path / "cut"), Calls(["short", "long"]), 30, name="pareto") == unbroken
    assert "stopped" in {row["state"] for row in unbroken}


# --- what random search would have reached --------------------------------------------------------

BOX = {"accuracy": 0.0, "latency": 1.0}
OBJECTIVES = ("accuracy", "latency")


def draw(rng: np.random.Generator, n: int) -> Any:
    latency = rng.uniform(0.1, 1.0, n)
    return np.stack([0.5 + 0.4 * latency - np.abs(rng.normal(0, 0.15, n)), latency], axis=1)


def test_random_search_begins_with_the_mean_and_reaches_the_whole() -> None:
    points = draw(np.random.default_rng(0), 12)
    found = random_search(points, OBJECTIVES, BOX, most=100)
    assert found is not None
    assert found["draws"] == 12
    assert len(found["mean"]) == len(found["low"]) == len(found["high"]) == 24
    alone = np.mean([hypervolume([point], OBJECTIVES, BOX) for point in points])
    assert found["mean"][0] == pytest.approx(alone, abs=0.005)
    assert found["mean"][11] == pytest.approx(hypervolume(points, OBJECTIVES, BOX), abs=0.005)
    pairs = [hypervolume(points[[a, b]], OBJECTIVES, BOX) for a in range(12) for b in range(a)]
    assert found["mean"][1] == pytest.approx(np.mean(pairs), abs=0.005)
    for curve in ("mean", "low"):
        assert all(a <= b + 1e-12 for a, b in pairwise(found[curve]))
    assert all(
        0 <= low <= mean <= high <= 1
        for low, mean, high in zip(*(found[c] for c in ("low", "mean", "high")), strict=True)
    )
    assert random_search(points, OBJECTIVES, BOX, most=100) == found


def test_random_search_is_right_on_average_also_beyond_its_draws() -> None:
    truth = {
        n: np.mean([hypervolume(draw(np.random.default_rng((1, s)), n), OBJECTIVES, BOX) for s in range(300)])
        for n in (5, 10, 20)
    }
    curves, held = [], []
    for seed in range(60):
        found = random_search(draw(np.random.default_rng((2, seed)), 10), OBJECTIVES, BOX, most=100)
        assert found is not None
        curves.append(found["mean"])
        fresh = [hypervolume(draw(np.random.default_rng((3, seed, n)), n), OBJECTIVES, BOX) for n in (5, 10, 20)]
        held += [
            found["low"][n - 1] <= value <= found["high"][n - 1] for n, value in zip((5, 10, 20), fresh, strict=True)
        ]
    for n, expected in truth.items():
        assert np.mean(curves, axis=0)[n - 1] == pytest.approx(expected, abs=0.02)
    assert np.mean(held) > 0.8


def test_random_search_ends_where_it_is_told_and_says_nothing_of_too_few() -> None:
    points = draw(np.random.default_rng(0), 250)
    assert random_search(points[: FEWEST - 1], OBJECTIVES, BOX, most=9) is None
    short = random_search(points[:9], OBJECTIVES, BOX, most=5)
    assert short is not None
    assert len(short["mean"]) == 5
    many = random_search(points, OBJECTIVES, BOX, most=10)
    assert many is not None
    assert many["draws"] == MOST
    beyond = random_search([[-0.5, 2.0]] * 6, OBJECTIVES, BOX, most=99)
    assert beyond is not None
    assert set(beyond["mean"]) == {0.0}


def test_only_complete_networks_noted_as_drawn_at_random_count() -> None:
    points = [(0.5 + n / 50, 0.5 + n / 20) for n in range(6)]
    study = recorded(*points, drawn=["random", "model", "random", None, "random", "random"])
    stopped = study.ask()
    stopped.set_user_attr("candidate", {"latency_ms": 1.0})
    stopped.set_user_attr("drawn", "random")
    study.tell(stopped, state=TrialState.PRUNED)
    assert drawn_without_model(PROBLEM, study) == ("random", [list(points[n]) for n in (0, 2, 4, 5)])


def test_networks_spread_over_the_cost_count_and_are_told_apart() -> None:
    points = [(0.5, 0.5), (0.6, 1.0), (0.7, 1.5)]
    study = recorded(*points, drawn=["start", "model", "random"])
    assert drawn_without_model(PROBLEM, study) == ("start", [list(points[0]), list(points[2])])
    assert drawn_without_model(PROBLEM, recorded(*points)) == ("random", [])
