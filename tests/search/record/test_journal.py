"""The journal of a run folder: mended where a kill did it, refused by line where it is damaged otherwise."""

import errno
import json
import os
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from nas.errors import RunError
from nas.search.record.journal import LONGEST, open_journal
from nas.search.record.study import open_study
from nas.spaces.budget import Budget
from tests.helpers.journal import load_journal
from tests.helpers.search import go, in_memory, problem

WANTED = problem(Budget.parse("1M"))


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """Of a sound journal with complete and rejected trials."""
    folder = tmp_path_factory.mktemp("sound")
    found = go(WANTED, open_study(folder, None, WANTED.directions, {"seed": 0}), trials=2)
    assert {row.state for row in found} == {"complete", "rejected"}
    return (folder / "study.journal").read_bytes().splitlines(keepends=True)


DEEP = b'{"op_code":2,"worker_id":"w","study_id":0,"user_attr":{"x":' + b"[" * 900 + b"]" * 900 + b"}}"
OF_TRIAL = b'{"op_code":%d,"worker_id":"w","trial_id":%d,%b}'
DAMAGED = {
    "NUL": (b"\0" * 20, "not JSON"),
    "garbage": (b"\xfe\xff garbage", "not JSON"),
    "half a line": (b'{"op_code":5,"worker_id":"06dd', "not JSON"),
    "merge marker": (b"<<<<<<< HEAD", "not JSON: .*<<<<<<< HEAD"),
    "a number": (b"5", "got 5"),
    "a list": (b"[]", r"got \[\]"),
    "null": (b"null", "got None"),
    "unknown operation": (b'{"op_code":77,"worker_id":"w"}', "op_code.*77"),
    "operation as text": (b'{"op_code":"4","worker_id":"w"}', "op_code.*'4'"),
    "no worker": (b'{"op_code":4}', "worker_id"),
    "a key is missing": (b'{"op_code":8,"worker_id":"w","trial_id":0}', "user_attr is missing"),
    "100,000 brackets": (b"[" * 100_000, "nested deeper than"),
    "closed brackets": (b"[" * 100_000 + b"]" * 100_000, "nested deeper than"),
    "900 lists": (DEEP, "nested deeper than"),
    "5,000 digits": (b'{"op_code":' + b"1" * 5000 + b"}", "not JSON"),
    "4,000 digits": (b'{"op_code":1,"worker_id":"w","study_id":' + b"1" * 4000 + b"}", "there is no study a number"),
    "a long line": (b"x" * LONGEST, "longer than 8,000,000 bytes"),
    "another study": (b'{"op_code":4,"worker_id":"w","study_id":1,"datetime_start":null}', "no study 1"),
    "another trial": (OF_TRIAL % (8, 999, b'"user_attr":{"x":1}'), "no trial 999"),
    "settings are no mapping": (
        b'{"op_code":3,"worker_id":"w","study_id":0,"system_attr":{"settings":5}}',
        "settings: .*got 5",
    ),
    "a candidate is no mapping": (OF_TRIAL % (9, 0, b'"system_attr":{"candidate":[1]}'), "candidate"),
    "an accuracy is text": (
        OF_TRIAL % (9, 0, b'"system_attr":{"rungs":[{"how":"short","seconds":1,"accuracy":"high"}]}'),
        "accuracy",
    ),
    "too few values": (OF_TRIAL % (6, 0, b'"state":1,"values":[0.5]'), "values: 2 are needed"),
    "NaN": (OF_TRIAL % (6, 0, b'"state":1,"values":[NaN,1]'), "values.*finite"),
    "no distribution": (
        OF_TRIAL % (5, 0, b'"param_name":"p","param_value_internal":1,"distribution":"{}"'),
        "distribution",
    ),
    "no time": (b'{"op_code":4,"worker_id":"w","study_id":0,"datetime_start":"noon"}', "datetime_start"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_line_is_named(name: str, lines: list[bytes], tmp_path: Path) -> None:
    damaged, says = DAMAGED[name]
    path = tmp_path / "study.journal"
    path.write_bytes(b"".join([*lines, damaged + b"\n", lines[-1]]))
    with pytest.raises(RunError, match=says) as caught:
        open_journal(path)
    text = str(caught.value)
    assert f"{path}, line {len(lines) + 1} is damaged: " in text
    assert "restore the file from a copy, or begin anew" in text
    assert len(text) < 480 + len(str(tmp_path))
    assert "\n" not in text


@pytest.mark.parametrize("number", [0, 2])
def test_a_record_that_others_need_is_missing(number: int, lines: list[bytes], tmp_path: Path) -> None:
    path = tmp_path / "study.journal"
    path.write_bytes(b"".join(lines[:number] + lines[number + 1 :]))
    with pytest.raises(RunError, match=r"line \d+ is damaged: there is no (study|trial) \d"):
        open_journal(path)


@pytest.mark.parametrize("part", ["params", "system_attrs", "rungs"])
def test_a_trial_of_which_a_part_is_missing(part: str, lines: list[bytes], tmp_path: Path) -> None:
    found = [json.loads(line) for line in lines]
    if part == "rungs":
        last = max(number for number, line in enumerate(found) if part in line.get("system_attr", {}))
        del found[last]
    else:
        begun = [line for line in found if line["op_code"] == 4 and line["state"] == TrialState.RUNNING]
        begun[-1][part].popitem() if part == "params" else begun[-1][part].pop("candidate")
    path = tmp_path / "study.journal"
    path.write_text("".join(json.dumps(line) + "\n" for line in found))
    with pytest.raises(RunError, match="a line before it is missing"):
        open_journal(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda line: line["distributions"].popitem(), "distributions: .* is missing"),
        (lambda line: line["params"].update({next(iter(line["params"])): 99}), "99.* is outside the distribution"),
        (lambda line: line["params"].update({next(iter(line["params"])): "x"}), "params"),
        (lambda line: line.update(state=TrialState.COMPLETE, values=[0.5, 1.0]), "a line before it is missing"),
        (lambda line: line["system_attrs"].update(state="lost"), "state: .*got 'lost'"),
    ],
)
def test_a_trial_that_is_begun_wrongly(change: Any, message: str, lines: list[bytes], tmp_path: Path) -> None:
    found = [json.loads(line) for line in lines]
    change(next(line for line in found if line["op_code"] == 4))
    path = tmp_path / "study.journal"
    path.write_text("".join(json.dumps(line) + "\n" for line in found))
    with pytest.raises(RunError, match=f"line 3 is damaged: .*{message}"):
        open_journal(path)


def test_a_search_without_its_settings_is_refused(lines: list[bytes], tmp_path: Path) -> None:
    (tmp_path / "study.journal").write_bytes(b"".join(lines[:1] + lines[2:]))
    with pytest.raises(RunError, match="holds a search without its settings"):
        open_study(tmp_path, None, WANTED.directions, {"seed": 0})


@pytest.mark.parametrize("blank", [b"\n", b"  \t\r\n", b"\n\n\n"])
@pytest.mark.parametrize("tail", [b"", b'{"op_code": 4, "worker', b"\0" * 4096])
def test_blank_lines_and_half_a_last_one_go(blank: bytes, tail: bytes, lines: list[bytes], tmp_path: Path) -> None:
    path = tmp_path / "study.journal"
    path.write_bytes(b"".join([blank, *lines[:5], blank, *lines[5:], blank, tail]))
    go(WANTED, open_study(tmp_path, None, WANTED.directions, {"seed": 0}), trials=3)
    assert path.read_bytes().startswith(b"".join(lines))
    assert go(WANTED, load_journal(tmp_path), trials=3) == go(WANTED, in_memory(WANTED), trials=3)


def test_what_is_no_file_is_no_journal(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("")
    for make in (Path.mkdir, os.mkfifo, lambda path: path.symlink_to(tmp_path / "real")):
        path = tmp_path / "study.journal"
        make(path)
        with pytest.raises(RunError, match="is no regular file; move it away"):
            open_journal(path)
        path.rmdir() if path.is_dir() else path.unlink()


def test_a_full_disk_leaves_whole_lines(lines: list[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = open_study(tmp_path, None, ["maximize"], {"seed": 0})
    path = tmp_path / "study.journal"
    before = path.read_bytes()

    def full(file: int) -> None:
        os.truncate(file, os.fstat(file).st_size - 5)  # the rest found no room
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("nas.search.record.journal.os.fsync", full)
        with pytest.raises(OSError, match="No space"):
            study.set_user_attr("x", {"y": 1})
    assert path.read_bytes() == before
    study.set_user_attr("x", {"y": 2})  # the next one does not hang on to half a line
    assert optuna.load_study(study_name=None, storage=JournalStorage(JournalFileBackend(str(path)))).user_attrs["x"]
