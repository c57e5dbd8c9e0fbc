"""`nas.record`: refused, stopped, killed and resumed."""

import json
import os
import re
import signal
from pathlib import Path
from typing import Any

import pytest

from nas.latency.predictor import latency
from nas.latency.profile import load_profile
from nas.latency.validation import leave_one_out
from tests.helpers.calls import call, check_refused, finish, start, wait_for
from tests.helpers.recordings import QUICK, check_measured_once, rows_of


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "hardware is not set; give hardware=…"),
        (("hardware=my box",), "hardware must be a name of letters, digits and -_. or a path, got 'my box'"),
        (("hardware=x", "minutes=0"), "minutes must be above 0, got 0"),
        (("hardware=x", "minutes=long"), "minutes: input should be a valid number"),
        (("hardware=x", "threads=0"), "threads must be 1 or more, or a list of such numbers, got 0"),
        (("hardware=x", "threads=[1,4096]"), "threads must be at most"),
        (("hardware=x", "precision=fp16"), "precision: input should be 'fp32' or 'int8', got 'fp16'"),
        (("hardware=x", "precision=[]"), "precision must be fp32, int8, or a list of them, got []"),
        (("hardware=x", "cores=[4096]"), "cores must be among those of this host"),
        (("hardware=x", "cores=[]"), "cores must be a list of cores' numbers, or null for all, got []"),
        (("hardware=x", "seed=-1"), "seed must be 0 or above, got -1"),
        (("hardware=x", "device=phone"), "device: input should be 'host', 'ssh', 'adb' or 'bundle', got 'phone'"),
        (("hardware=x", "search_space=nix"), "unknown search space 'nix'; known: "),
        (("hardware=x", "import=nix.jsonl"), "nix.jsonl: cannot be read: No such file or directory"),
        (("hardware=x", "import=[1]"), "import: input should be a valid string"),
        (("hardware=x", "speed=1"), "unknown setting 'speed'; did you mean seed? known: batch, cores, device, "),
        (("hardware=/proc/x", *QUICK), "cannot make the profile folder /proc/x"),
    ],
)
def test_wrong_settings_are_one_line(
    arguments: tuple[str, ...],
    message: str,
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("nas.record.busy_warning", lambda *_: None)  # of this machine, whatever else it does
    check_refused(monkeypatch, capsys, "record", arguments, message)


def test_stopped_killed_and_resumed_loses_and_repeats_nothing(tmp_path: Path) -> None:
    results = tmp_path / "runs" / "record-my_box" / "results.jsonl"
    process = start(tmp_path, "record", "hardware=my_box", *QUICK)
    wait_for(lambda: len(rows_of(results)) > 5)
    os.killpg(process.pid, signal.SIGINT)
    code, _, errors = finish(process)
    assert code == 130
    assert f"python -m nas.record hardware=my_box {' '.join(QUICK)}" in errors
    assert "Traceback" not in errors
    stopped = rows_of(results)

    process = start(tmp_path, "record", "hardware=my_box", *QUICK)
    wait_for(lambda: len(rows_of(results)) > len(stopped) + 5)
    os.kill(process.pid, signal.SIGKILL)  # the runner, its child, goes by itself
    finish(process)
    killed = rows_of(results)
    assert killed[: len(stopped)] == stopped
    assert not (tmp_path / "hardware_profiles" / "my_box" / "profile.yaml").exists()

    process = start(tmp_path, "record", "hardware=my_box", *QUICK)
    code, output, errors = finish(process)
    rows = rows_of(results)
    assert rows[: len(killed)] == killed
    read = [json.loads(row) for row in rows]
    check_measured_once(read)
    if code == 2:  # so busy a machine that too little settled; the rows above are right nevertheless
        assert "networks to fit and" in errors
        return
    assert (code, re.sub("warning: this machine is busy.*\n", "", errors)) == (0, "")
    assert "python -m nas.predict hardware=my_box" in output
    profile = load_profile(tmp_path / "hardware_profiles" / "my_box")
    assert latency(profile.measurements[0].architecture, profile).ms > 0
    assert leave_one_out(profile).n == len(profile.measurements) >= 4


def test_two_commands_do_not_measure_at_once(here: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    from filelock import FileLock

    (here / "runs" / "record-my_box").mkdir(parents=True)
    with FileLock(here / "runs" / "record-my_box" / ".lock"):
        assert call(monkeypatch, "record", "hardware=my_box", *QUICK) == 2
    assert "another nas.record is measuring in runs/record-my_box" in capsys.readouterr().err
