"""The Optuna study of a run, its only record: locking the run folder, opening the study, resuming it.

Trials are read and written by `trial`; what is no trial (long trainings, files) by `jobs`.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import optuna
from filelock import FileLock, Timeout
from optuna.storages import BaseStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.study import Study

from nas.errors import RunError
from nas.measures import Direction
from nas.search.record.storage import open_storage

STUDY_NAME = "search"


def lock(folder: Path) -> FileLock:
    """Take the run folder for this process; the lock ends with the process, however that ends.

    Raises:
        RunError: another process works in the folder, or it cannot be written.
    """
    held = FileLock(folder / ".lock")
    try:
        held.acquire(timeout=0)
    except Timeout:
        raise RunError(f"another search is running in {folder}; wait for it, or choose hydra.run.dir=…") from None
    except OSError as error:
        raise RunError(f"cannot write the run folder {folder}: {error.strerror}") from None
    return held


def open_study(folder: Path, url: str | None, directions: Sequence[Direction], identity: Mapping[str, Any]) -> Study:
    """The study of a run folder, new or resumed; the folder must be locked by this process.

    `identity` is what makes results comparable, by setting: a study begun with another is refused.

    Raises:
        RunError: the study was begun under other settings; the first that differs is named.
        ConfigError: the storage URL cannot be opened.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = _journal(folder) if url is None else open_storage(url)
    name = STUDY_NAME if url is None else folder.resolve().name
    study = optuna.create_study(storage=storage, study_name=name, directions=list(directions), load_if_exists=True)
    begun = study.user_attrs.get("settings")
    if begun is None:
        study.set_user_attr("settings", dict(identity))
        return study
    wanted = json.loads(json.dumps(dict(identity)))
    for key in {**wanted, **begun}:
        if key not in begun or key not in wanted or begun[key] != wanted[key]:
            ours, theirs = (_short(each[key]) if key in each else "its default" for each in (wanted, begun))
            raise RunError(
                f"{folder} holds a search with {key}={theirs}, not {ours}; choose another folder with hydra.run.dir=…"
            )
    return study


def _journal(folder: Path) -> BaseStorage:
    """The run folder's journal, mended first if a kill left half a line or a lock behind."""
    path = folder / "study.journal"
    path.with_name(path.name + ".lock").unlink(missing_ok=True)
    if path.exists():
        content = path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            with path.open("r+b") as file:
                file.truncate(whole)
    return JournalStorage(JournalFileBackend(str(path)))


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."
