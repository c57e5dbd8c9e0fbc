"""Calling the commands as a user does: in this process, or in one of their own."""

import importlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nas.commandline import command
from nas.predict import PredictSettings
from nas.predict import main as predict
from nas.results.trials import TrialRow
from nas.search.record.study import load_journal
from nas.search.record.trial import rows
from nas.search.settings import SearchSettings
from nas.validate import ValidateSettings
from nas.validate import main as validate

search_command = importlib.import_module("nas.search.__main__")
COMMANDS: dict[str, tuple[Any, Callable[..., None]]] = {
    "search": (SearchSettings, search_command.main),
    "predict": (PredictSettings, predict),
    "validate": (ValidateSettings, validate),
}


def call(monkeypatch: pytest.MonkeyPatch, name: str, *arguments: str) -> int:
    """The exit code of `python -m nas.<name> <arguments>`, run in this process."""
    settings, main = COMMANDS[name]
    monkeypatch.setattr(sys, "argv", [name, *arguments])
    with pytest.raises(SystemExit) as ended:
        command(name, settings, main)
    return int(ended.value.code or 0)


SMALL = [
    *("search_space=tiny", "budget=[3M,1.1ms]", "data.limit=400", "proxy.resolution=16", "proxy.batch_size=16"),
    *("confirm.resolution=16", "confirm.seeds=2", "confirm.epochs=1", "confirm.extra=0", "sampler.start=4"),
    "score.population=16",
]
LIMIT_S = 240
"""A safety net for whatever is waited for; nothing is measured against it."""


class Command:
    """`python -m nas.search …` in a process group of its own, its output in a file.

    Where a shell started the tests in the background they ignore SIGINT, and so would every process they start.
    """

    def __init__(self, folder: Path, *arguments: str) -> None:
        self._log = folder.parent / f"{folder.name}.log"
        with self._log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "nas.search", *arguments],
                cwd=folder.parent,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=hear_ctrl_c,
            )

    @property
    def output(self) -> str:
        return self._log.read_text()

    def wait(self) -> int:
        return self.process.wait(LIMIT_S)

    def alive(self) -> bool:
        """Whether any process of the group still runs; one that is dead and not yet reaped does not."""
        if not Path("/proc/self/stat").exists():
            try:
                os.killpg(self.process.pid, 0)
            except ProcessLookupError:
                return False
            return True
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                state, _, group = stat.read_text().rpartition(")")[2].split()[:3]
            except OSError:  # gone meanwhile
                continue
            if int(group) == self.process.pid and state not in "ZX":
                return True
        return False

    def end(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def hear_ctrl_c() -> None:
    """In a new process, before it runs anything: SIGINT does what it does in a terminal."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def wait_for(condition: Callable[[], Any], running: Command) -> None:
    give_up = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < give_up, running.output
        time.sleep(0.02)


def hold_in_mid_search(running: Command, folder: Path, finished: int) -> None:
    """Stop the process at an instant with `finished` trials done and at least one being evaluated."""

    def reached() -> bool:
        assert running.process.poll() is None, running.output
        if not (folder / "study.journal").exists():
            return False
        os.kill(running.process.pid, signal.SIGSTOP)
        try:
            states = [row.state for row in rows(load_journal(folder))]
        except KeyError:  # the journal does not hold the study yet
            states = []
        if states.count("complete") >= finished and "running" in states:
            return True
        os.kill(running.process.pid, signal.SIGCONT)
        return False

    wait_for(reached, running)


def snapshot(folder: Path) -> tuple[dict[int, TrialRow], dict[int, str | None]]:
    """Complete rows by number, and the keys of what is being evaluated."""
    found = rows(load_journal(folder))
    complete = {row.number: row for row in found if row.state == "complete"}
    return complete, {row.number: row.key for row in found if row.state == "running"}
