"""What is thought of networks that were judged with noise."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from nas.problem import Problem
from nas.search.believed import FEWEST, believed
from nas.search.parameters import encode
from nas.search.pareto.history import MOST
from nas.spaces.budget import Budget
from nas.spaces.load import load_space
from tests.helpers.search import PIXEL4

SPACE = load_space("nas_bench_macro")
PROBLEM = Problem(SPACE, PIXEL4, Budget(), ("accuracy", "macs"))


def judged(n: int, noise: float, seed: int) -> tuple[list[Any], np.ndarray[Any, Any]]:
    """Trials of n networks, and their accuracies without the noise."""
    rng = np.random.default_rng(seed)
    rows = SPACE.sample(rng, n)
    true = 0.5 + 0.2 * np.log1p(rows.sum(axis=1)) / np.log(17) + 0.02 * (rows[:, 0] - rows[:, -1])
    macs = PROBLEM.cost_arrays(rows)["macs"]

    def trial(number: int) -> Any:
        values = [float(true[number] + noise * rng.standard_normal()), float(macs[number])]
        return SimpleNamespace(number=number, params=encode(SPACE, rows[number]), values=lambda problem: values)

    return [trial(number) for number in range(n)], true


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_model_takes_back_luck_and_leaves_costs_alone(seed: int) -> None:
    trials, true = judged(100, 0.03, seed)
    found = believed(PROBLEM, trials)
    raw = np.array([trial.values(PROBLEM) for trial in trials])
    smooth = np.array([found[trial.number] for trial in trials])
    assert (smooth[:, 1] == raw[:, 1]).all()
    assert np.abs(smooth[:, 0] - true).mean() < 0.7 * np.abs(raw[:, 0] - true).mean()


def test_what_has_no_noise_stays_in_order() -> None:
    trials, true = judged(60, 0.0, 3)
    found = believed(PROBLEM, trials)
    assert [found[n][0] for n in range(60)] == pytest.approx(true.tolist(), abs=0.01)


@pytest.mark.parametrize("n", [1, FEWEST - 1])
def test_few_networks_stand_for_themselves(n: int) -> None:
    trials, _ = judged(n, 0.03, 4)
    assert believed(PROBLEM, trials) == {trial.number: trial.values(PROBLEM) for trial in trials}


def test_of_many_networks_the_first_fronts_are_among_those_believed() -> None:
    trials, true = judged(MOST + 100, 0.0, 5)
    found = believed(PROBLEM, trials)
    assert len(found) == MOST
    assert int(true.argmax()) in found
