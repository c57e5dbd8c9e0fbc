"""Rungs: who goes on from them, and searches over several."""

import csv
import json
import math
import shutil
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from optuna.trial import TrialState

from nas.errors import ConfigError
from nas.problem import Problem
from nas.proxies.base import Evaluation
from nas.proxies.scores.evaluate import ScoreValues
from nas.results.trials import TrialRow, read_trials, write_trials
from nas.search.front import hypervolume
from nas.search.record.trial import read_trial, records
from nas.search.rungs import Ladder, Rung, check_rungs, goes_on, rung_record
from nas.spaces.architecture import Architecture
from nas.spaces.budget import Budget
from tests.helpers.display import Silent
from tests.helpers.journal import load_journal
from tests.helpers.rungs import PROBLEM, RUNGS, TINY, Calls, go, in_memory, on_disk
from tests.helpers.search import Threads


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
        assert decide([v for v, _ in found], [c for _, c in found], keep)


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
    """Accuracy grows with cost here: the case in which ranks alone favour the expensive ones of each bin."""
    rng = np.random.default_rng(1)
    costs = np.exp(rng.uniform(0, 3, 100))
    values = 0.9 - 0.4 * np.exp(-costs / 5) - rng.exponential(0.05, 100)
    kept = np.array([goes_on(values[: n + 1], costs[: n + 1, None], 0.33) for n in range(100)])
    points = np.stack([values, costs], axis=1)

    def share(rows: NDArray[np.float64]) -> float:
        return hypervolume(rows.tolist(), ("accuracy", "latency"), {"accuracy": 0.1, "latency": 21.0})

    whole = share(points)
    drawn = [share(points[rng.permutation(100)[: kept.sum()]]) for _ in range(50)]
    assert kept.mean() < 0.65
    reached_with_rungs = share(points[kept])
    assert np.median(drawn) < reached_with_rungs <= whole
    assert reached_with_rungs > 0.99 * whole


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        (("short", "confirm"), "unknown rung 'confirm'; known: long, score, short"),
        (("long", "short"), r"from cheap to expensive \(score, short, long\), each once, got \['long', 'short'\]"),
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
        rung_record("any", ScoreValues({"a": 1.0, "b": math.nan}, {"a": 0.1}))
    with pytest.raises(ValueError, match="the accuracy is inf"):
        rung_record("any", Evaluation(math.inf, 0, 1, "short", 1, 1, 32))


def test_every_network_ends_in_a_definite_state_and_keeps_what_it_reached(tmp_path: Path) -> None:
    study, calls = in_memory(), Calls()
    found = go(study, calls, 40)
    states = [row.state for row in found]
    assert len(found) == 40
    assert set(states) == {"complete", "stopped"}
    assert {t.state for t in study.trials} == {TrialState.COMPLETE, TrialState.PRUNED}
    assert len(set(calls.asked)) == len(calls.asked)
    for row, trial in zip(found, study.trials, strict=True):
        climbed = read_trial(trial).rungs
        names = [record.how for record in climbed]
        assert names == list(RUNGS[: len(names)])
        assert list(row.rungs) == names
        assert row.how == names[-1]
        assert row.seconds == sum({"score": 0.75}.get(name, 2.0) for name in names)
        assert [record.goes_on for record in climbed[:-1]] == [True] * (len(climbed) - 1)
        if row.state == "complete":
            assert names == list(RUNGS)
            assert trial.values == [row.accuracy, row.costs["latency_ms"]]
            assert row.accuracy == row.rungs["long"]
        else:
            assert climbed[-1].goes_on is False
            assert row.accuracy == (row.rungs["short"] if "short" in names else None)
    assert {row.how for row in found if row.state == "stopped"} == {"score", "short"}
    write_trials(found, tmp_path)
    assert read_trials(tmp_path) == found
    with (tmp_path / "trials.csv").open(newline="") as file:
        assert json.loads(next(csv.DictReader(file))["rungs"])["score"].keys() == {"a", "b"}


def test_one_rung_is_a_plain_search() -> None:
    study, calls = in_memory(), Calls(["short"])
    found = go(study, calls, 12)
    assert [row.state for row in found] == ["complete"] * 12
    assert len(calls.asked) == 12
    assert all(read_trial(trial).rungs[0].goes_on is None for trial in study.trials)


def test_trials_counts_the_networks_begun_stopped_or_not() -> None:
    study = in_memory()
    over = Problem(TINY, PROBLEM.profile, Budget.parse("1M"))
    found = go(study, Calls(), 20, problem=over)
    states = [row.state for row in found]
    assert states.count("rejected") > 0
    assert len(states) - states.count("rejected") == 20
    assert states.count("stopped") > 0


def test_a_failure_on_a_later_rung_keeps_the_earlier_ones() -> None:
    calls = Calls(fail=lambda rung, call: OSError("no room") if rung == "short" and call < 6 else None)
    found = go(in_memory(), calls, 12)
    failed = [row for row in found if row.state == "failed"]
    assert failed
    for row in failed:
        assert (list(row.rungs), row.error, row.accuracy) == (["score"], "OSError: no room", None)


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
    broken.ladder = Ladder((Rung("score", third_is_broken), *calls.ladder.rungs[1:]), 0.33)
    found = go(in_memory(), broken, 6)
    assert [row.error for row in found if row.state == "failed"] == ["ValueError: the a is inf"]


def test_killed_after_any_line_of_the_journal_nothing_is_lost_or_repeated(tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    whole.mkdir()
    calls = Calls()
    go(on_disk(whole), calls, 5)
    early = (whole / "study.journal").read_bytes().count(b"\n")
    unbroken = go(on_disk(whole), calls, 8)
    assert {row.state for row in unbroken[5:]} == {"complete", "stopped"}
    lines = (whole / "study.journal").read_bytes().splitlines(keepends=True)
    for kept in range(early, len(lines)):
        folder = tmp_path / "killed"
        folder.mkdir()
        (folder / "study.journal").write_bytes(b"".join(lines[:kept]))
        done = [(r.how, t.key) for t in records(load_journal(folder)) for r in t.rungs]
        again = Calls()
        found = go(on_disk(folder), again, 8)
        ended = load_journal(folder)
        assert not set(done) & set(again.asked), f"repeated after line {kept}"
        assert len(found) == 8
        assert {row.state for row in found} <= {"complete", "stopped"}
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
    assert [record.how for record in read_trial(running).rungs] == ["score", "short"]
    after = Calls()
    assert go(on_disk(tmp_path), after, 10) == unbroken
    assert after.asked[0] == ("long", read_trial(running).key)
    assert not set(killed.asked[:-1]) & set(after.asked)


@pytest.mark.parametrize("slots", [2, 8])
def test_several_at_once(slots: int) -> None:
    study, calls, executor = in_memory(), Calls(), Threads(slots)
    told: list[int] = []

    class Told(Silent):
        def trial(self, row: TrialRow, **_: Any) -> None:
            told.append(row.number)

    found = go(study, calls, 40, executor=executor, display=Told())
    executor.close()
    assert len(found) == len({row.key for row in found}) == 40
    assert {row.state for row in found} == {"complete", "stopped"}
    assert len(set(calls.asked)) == len(calls.asked)
    assert sorted(told) == list(range(40))


def test_a_network_that_is_begun_is_finished_when_the_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("nas.search.loop.time", SimpleNamespace(monotonic=lambda: clock[0]))

    def tick(rung: str, call: int) -> None:
        clock[0] += 10

    study = in_memory()
    found = go(study, Calls(fail=tick), 50, time_limit=25)
    assert [row.state for row in found] == ["complete"]  # begun at 0 s, on its last rung at 20 s
    assert not study.get_trials(states=(TrialState.RUNNING,))


@pytest.mark.parametrize("objectives", [("accuracy",), ("accuracy", "latency", "macs")])
def test_any_number_of_costs(objectives: tuple[str, ...]) -> None:
    problem = Problem(TINY, PROBLEM.profile, Budget(), objectives)
    found = go(in_memory(problem), Calls(), 30, problem=problem)
    states = [row.state for row in found]
    assert 0 < states.count("stopped") < 30
