"""The study of a run folder as Optuna itself reads it."""

from pathlib import Path

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.study import Study


def load_journal(folder: Path) -> Study:
    """The study in `folder`, finished or interrupted; there is one, so it need not be named."""
    return optuna.load_study(study_name=None, storage=JournalStorage(JournalFileBackend(str(folder / "study.journal"))))
