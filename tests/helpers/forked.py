"""Commands in children forked from one process that has them loaded, each under limits of time and memory.

Run as a module, it answers each line of stdin, a JSON list [folder, command, arguments …], with a line, an `Ended`.
"""

import gc
import io
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

CPU_S = 5
MEMORY = 500_000_000
WATCHDOG_S = 120
"""A child that waits for ever is killed after so long; nothing is measured against it."""
WARMING = (
    ("search", "search_space=tiny", "budget=1k"),
    ("search", "search_space=tiny", "budget=2M", "data=imagefolder", "data.path=."),
    ("predict", "arch=nothing", "search_space=tiny"),
    ("record", "hardware=x", "minutes=0"),
    ("validate", "hardware=nothing"),
    ("report", "nothing"),
)
"""Calls that are refused late enough to have loaded what others of the command need."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a child ended: its exit code, negative for a signal, and the beginning of what it wrote."""

    code: int
    out: str
    err: str
    cpu_s: float


class Forks:
    """The process that has the commands loaded."""

    def __init__(self) -> None:
        environment = {**os.environ, "COLUMNS": "80", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        for name in ("FORCE_COLOR", "PYTHONWARNINGS", "TTY_COMPATIBLE"):
            environment.pop(name, None)
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def call(self, folder: Path, command: str, *arguments: str) -> Ended:
        """How `python -m nas.<command> <arguments>` ends in `folder`."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps([str(folder), command, *arguments]).encode() + b"\n")
        self._process.stdin.flush()
        return Ended(**json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        self._process.communicate()


def _serve() -> None:
    from tests.helpers.calls import COMMANDS  # and with them all that they need

    assert COMMANDS
    _warm()
    gc.collect()
    gc.freeze()  # so that children do not copy what they never change
    for line in sys.stdin.buffer:
        sys.stdout.write(json.dumps(asdict(_fork(*json.loads(line)))) + "\n")
        sys.stdout.flush()


def _warm() -> None:
    """Do once, for all children, what commands do once a process; what they say of that goes nowhere."""
    from tests.helpers.calls import run_command

    here, nowhere = os.getcwd(), io.StringIO()
    with tempfile.TemporaryDirectory() as folder, redirect_stdout(nowhere), redirect_stderr(nowhere):
        os.chdir(folder)
        for words in WARMING:
            assert run_command(*words) == 2, nowhere.getvalue()
        os.chdir(here)


def _fork(folder: str, command: str, *arguments: str) -> Ended:
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if not child:
            for number, stream in ((0, os.open(os.devnull, os.O_RDONLY)), (1, out.fileno()), (2, err.fileno())):
                os.dup2(stream, number)
            os._exit(_run(folder, command, arguments))
        watchdog = threading.Timer(WATCHDOG_S, os.kill, (child, signal.SIGKILL))
        watchdog.start()
        _, status, usage = os.wait4(child, 0)
        watchdog.cancel()
        said, complained = (os.pread(file.fileno(), 100_000, 0).decode("utf-8", "replace") for file in (out, err))
    return Ended(os.waitstatus_to_exitcode(status), said, complained, usage.ru_utime + usage.ru_stime)


def _run(folder: str, command: str, arguments: Any) -> int:
    """The command, in a child."""
    from tests.helpers.calls import run_command

    os.chdir(folder)
    _limit()
    code = run_command(command, *arguments)
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def _limit() -> None:
    """Bound this process; the bound of memory is beyond what the loaded modules have, where the system tells that."""
    used = int(resource.getrusage(resource.RUSAGE_SELF).ru_utime + resource.getrusage(resource.RUSAGE_SELF).ru_stime)
    resource.setrlimit(resource.RLIMIT_CPU, (used + CPU_S, used + CPU_S))
    status = Path("/proc/self/status")
    if status.exists():
        (loaded,) = [int(line.split()[1]) * 1024 for line in status.read_text().splitlines() if line[:7] == "VmData:"]
        resource.setrlimit(resource.RLIMIT_DATA, (loaded + MEMORY, loaded + MEMORY))


if __name__ == "__main__":
    _serve()
