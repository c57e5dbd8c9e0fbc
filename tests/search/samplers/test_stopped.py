"""What stopped networks say to a model."""

from pathlib import Path

import numpy as np
from optuna.trial import TrialState

from nas.proxies.base import Evaluation
from nas.search.parameters import decode, distributions
from nas.search.pareto.surrogate import Inputs, fit
from nas.search.record.trial import read_trial, rows, write_candidate, write_rungs
from nas.search.rungs import Ladder, Rung
from nas.search.samplers.stopped import estimates
from nas.spaces.architecture import Architecture
from tests.helpers.rungs import PROBLEM, TINY, Calls, go, in_memory, on_disk, worth


def test_stopped_networks_are_estimated_by_those_that_went_on() -> None:
    study = in_memory()
    go(study, Calls(["short", "long"]), 60)
    trials = study.get_trials()
    found = estimates(PROBLEM, study)
    stopped = [trial for trial in trials if trial.state == TrialState.PRUNED]
    assert len(stopped) > 10
    assert set(found) == {trial.number for trial in stopped}
    misses = []
    for trial in stopped:
        (accuracy, latency_ms), (error, exact) = found[trial.number]
        assert (latency_ms, exact) == (read_trial(trial).measures["latency_ms"], 0)
        assert 0.01 < error < 0.2  # uniform noise of width 0.2 has a deviation of 0.058
        misses.append((accuracy - worth(decode(TINY, trial.params))) / error)
    assert 0.5 < np.sqrt(np.mean(np.square(misses))) < 2
    few = in_memory()
    go(few, Calls(["short", "long"]), 5)
    assert estimates(PROBLEM, few) == {}


def test_each_rung_is_read_on_its_own_and_running_trials_count() -> None:
    study = in_memory()
    go(study, Calls(), 120)
    trials = study.get_trials()
    found = estimates(PROBLEM, study)
    by_step: dict[int, list[float]] = {1: [], 2: []}
    for trial in trials:
        if trial.number in found:
            by_step[len(read_trial(trial).rungs)].append(found[trial.number][1][0])
    assert all(len(set(errors)) == 1 for errors in by_step.values())
    begun = study.ask(distributions(TINY))
    write_candidate(begun, read_trial(trials[0]).measures)
    assert begun.number not in estimates(PROBLEM, study)
    write_rungs(begun, read_trial(trials[0]).rungs[:1])
    assert begun.number in estimates(PROBLEM, study)


def test_a_rung_that_says_nothing_of_the_next_is_not_read() -> None:
    def against(arch: Architecture) -> Evaluation:
        accuracy = 0.5 - 0.5 * worth(arch)
        return Evaluation(accuracy, accuracy, accuracy, "any", 1.0, 1, 32)

    study, calls = in_memory(), Calls(["short", "long"])
    calls.ladder = Ladder((Rung("short", against), calls.ladder.rungs[1]), keep=0.33)
    go(study, calls, 40)
    assert "stopped" in {row.state for row in rows(study)}
    assert estimates(PROBLEM, study) == {}


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
    assert "stopped" in {row.state for row in unbroken}
