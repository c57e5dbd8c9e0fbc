"""What random search would have reached."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from optuna.trial import TrialState

from nas.search.front import hypervolume
from nas.search.record.trial import note_proposal, write_candidate
from nas.search.result.random_search import FEWEST, MOST, drawn_without_model, random_search
from tests.helpers.rungs import PROBLEM, Calls, go, in_memory, recorded

BOX = {"accuracy": 0.0, "latency": 1.0}
OBJECTIVES = ("accuracy", "latency")


def draw(rng: np.random.Generator, n: int) -> Any:
    latency = rng.uniform(0.1, 1.0, n)
    return np.stack([0.5 + 0.4 * latency - np.abs(rng.normal(0, 0.15, n)), latency], axis=1)


def test_random_search_begins_with_the_mean_and_reaches_the_whole() -> None:
    points = draw(np.random.default_rng(0), 12)
    found = random_search(points, OBJECTIVES, BOX, most=100)
    assert found is not None
    assert found.draws == 12
    assert len(found.mean) == len(found.low) == len(found.high) == 24
    alone = np.mean([hypervolume([point], OBJECTIVES, BOX) for point in points])
    assert found.mean[0] == pytest.approx(alone, abs=0.005)
    assert found.mean[11] == pytest.approx(hypervolume(points, OBJECTIVES, BOX), abs=0.005)
    pairs = [hypervolume(points[[a, b]], OBJECTIVES, BOX) for a in range(12) for b in range(a)]
    assert found.mean[1] == pytest.approx(np.mean(pairs), abs=0.005)
    for curve in ("mean", "low"):
        assert all(a <= b + 1e-12 for a, b in pairwise(getattr(found, curve)))
    assert all(
        0 <= low <= mean <= high <= 1
        for low, mean, high in zip(*(getattr(found, c) for c in ("low", "mean", "high")), strict=True)
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
        curves.append(found.mean)
        fresh = [hypervolume(draw(np.random.default_rng((3, seed, n)), n), OBJECTIVES, BOX) for n in (5, 10, 20)]
        held += [found.low[n - 1] <= value <= found.high[n - 1] for n, value in zip((5, 10, 20), fresh, strict=True)]
    for n, expected in truth.items():
        assert np.mean(curves, axis=0)[n - 1] == pytest.approx(expected, abs=0.02)
    assert np.mean(held) > 0.8


def test_random_search_ends_where_it_is_told_and_says_nothing_of_too_few() -> None:
    points = draw(np.random.default_rng(0), 250)
    assert random_search(points[: FEWEST - 1], OBJECTIVES, BOX, most=9) is None
    short = random_search(points[:9], OBJECTIVES, BOX, most=5)
    assert short is not None
    assert len(short.mean) == 5
    many = random_search(points, OBJECTIVES, BOX, most=10)
    assert many is not None
    assert many.draws == MOST
    beyond = random_search([[-0.5, 2.0]] * 6, OBJECTIVES, BOX, most=99)
    assert beyond is not None
    assert set(beyond.mean) == {0.0}


def test_only_complete_networks_noted_as_drawn_at_random_count() -> None:
    points = [(0.5 + n / 50, 0.5 + n / 20) for n in range(6)]
    study = recorded(*points, drawn=["random", "model", "random", None, "random", "random"])
    stopped = study.ask()
    write_candidate(stopped, {"latency_ms": 1.0})
    note_proposal(study, study.trials[stopped.number], "random")
    study.tell(stopped, state=TrialState.PRUNED)
    assert drawn_without_model(PROBLEM, study) == ("random", [list(points[n]) for n in (0, 2, 4, 5)])


def test_networks_spread_over_the_cost_count_and_are_told_apart() -> None:
    points = [(0.5, 0.5), (0.6, 1.0), (0.7, 1.5)]
    study = recorded(*points, drawn=["start", "model", "random"])
    assert drawn_without_model(PROBLEM, study) == ("start", [list(points[0]), list(points[2])])
    assert drawn_without_model(PROBLEM, recorded(*points)) == ("random", [])


def test_a_trial_interrupted_while_it_was_drawn_says_nothing_of_random_search() -> None:
    study = in_memory()
    go(study, Calls(["short"]), 5)
    before = drawn_without_model(PROBLEM, study)
    interrupted = study.ask()
    note_proposal(study, study.trials[interrupted.number], "random")
    assert drawn_without_model(PROBLEM, study) == before
