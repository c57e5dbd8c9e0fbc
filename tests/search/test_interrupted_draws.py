"""A kill at any write of the record leaves no trace in what follows."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.study import Study, load_study
from optuna.trial import FrozenTrial

from nas.search.record.study import open_study
from nas.search.samplers import SAMPLERS
from nas.spaces.budget import Budget
from nas.spaces.space import SearchSpace
from tests.helpers.search import TINY, go, in_memory, problem

TRIALS = 3
START = [TINY.architecture(row) for row in TINY.sample(np.random.default_rng(9), 2)]


class Killed(BaseException):
    """As a kill: nothing is written from here on."""


class Mortal(JournalFileBackend):
    """A journal that takes so many writes and then none."""

    left = 0

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        if self.left == 0:
            raise Killed
        self.left -= 1
        super().append_logs(logs)


def told(study: Study) -> list[tuple[Any, ...]]:
    """All that a record says of its trials, but for times."""
    return [_told(trial) for trial in study.get_trials(deepcopy=False)]


def _told(trial: FrozenTrial) -> tuple[Any, ...]:
    notes = {name: value for name, value in trial.system_attrs.items() if value is not None}
    return trial.number, trial.state, trial.values, trial.params, trial.user_attrs, notes


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_search_killed_at_any_write_goes_on_as_an_unbroken_one(name: str, tmp_path: Path) -> None:
    """Killed once before every write of the last trials, of which one begins each and others note and tell it."""
    wanted = problem(Budget.parse("2M"))

    def run(study: Study, trials: int = TRIALS) -> Study:
        go(wanted, study, name, trials=trials, start=START)
        return study

    unbroken = told(run(in_memory(wanted)))
    begun = tmp_path / "begun"
    begun.mkdir()
    run(open_study(begun, None, wanted.directions, {}), TRIALS - 1)
    journal = (begun / "study.journal").read_bytes()
    for writes in itertools.count():
        folder = tmp_path / str(writes)
        folder.mkdir()
        (folder / "study.journal").write_bytes(journal)
        backend = Mortal(str(folder / "study.journal"))
        backend.left = writes
        study = load_study(study_name=None, storage=JournalStorage(backend))
        try:
            run(study)
        except Killed:
            assert told(run(open_study(folder, None, wanted.directions, {}))) == unbroken, f"after {writes} writes"
        else:
            break
    assert writes >= 3  # the network, what the evaluation gave, and that it is over


def test_an_end_where_the_space_is_exhausted(twelve: SearchSpace, tmp_path: Path) -> None:
    wanted = problem(space=twelve)
    unbroken = in_memory(wanted)
    go(wanted, unbroken, trials=100)
    go(wanted, open_study(tmp_path, None, wanted.directions, {}), trials=12)
    for _ in range(2):
        study = open_study(tmp_path, None, wanted.directions, {})
        go(wanted, study, trials=100)
        assert told(study) == told(unbroken)
