"""The Optuna study of a run: opening it, resuming it, and reading it as rows.

The study is the only record. Each trial holds `candidate` (what is known before training), `rungs` (what each
evaluation gave) or `error`, and `state` where Optuna's own says too little; what is not a trial (reference
networks, confirmations) is kept in the study's user attributes. Of what it proposes, the sampler notes `drawn`
(`random`, `start` for networks spread over the cost before there is a model, or `model`) and may note
`expected_gain` (of hypervolume, as a share of the box). What was asked for with `enqueue_trial` has neither.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import optuna
from filelock import FileLock, Timeout
from optuna.storages import BaseStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState

from nas.errors import ConfigError, RunError

Direction = Literal["maximize", "minimize"]
STUDY_NAME = "search"
COLUMNS = (
    *("number", "state", "key", "notation", "accuracy", "how", "latency_ms", "latency_low_ms", "latency_high_ms"),
    *("macs", "params", "weight_bytes", "peak_activation_bytes", "seconds", "error", "rungs", "worth"),
)
"""Columns of trials.csv. `rungs` holds the accuracy, or the scores by name, that each rung gave, as JSON; `worth` is
what the network is ranked by, where that is not its accuracy."""

Record = Mapping[str, Any]
"""What a trial keeps of a rung: `how` (its name), `seconds`, `accuracy` with `low`, `high`, `seeds`, `resolution` or
`scores` (numbers by name), `worth` where networks are not ranked by the accuracy, and `goes_on` where another rung
follows."""

_STATES = {TrialState.COMPLETE: "complete", TrialState.PRUNED: "stopped", TrialState.FAIL: "failed"}


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


def open_study(folder: Path, url: str | None, directions: Sequence[Direction], settings: Mapping[str, Any]) -> Study:
    """The study of a run folder, new or resumed; the folder must be locked by this process.

    `settings` are what makes results comparable: a study begun under others is refused.

    Raises:
        RunError: the study was begun under other settings; the first that differs is named.
        ConfigError: the storage URL cannot be opened.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = _journal(folder) if url is None else _database(url)
    name = STUDY_NAME if url is None else folder.resolve().name
    study = optuna.create_study(storage=storage, study_name=name, directions=list(directions), load_if_exists=True)
    begun = study.user_attrs.get("settings")
    if begun is None:
        study.set_user_attr("settings", dict(settings))
        return study
    for key, value in json.loads(json.dumps(dict(settings))).items():
        if begun.get(key) != value:
            raise RunError(
                f"{folder} holds a search with {key}={_short(begun.get(key))}, not {_short(value)}; "
                "choose another folder with hydra.run.dir=…"
            )
    return study


def load_journal(folder: Path) -> Study:
    """The study of a finished or interrupted run folder, for reading.

    Raises:
        RunError: the folder holds no study.journal.
    """
    path = folder / "study.journal"
    if not path.is_file():
        raise RunError(f"{folder} is not a run folder: it holds no study.journal")
    return optuna.load_study(study_name=STUDY_NAME, storage=JournalStorage(JournalFileBackend(str(path))))


def rows(study: Study) -> list[dict[str, Any]]:
    """A row per trial, with the keys of `COLUMNS`; None where nothing is known."""
    return [row(trial) for trial in study.get_trials(deepcopy=False) if "candidate" in trial.user_attrs]


def row(trial: FrozenTrial) -> dict[str, Any]:
    """One trial as a row: `accuracy` and `how` of the last rung it finished, `seconds` of all."""
    attrs, records = trial.user_attrs, reached(trial)
    known = {**attrs["candidate"], **(records[-1] if records else {})}
    known |= {"number": trial.number, "state": attrs.get("state") or _STATES.get(trial.state, "running")}
    known["error"] = attrs.get("error") if known["state"] in ("failed", "rejected") else None
    known["seconds"] = sum(record["seconds"] for record in records) if records else None
    known["rungs"] = {r["how"]: r["accuracy"] if "accuracy" in r else r["scores"] for r in records} or None
    return {column: known.get(column) for column in COLUMNS}


def reached(trial: Trial | FrozenTrial) -> list[Record]:
    """The records of the rungs that `trial` has finished, the first rung first."""
    return list(trial.user_attrs.get("rungs", ()))


def note(study: Study, trial: FrozenTrial, **facts: Any) -> None:
    """Write user attributes of a trial that a sampler is being asked about."""
    for name, value in facts.items():
        study._storage.set_trial_user_attr(trial._trial_id, name, value)


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


def _database(url: str) -> BaseStorage:
    try:
        return optuna.storages.get_storage(url)
    except Exception as error:  # whatever the driver of the URL raises
        reason = str(error).strip().splitlines()[0]
        raise ConfigError(f"cannot open storage={url}: {reason}; use a URL like sqlite:///searches.db") from None


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."
