"""When a search has nothing more to gain."""

import math
from pathlib import Path

import numpy as np
import pytest
from optuna.study import Study

from nas.problem import reference_point
from nas.proxies.base import Evaluation
from nas.search.front import hypervolume, hypervolume_history
from nas.search.loop import Stopping, search
from nas.search.patience import Patience, expected_gain
from nas.search.record.trial import read_trial, records
from nas.search.rungs import Ladder, Rung
from nas.search.samplers.distinct import make_sampler
from nas.spaces.architecture import Architecture
from nas.spaces.cost import cost
from tests.helpers.rungs import PROBLEM, REFERENCE, Calls, go, in_memory, on_disk, recorded
from tests.helpers.search import Threads, context, sampler_settings


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
    points = [(row.accuracy, row.costs["latency_ms"]) for row in found]
    gains = [expected_gain(PROBLEM, recorded(*points[:n]), REFERENCE, 8) for n in range(len(points) + 1)]
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
    run = context(PROBLEM, study, reference=reference_point(PROBLEM, 0.1))
    sampler = make_sampler(PROBLEM, sampler_settings("pareto", start=6, pool=2000), 0)
    return search(run, Ladder((Rung("short", smooth),)), sampler, Stopping(trials, patience=patience))


def test_patience_with_a_model_ends_by_what_it_expects(tmp_path: Path) -> None:
    patience, reference = Patience(5, 0.002), reference_point(PROBLEM, 0.1)
    ended = go_smooth(on_disk(tmp_path), patience)
    trials = on_disk(tmp_path).get_trials()
    assert ended.startswith("5 more networks are expected to raise the hypervolume by 0.")
    assert 11 <= len(trials) < 150
    notes = [(trial.drawn, trial.expected_gain is not None) for trial in map(read_trial, trials)]
    assert notes == 6 * [("start", False)] + (len(trials) - 6) * [("model", True)]
    assert all(0 <= (read_trial(trial).expected_gain or 0) < 0.5 for trial in trials)
    last = expected_gain(PROBLEM, on_disk(tmp_path), reference, 5)
    assert last is not None
    assert last < 0.002

    count = len(trials)
    assert go_smooth(on_disk(tmp_path), patience) == ended  # resumed, it has ended already
    assert len(on_disk(tmp_path).trials) == count
    go_smooth(on_disk(tmp_path / "cut"), None, trials=count - 2)
    assert go_smooth(on_disk(tmp_path / "cut"), patience) == ended
    assert [t.system_attrs for t in on_disk(tmp_path / "cut").trials] == [t.system_attrs for t in trials]


def test_the_gain_expected_of_a_proposal_is_what_it_would_add() -> None:
    study, reference = in_memory(), reference_point(PROBLEM, 0.1)
    go_smooth(study, None, trials=30)
    points = [trial.values for trial in study.trials]
    added = np.diff(hypervolume_history(points, PROBLEM.objectives, reference))[9:]
    hoped = [trial.expected_gain or 0 for trial in records(study)[10:]]
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
