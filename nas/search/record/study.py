"""The Optuna study of a run, its only record: locking the run folder, opening the study, resuming it.

Trials are read and written by `trial`; what is no trial (long trainings, files) by `jobs`.
"""

import json
import os
import re
import secrets
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import optuna
from filelock import FileLock, Timeout
from optuna.exceptions import ExperimentalWarning
from optuna.storages import BaseStorage, JournalStorage
from optuna.study import Study, get_all_study_names

from nas.errors import RunError
from nas.measures import Direction
from nas.reading.files import read_text
from nas.reading.passwords import hide
from nas.reading.words import cut
from nas.resources import replace_file
from nas.search.record.journal import open_journal
from nas.search.record.notes import note_study, study_notes
from nas.search.record.storage import close, open_storage

JOURNAL, NAME = "study.journal", "study.name"


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


def earlier_journal(folder: Path) -> JournalStorage | None:
    """The journal that an earlier process left in the folder, if any, for `open_study`: it is checked before any work.

    Raises:
        RunError: it is damaged.
    """
    path = folder / JOURNAL
    return open_journal(path) if os.path.lexists(path) else None


def open_study(
    folder: Path,
    url: str | None,
    directions: Sequence[Direction],
    identity: Mapping[str, Any],
    journal: JournalStorage | None = None,
    shared: str | None = None,
    tell: Callable[[str], None] = lambda text: None,
) -> Study:
    """The study of a run folder, new or resumed; the folder must be locked by this process.

    `identity` is what makes results comparable, by setting: a study begun with another is refused. The `journal` may
    be open already. A study that is `shared` by several folders has that name in the storage at the `url`, an outage
    of which the user is to `tell` of.

    Raises:
        RunError: the journal is damaged, the study is that of another folder, or it was begun under other settings; the
            first that differs is named.
        ConfigError: the storage URL cannot be opened.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    if url is None:
        storage: BaseStorage = journal or open_journal(folder / JOURNAL)
    else:
        storage = open_storage(url, shared is not None, tell)
    try:
        if url is None:
            name = next(iter(get_all_study_names(storage)), _readable(folder))
        else:
            name = shared or folder_name(folder)
        place = str(folder) if url is None else f"{folder} (study {name} of storage={hide(url)})"
        study = optuna.create_study(storage=storage, study_name=name, directions=list(directions), load_if_exists=True)
        if url is not None and shared is None:
            _own(study, folder, place)
        _agree(study, identity, place, "folder with hydra.run.dir=…" if shared is None else "study=")
    except RunError:
        close(storage)
        raise
    return study


def _agree(study: Study, identity: Mapping[str, Any], place: str, other: str) -> None:
    """Note what makes the results of a new study comparable; check that it is the same for one that there is.

    Raises:
        RunError: it is not; the message says which `other` to choose.
    """
    begun = study_notes(study).get("settings")
    if not isinstance(begun, Mapping):
        if study.get_trials(deepcopy=False):
            raise RunError(f"{place} holds a search without its settings; choose another {other}")
        note_study(study, "settings", dict(identity))
        return
    wanted = json.loads(json.dumps(dict(identity)))
    for key in {**wanted, **begun}:
        if key not in begun or key not in wanted or begun[key] != wanted[key]:
            ours, theirs = (_short(each[key]) if key in each else "its default" for each in (wanted, begun))
            raise RunError(f"{place} holds a search with {key}={theirs}, not {ours}; choose another {other}")


def close_study(study: Study) -> None:
    """End what connections `open_study` has made."""
    close(study._storage)


def describe(study: Study, objectives: Sequence[str], facts: Mapping[str, str]) -> None:
    """Tell Optuna's own tools what the values are called, and what is searched: user attributes, for people alone."""
    if study.metric_names != list(objectives):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            study.set_metric_names(list(objectives))
    for name, text in facts.items():
        if study.user_attrs.get(name) != text:
            study.set_user_attr(name, text)


def folder_name(folder: Path) -> str:
    """The folder's name in a storage: of its study, or of its driver; chosen once and kept in the folder.

    Raises:
        RunError: the file that keeps it holds something else.
    """
    path = folder / NAME
    if not path.exists():
        replace_file(path, f"{_readable(folder)}-{secrets.token_hex(8)}\n".encode())
    name = read_text(path, RunError, at_most=200).strip()
    if not re.fullmatch(r"[A-Za-z0-9_.-]*-[0-9a-f]{16}", name):
        raise RunError(f"{path} holds no name of a study; restore it, or delete it to begin another study")
    return name


def _readable(folder: Path) -> str:
    """The folder's name in plain letters."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", folder.resolve().name)[:60]


def _own(study: Study, folder: Path, place: str) -> None:
    """Make the folder, which is locked, the only one of `study`; a moved one stays it, a copy does not become it.

    Raises:
        RunError: another folder on this machine is.
    """
    here, there = folder.resolve(), study_notes(study).get("folder")
    if isinstance(there, str) and there != str(here):
        other = Path(there) / NAME
        if other.is_file() and read_text(other, RunError).strip() == study.study_name:
            raise RunError(
                f"{place} is the study of {cut(there, 160)}; delete {NAME} in the former to begin another one"
            )
    if there != str(here):
        note_study(study, "folder", str(here))


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."
