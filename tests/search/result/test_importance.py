"""Which choices matter: shares of the variance, against made-up networks of which they are known."""

from dataclasses import replace

import numpy as np
import pytest

from nas.search.record.trial import TrialRecord, records
from nas.search.result.importance import FEWEST, explained, importances
from tests.helpers.rungs import PROBLEM, Calls, go, in_memory


@pytest.mark.parametrize("weight", [0.5, 1.0, 3.0])
def test_shares_are_those_of_an_additive_function(weight: float) -> None:
    rng = np.random.default_rng(0)
    a, b, idle = rng.integers(0, 2, 4000), rng.integers(0, 4, 4000), rng.integers(0, 9, 4000)
    values = a + weight * b + rng.normal(0, 0.1, 4000)
    variances = 0.25, weight**2 * 1.25, 0.01
    for choice, variance in zip((a, b), variances, strict=False):
        assert explained(values, choice.astype(str)) == pytest.approx(variance / sum(variances), abs=0.02)
    assert explained(values, idle.astype(str)) < 0.005


def test_what_explains_nothing_has_no_share() -> None:
    rng = np.random.default_rng(1)
    values, many = rng.normal(size=40), np.arange(40).astype(str)
    assert explained(values, many) == 0.0  # as many groups as networks fit anything
    assert explained(np.full(40, 0.7), rng.integers(0, 2, 40).astype(str)) == 0.0
    chance = [explained(rng.normal(size=40), rng.integers(0, 20, 40).astype(str)) for _ in range(300)]
    assert np.median(chance) < 0.05  # a plain share of variance would be about a half


def test_of_a_search_each_objective_has_its_choices() -> None:
    study, calls = in_memory(), Calls(["short"])
    go(study, calls, 60)
    trials: list[TrialRecord] = records(study)
    found = importances(PROBLEM, trials)
    assert tuple(each.objective for each in found) == PROBLEM.objectives
    complete = [trial for trial in trials if trial.state == "complete"]
    for each in found:
        assert each.n == len(complete)
        assert list(each.shares.values()) == sorted(each.shares.values(), reverse=True)
        assert set(each.shares) <= set(complete[0].params)
    assert found[1].shares  # what the networks cost follows from the choices
    relabelled = [
        replace(trial, params={name: f"v{value}" for name, value in trial.params.items()}) for trial in trials
    ]
    assert importances(PROBLEM, relabelled) == found
    assert importances(PROBLEM, complete[: FEWEST - 1]) == ()
