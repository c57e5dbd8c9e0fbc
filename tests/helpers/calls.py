"""Commands: called in this process, or started as one of their own that Ctrl-C reaches."""

import importlib
import io
import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from nas.bench import BenchSettings
from nas.bench import main as bench
from nas.commandline import command
from nas.dashboard import DashboardSettings
from nas.dashboard import main as dashboard
from nas.describe import DescribeSettings
from nas.describe import main as describe
from nas.devices import DevicesSettings
from nas.devices import main as devices
from nas.export import ExportSettings
from nas.export import main as export
from nas.networks import NetworksSettings
from nas.networks import main as networks
from nas.predict import PredictSettings
from nas.predict import main as predict
from nas.record import RecordSettings
from nas.record import main as record
from nas.report.__main__ import main as report
from nas.search.finish.settings import TrainSettings
from nas.search.settings import SearchSettings
from nas.train import main as train
from nas.validate import ValidateSettings
from nas.validate import main as validate

DATA = importlib.import_module("nas.data.__main__")
SEARCH = importlib.import_module("nas.search.__main__")
COMMANDS: dict[str, tuple[Any, ...]] = {
    "networks": (NetworksSettings, networks),
    "export": (ExportSettings, export),
    "bench": (BenchSettings, bench),
    "dashboard": (DashboardSettings, dashboard),
    "data": (DATA.SurveySettings, DATA.main),
    "describe": (DescribeSettings, describe),
    "devices": (DevicesSettings, devices),
    "predict": (PredictSettings, predict),
    "record": (RecordSettings, record),
    "search": (SearchSettings, SEARCH.main, SEARCH.check),
    "train": (TrainSettings, train),
    "validate": (ValidateSettings, validate),
}


def call(monkeypatch: pytest.MonkeyPatch, name: str, *arguments: str) -> int:
    """The exit code of `python -m nas.<name> <arguments>`, run in this process."""
    monkeypatch.setattr(sys, "argv", sys.argv)
    return run_command(name, *arguments)


def output_of(folder: Path, name: str, *arguments: str) -> tuple[int, str, str]:
    """The exit code, the output and the messages of a command run in this process, in `folder`, for 80 columns."""
    output, errors = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as a user's interpreter does with most
        patch.chdir(folder)
        patch.setenv("COLUMNS", "80")
        patch.setattr(sys, "argv", sys.argv)
        for variable in ("FORCE_COLOR", "TTY_COMPATIBLE"):
            patch.delenv(variable, raising=False)
        with redirect_stdout(output), redirect_stderr(errors):
            code = run_command(name, *arguments)
    return code, output.getvalue(), errors.getvalue()


def run_command(name: str, *arguments: str) -> int:
    """The same where nothing else looks at `sys.argv` afterwards."""
    sys.argv = [name, *arguments]
    try:
        if name == "report":
            return report()
        command(name, *COMMANDS[name])
    except SystemExit as ended:
        return int(ended.code or 0)
    raise AssertionError("a command ends with SystemExit")


def check_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, arguments: Sequence[str], error: str
) -> None:
    """The command says that one line and what comes after it there, exits with 2, and leaves nothing behind."""
    before = sorted(os.listdir())
    assert call(monkeypatch, name, *arguments) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith(f"error: {error}")
    assert captured.err.count("\n") == 1
    assert captured.out == ""
    assert sorted(os.listdir()) == before


def start(folder: Path, name: str, *arguments: str) -> subprocess.Popen[str]:
    """`python -m nas.<name>` in a process group of its own, with its output and its messages in pipes.

    Where a shell started the tests in the background they ignore SIGINT, and so would every process they start.
    """
    return subprocess.Popen(
        [sys.executable, "-m", f"nas.{name}", *arguments],
        cwd=folder,
        text=True,
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=hear_ctrl_c,
    )


def hear_ctrl_c() -> None:
    """In a new process, before it runs anything: SIGINT does what it does in a terminal."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """The exit code, the output and the messages of a process at its end."""
    output, errors = process.communicate()
    return process.returncode, output, errors


def wait_for(condition: Callable[[], Any]) -> None:
    """Wait for what must come; the limit is a safety net."""
    for _ in range(6000):
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError("it never came")
