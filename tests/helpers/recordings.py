"""Calling `nas.record` and waiting for what it writes."""

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nas.commandline import command
from nas.record import RecordSettings
from nas.record import main as record
from nas.recording.bundle import configuration, plan
from nas.recording.runner.figures import finished
from nas.spaces.load import load_space

SEPARABLE, TINY = load_space("separable"), load_space("tiny")


PLAN = plan(TINY, 0, 0.05, [configuration(1, "fp32")])


def call(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The exit code of `python -m nas.record <arguments>`, run in this process."""
    monkeypatch.setattr(sys, "argv", ["record", *arguments])
    with pytest.raises(SystemExit) as ended:
        command("record", RecordSettings, record)
    return int(ended.value.code or 0)


QUICK = ("hardware=my_box", "search_space=tiny", "minutes=0.02")


def start(folder: Path) -> subprocess.Popen[str]:
    """`python -m nas.record` in a process group of its own."""
    line = [sys.executable, "-m", "nas.record", *QUICK]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(line, cwd=folder, text=True, start_new_session=True, **pipes)  # type: ignore[call-overload]


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait for what must come; the limit is a safety net."""
    for _ in range(6000):
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError("it never came")


def rows_of(path: Path) -> list[bytes]:
    return path.read_bytes().split(b"\n")[:-1] if path.exists() else []


def check_measured_once(rows: list[dict[str, Any]]) -> None:
    """Nothing was measured again, and everything begun was finished."""
    assert Counter(row["type"] for row in rows)["plan"] == 1
    kinds = {row["id"]: row["model"]["kind"] for row in rows if row["type"] == "profile"}
    assert len(kinds) == sum(row["type"] == "profile" for row in rows)
    measured: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        if row["type"] == "burst":
            before = measured.setdefault(row["id"], [])
            assert not finished(before, kinds[row["id"]]), "measured though it was finished"
            before.append(row)
    assert set(measured) == set(kinds)
    assert all(finished(found, kinds[model]) for model, found in measured.items())
