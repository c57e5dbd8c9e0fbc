"""The study of a run folder: resumed, mended, locked, in any storage, and as rows."""

import json
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from nas.errors import ConfigError, RunError, RunFailed
from nas.results.trials import COLUMNS, read_trials, write_trials
from nas.search.parameters import distributions
from nas.search.record.notes import study_notes
from nas.search.record.storage import working
from nas.search.record.study import lock, open_study
from nas.search.record.trial import rows
from nas.spaces.budget import Budget
from tests.helpers.journal import load_journal
from tests.helpers.search import (
    TINY,
    Counting,
    go,
    in_memory,
    keys,
    problem,
)


def test_half_a_last_line_is_mended(tmp_path: Path) -> None:
    before = go(problem(), open_study(tmp_path, None, problem().directions, {}), trials=3)
    journal = tmp_path / "study.journal"
    whole = journal.read_bytes()
    journal.write_bytes(whole + b'{"op_code": 4, "worker_id": "torn')
    study = open_study(tmp_path, None, problem().directions, {})
    assert rows(study) == before
    after = go(problem(), study, trials=5)
    assert after[:3] == before
    assert journal.read_bytes().startswith(whole)
    assert all(json.loads(line) for line in journal.read_text().splitlines())


def test_the_journal_lock_of_a_killed_process_is_removed(tmp_path: Path) -> None:
    go(problem(), open_study(tmp_path, None, problem().directions, {}), trials=1)
    stale = tmp_path / "study.journal.lock"
    stale.symlink_to("study.journal")  # as JournalFileSymlinkLock leaves it
    study = open_study(tmp_path, None, problem().directions, {})
    assert not stale.is_symlink()
    assert len(go(problem(), study, trials=2)) == 2


@pytest.mark.parametrize("storage", [None, "sqlite"])
def test_other_settings_are_refused_by_name(storage: str | None, tmp_path: Path) -> None:
    url = storage and f"sqlite:///{tmp_path / 'studies.db'}"
    settings = {"budget": "300M MACs", "seed": 0, "objectives": ("accuracy", "latency")}
    open_study(tmp_path, url, problem().directions, settings)
    open_study(tmp_path, url, problem().directions, {**settings, "objectives": ["accuracy", "latency"]})
    with pytest.raises(RunError, match=r"holds a search with seed=0, not 1; choose another folder") as caught:
        open_study(tmp_path, url, problem().directions, {**settings, "seed": 1})
    assert str(tmp_path) in str(caught.value)


def test_other_objectives_are_refused_too(tmp_path: Path) -> None:
    open_study(tmp_path, None, ["maximize", "minimize"], {"objectives": ["accuracy", "latency"]})
    with pytest.raises(RunError, match="objectives="):
        open_study(tmp_path, None, ["maximize"], {"objectives": ["accuracy"]})


def test_one_process_at_a_time(tmp_path: Path) -> None:
    first = lock(tmp_path)
    first.release()
    code = "import sys, filelock; held = filelock.FileLock(sys.argv[1]); held.acquire()"
    code += "; print('held', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", code, first.lock_file]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(RunError, match="another search is running in"):
            lock(tmp_path)
        other.kill()
        other.wait()
        lock(tmp_path).release()  # the lock ends with the process, however that ends


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot write the run folder"):
        lock(tmp_path / "file" / "run")


def test_any_optuna_storage_holds_the_study(tmp_path: Path) -> None:
    folder, url = tmp_path / "my-run", f"sqlite:///{tmp_path / 'studies.db'}"
    folder.mkdir()
    expected = go(problem(), in_memory(problem()), trials=4)
    go(problem(), open_study(folder, url, problem().directions, {"seed": 0}), trials=2)
    assert go(problem(), open_study(folder, url, problem().directions, {"seed": 0}), trials=4) == expected
    name = (folder / "study.name").read_text().strip()
    assert name.startswith("my-run-")
    assert len(optuna.load_study(study_name=name, storage=url).trials) == 4
    assert not (folder / "study.journal").exists()


def test_folders_of_one_name_have_studies_of_their_own(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'studies.db'}"
    first, second = tmp_path / "a" / "run", tmp_path / "b" / "run"
    for folder, seed in ((first, 0), (second, 1)):
        folder.mkdir(parents=True)
        study = open_study(folder, url, problem().directions, {"seed": seed})
        assert study.trials == []
        go(problem(), study, trials=1 + seed)
    assert len(open_study(first, url, problem().directions, {"seed": 0}).trials) == 1
    assert len(open_study(second, url, problem().directions, {"seed": 1}).trials) == 2
    with pytest.raises(RunError, match=r"studies\.db\) holds a search with seed=1, not 0"):
        open_study(second, url, problem().directions, {"seed": 0})


def test_a_copy_of_a_folder_is_refused_its_study_and_a_moved_one_keeps_it(tmp_path: Path) -> None:
    url, folder, other = f"sqlite:///{tmp_path / 'studies.db'}", tmp_path / "run", tmp_path / "other"
    folder.mkdir()
    go(problem(), open_study(folder, url, problem().directions, {}), trials=1)
    shutil.copytree(folder, other)
    with pytest.raises(RunError, match=r"is the study of .*run; delete study\.name"):
        open_study(other, url, problem().directions, {})
    shutil.rmtree(folder)  # as if it had been moved
    assert len(open_study(other, url, problem().directions, {}).trials) == 1
    (other / "study.name").unlink()
    assert open_study(other, url, problem().directions, {}).trials == []


@pytest.mark.parametrize(
    "content", ["", "run", "run-0123456789abcdeg", "../x-0123456789abcdef", "a\nb-0123456789abcdef"]
)
def test_a_name_that_is_none(content: str, tmp_path: Path) -> None:
    (tmp_path / "study.name").write_text(content)
    with pytest.raises(RunError, match=r"study\.name holds no name of a study; restore it, or delete it"):
        open_study(tmp_path, f"sqlite:///{tmp_path / 'studies.db'}", problem().directions, {})


def test_a_storage_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot open storage=nothing://there") as caught:
        open_study(tmp_path, "nothing://there", ["maximize"], {})
    assert "\n" not in str(caught.value)


def test_a_database_that_fails_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "studies.db"
    monkeypatch.setenv("STUDIES", f"sqlite:///{file}?password=hunter2")
    study = open_study(tmp_path, f"sqlite:///{file}", problem().directions, {})
    go(problem(), study, trials=1)
    whole = file.read_bytes()
    with sqlite3.connect(file) as database:
        database.execute("ALTER TABLE trials RENAME TO gone")
    failed = r"storage=env:STUDIES failed: .*no such table.*; what it holds is kept"
    with pytest.raises(RunFailed, match=failed) as told, working("env:STUDIES"):
        go(problem(), study, trials=2)
    assert "\n" not in str(told.value)
    assert "hunter2" not in str(told.value)
    file.write_bytes(whole)
    assert len(go(problem(), open_study(tmp_path, f"sqlite:///{file}", problem().directions, {}), trials=2)) == 2


def test_the_journal_is_plain_optuna(tmp_path: Path) -> None:
    found = go(problem(), open_study(tmp_path, None, problem().directions, {"seed": 0}), trials=3)
    storage = JournalStorage(JournalFileBackend(str(tmp_path / "study.journal")))
    study = optuna.load_study(study_name=None, storage=storage)  # there is one study, so it need not be named
    assert [trial.values for trial in study.trials] == [[row.accuracy, row.costs["latency_ms"]] for row in found]
    assert study_notes(study)["settings"] == {"seed": 0}
    assert rows(load_journal(tmp_path)) == found


def test_rows_and_trials_csv(tmp_path: Path) -> None:
    wanted = problem(Budget.parse("1M"))
    study = in_memory(wanted)
    found = go(wanted, study, trials=3, evaluator=Counting(lambda call: ValueError("a, b") if call == 1 else None))
    study.ask(distributions(TINY))  # not evaluated yet: no row
    contract = "number state key notation accuracy how latency_ms macs params seconds error"
    assert set(contract.split()) <= set(COLUMNS)
    complete = found[keys(found).index(keys(found, "complete")[0])]
    assert (complete.how, complete.seconds, complete.error) == ("short", 1.5, None)
    write_trials(found, tmp_path)
    assert read_trials(tmp_path) == found
    lines = (tmp_path / "trials.csv").read_text().splitlines()
    assert lines[0] == ",".join(COLUMNS)
    assert len(lines) == 1 + len(found)
    assert not list(tmp_path.glob(".*"))
