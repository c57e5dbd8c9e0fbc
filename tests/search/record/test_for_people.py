"""What Optuna's own tools show of a search: its name, the names of its values, and few attributes."""

import shutil
from pathlib import Path

import optuna
import pytest
from optuna.study import Study
from optuna.trial import TrialState

from nas.proxies.base import Evaluation
from nas.search.parameters import decode
from nas.search.record.study import describe, open_study
from nas.spaces.architecture import Architecture
from nas.spaces.budget import Budget
from tests.helpers.journal import load_journal
from tests.helpers.search import TINY, Counting, evaluate, go, problem

NAMES = ["worth", "latency_ms"]
FACTS = {"hardware": "Pixel 4", "budget": "2M MACs"}
WANTED = problem(Budget.parse("2M"))


def corrected(arch: Architecture) -> Evaluation:
    """An accuracy, and a worth beside it."""
    found = evaluate(arch)
    return Evaluation(found.accuracy, found.low, found.high, "short", 1.5, 1, 32, worth=found.accuracy / 2)


@pytest.fixture
def study(tmp_path: Path) -> Study:
    folder = tmp_path / "pixel4-2M tiny"
    folder.mkdir()
    study = open_study(folder, None, WANTED.directions, {"seed": 0})
    describe(study, NAMES, FACTS)
    go(WANTED, study, trials=4, evaluator=corrected)
    return load_journal(folder)


def test_a_study_is_named_after_its_run_and_keeps_the_name(study: Study, tmp_path: Path) -> None:
    assert study.study_name == "pixel4-2M-tiny"
    trials = len(study.trials)
    moved = tmp_path / "elsewhere"
    shutil.move(tmp_path / "pixel4-2M tiny", moved)
    again = open_study(moved, None, WANTED.directions, {"seed": 0})
    assert (again.study_name, len(again.trials)) == ("pixel4-2M-tiny", trials)
    assert len(optuna.get_all_study_names(again._storage)) == 1


def test_values_have_names_and_the_search_is_described_once(study: Study, tmp_path: Path) -> None:
    assert study.metric_names == NAMES
    assert study.user_attrs == FACTS
    path = tmp_path / "pixel4-2M tiny" / "study.journal"
    again = open_study(path.parent, None, WANTED.directions, {"seed": 0})
    before = path.read_bytes()
    describe(again, NAMES, FACTS)
    assert path.read_bytes() == before, "nothing new, nothing written"


def test_a_trial_shows_its_raw_accuracy_beside_its_worth_and_nothing_more(study: Study) -> None:
    complete = study.get_trials(states=(TrialState.COMPLETE,))
    assert len(complete) == 4
    for trial in complete:
        arch = decode(TINY, trial.params)
        assert trial.user_attrs.keys() == {"network", "macs", "accuracy"}
        assert trial.user_attrs["network"] == arch.notation
        assert trial.values[0] == trial.user_attrs["accuracy"] / 2 == evaluate(arch).accuracy / 2
    frame = study.trials_dataframe()
    assert {"values_worth", "values_latency_ms", "params_stage1.op", "user_attrs_accuracy"} <= set(frame.columns)
    assert set(frame["params_stage1.op"]) <= {"sep", "mbconv"}
    assert len([column for column in frame if column.startswith("user_attrs_")]) <= 4


def test_a_rejected_and_a_failed_trial_say_why(tmp_path: Path) -> None:
    study = open_study(tmp_path, None, WANTED.directions, {})
    go(WANTED, study, trials=3, evaluator=Counting(lambda call: ValueError("diverged") if call == 0 else None))
    for trial in load_journal(tmp_path).trials:
        expected = {TrialState.FAIL: "ValueError: diverged", TrialState.COMPLETE: None}
        if trial.state == TrialState.PRUNED:
            assert "over the budget" in trial.user_attrs["why"] or "MACs" in trial.user_attrs["why"]
        else:
            assert trial.user_attrs.get("why") == expected[trial.state]
    assert {trial.state for trial in study.trials} == {TrialState.FAIL, TrialState.COMPLETE, TrialState.PRUNED}
