"""The benchmark of what is believed beside what was counted: on a table without data, as its command runs it."""

import re

import numpy as np
import pytest

from benchmarks.believed_choice import NETWORKS, answers, candidates, main, taken
from benchmarks.tables import problem


def test_made_up_answers_are_as_accurate_as_the_networks_and_go_together() -> None:
    rng = np.random.default_rng(0)
    accuracies, costs = candidates(problem("synthetic"), rng)
    assert len(costs) == NETWORKS
    assert (np.diff(costs) > 0).all()
    correct = np.concatenate(answers(accuracies, 20_000, rng))
    assert correct.mean(axis=1) == pytest.approx(accuracies, abs=0.015)
    assert np.asarray(np.corrcoef(correct[:2]))[0, 1] > 0.3


def test_what_is_taken_is_the_best_that_costs_no_more() -> None:
    accuracies, costs = np.array([0.6, 0.8]), np.array([1.0, 2.0])
    assert taken(accuracies, accuracies, costs) == pytest.approx(60.4)  # the dearer one at the last of 50 costs
    assert taken(np.array([1.0, 0.0]), accuracies, costs) == pytest.approx(60)


def test_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--problems", "synthetic", "--images", "75", "--times", "4"])
    row = capsys.readouterr().out.splitlines()[-1]
    counted, believed, _, truth = (float(each) for each in re.findall(r"\d\d\.\d\d", row)[:4])
    assert max(counted, believed) <= truth
