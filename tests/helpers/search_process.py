"""A search in a process of its own, stopped at an instant, and what its study holds then."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nas.results.trials import TrialRow
from nas.search.record.trial import rows
from tests.helpers.calls import hear_ctrl_c
from tests.helpers.journal import load_journal

SMALL = [
    *("search_space=tiny", "budget=[3M,1.1ms]", "data.limit=400", "proxy.resolution=16", "proxy.batch_size=16"),
    *("confirm.resolution=16", "confirm.seeds=2", "confirm.epochs=1", "confirm.extra=0", "sampler.start=4"),
    *("score.population=16", "confirm.calibration=16", "confirm.int8_loss=null"),
]
LIMIT_S = 240
"""A safety net for whatever is waited for; nothing is measured against it."""


class Command:
    """`python -m nas.search …` in a process group of its own, its output in a file."""

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


def wait_for(condition: Callable[[], Any], running: Command) -> None:
    give_up = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < give_up, running.output
        time.sleep(0.02)


def hold_in_mid_search(running: Command, folder: Path, finished: int) -> None:
    """Stop the process at an instant with `finished` trials done and at least one being evaluated."""
    journal, seen = folder / "study.journal", 0

    def reached() -> bool:
        nonlocal seen
        assert running.process.poll() is None, running.output
        if not journal.exists() or journal.stat().st_size == seen:
            return False
        seen = journal.stat().st_size
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
