"""Recording over ssh, with a real sshd: stopped, cut off and resumed, and what is wrong in one line."""

import fcntl
import json
import os
import re
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from nas.errors import NasError
from nas.latency.profile import load_profile
from nas.recording.devices.target import Target, open_device
from tests.helpers.calls import call, finish, start, wait_for
from tests.helpers.devices import Server, script
from tests.helpers.recordings import QUICK, check_measured_once, rows_of, small_bundle


def children(parent: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        if int(fields[1]) == parent:
            found.append(int(stat.parent.name))
    return found


def check_profile(folder: Path, name: str, code: int, errors: str) -> None:
    if code == 2:  # so busy a machine that too little settled
        assert "networks to fit and" in errors
        return
    assert (code, errors) == (0, "")
    assert len(load_profile(folder / "hardware_profiles" / name).measurements) >= 4


def test_over_ssh_a_stop_and_a_lost_connection_lose_and_repeat_nothing(server: Server, here: Path) -> None:
    there, results = here / "the pi", here / "runs" / "record-pi" / "results.jsonl"
    arguments = ["hardware=pi", *QUICK, *server.settings(there)]

    process = start(here, "record", *arguments)
    wait_for(lambda: len(rows_of(results)) > 5)
    os.killpg(process.pid, signal.SIGINT)
    code, _, errors = finish(process)
    assert code == 130
    assert "Traceback" not in errors
    with (there / ".lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # nothing runs there any more
    stopped = rows_of(results)
    assert stopped == rows_of(there / "results.jsonl")
    models = {path: path.stat().st_mtime_ns for path in there.rglob("*.onnx")}
    assert len(models) > 10
    scripts = list(there.rglob("*.py"))
    assert {"runner.py", "stream_rows.py", "schedule.py"} < {path.name for path in scripts}

    process = start(here, "record", *arguments)
    wait_for(lambda: len(rows_of(results)) > len(stopped) + 5)
    for session in children(server.process.pid):
        os.kill(session, signal.SIGKILL)
    code, output, errors = finish(process)
    assert code == 2
    assert "error: 127.0.0.1: " in errors
    assert "what was measured is kept, and the same command goes on from there" in errors
    assert errors.count("\n") == 1
    assert f"sending {len(scripts) + 1} files" in output  # the plan and the scripts; no model again
    dropped = rows_of(results)
    assert dropped[: len(stopped)] == stopped

    code, output, errors = finish(start(here, "record", *arguments))
    rows = rows_of(results)
    assert rows[: len(dropped)] == dropped
    assert rows == rows_of(there / "results.jsonl")
    assert models == {path: path.stat().st_mtime_ns for path in there.rglob("*.onnx")}
    check_measured_once([json.loads(row) for row in rows])
    check_profile(here, "pi", code, errors)


def test_rows_that_only_this_side_has_are_sent(server: Server, here: Path) -> None:
    folder, there = small_bundle(here / "bundle"), here / "there"
    measure = open_device(Target("ssh", server.reach(there)), "x")
    measure(folder, lambda line: None)
    rows = rows_of(folder / "results.jsonl")
    check_measured_once([json.loads(row) for row in rows])
    shutil.rmtree(there)
    measure(folder, lambda line: None)
    assert rows_of(folder / "results.jsonl") == rows_of(there / "results.jsonl") == rows
    (there / "results.jsonl").write_bytes(rows[0] + b"\n" + rows[-1] + b"\n")
    with pytest.raises(NasError, match=r"results\.jsonl in .*there on 127\.0\.0\.1 has other rows than the one here"):
        measure(folder, lambda line: None)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (("port", "1"), r"127\.0\.0\.1: ssh: connect to host 127\.0\.0\.1 port 1: Connection refused"),
        (
            ("identity", "other"),
            r"127\.0\.0\.1: it refused the key; give identity=…, or put the key there: ssh",
        ),
        (
            ("host", "localhost"),
            r"localhost: its host key is not known yet; connect once by hand and accept it: ssh",
        ),
        (("python", "/no/python3"), r"127\.0\.0\.1 lacks Python: no /no/python3; install there with `python -m pip"),
        (
            ("python", "bare"),
            r"127\.0\.0\.1 lacks a package: No module named 'numpy'; install there with `python",
        ),
        (("remote", "/proc/x"), r"127\.0\.0\.1: mkdir: cannot create directory .*/proc/x"),
    ],
)
def test_what_is_wrong_with_a_connection_is_one_line(
    changed: tuple[str, str],
    message: str,
    server: Server,
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    key, value = changed
    special = {
        "other": str(server.key.with_name("other_key")),
        "bare": str(script(here / "bare" / "python3", f'#!/bin/sh\nexec {sys.executable} -I -S "$@"\n')),
    }
    arguments = server.settings(here / "there", **{key: special.get(value, value)})
    assert call(monkeypatch, "record", "hardware=pi", *QUICK, *arguments) == 2
    found = capsys.readouterr().err
    assert found.count("\n") == 1
    assert re.match(f"error: {message}", found), found


def test_no_ssh_is_one_line(here: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setenv("PATH", str(here))
    assert call(monkeypatch, "record", "hardware=pi", *QUICK, "device=ssh", "host=pi") == 2
    assert "error: ssh was not found here; install it" in capsys.readouterr().err
