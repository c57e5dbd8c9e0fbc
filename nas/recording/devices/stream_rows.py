"""Runs runner.py on a device for the machine that reached it; needs Python 3.9, nothing else.

    python stream_rows.py OFFSET

stdout gets the runner's lines of progress and, beside them, the lines that results.jsonl (in the folder where
this file is) has beyond OFFSET bytes. The runner stops when stdin ends, as it does with the connection. What runs
here for an earlier connection, whose end the device has not noticed yet, is stopped first.
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO


def main() -> None:
    """Run the runner; the exit code is its."""
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(130))
    os.chdir(Path(__file__).resolve().parent)
    with open(".lock", "a+") as lock:
        take_over(lock)
        line = [sys.executable, "runner.py", ".", "--parent", str(os.getpid())]
        runner = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        threading.Thread(target=stop_with_stdin, args=(runner,), daemon=True).start()
        try:
            code = stream(runner, int(sys.argv[1]))
        finally:
            runner.terminate()
            runner.wait()
    sys.exit(code)


def take_over(lock: IO[str]) -> None:
    """Hold the lock; a process that holds it is told to stop first."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        os.kill(int(lock.read()), signal.SIGTERM)
        fcntl.flock(lock, fcntl.LOCK_EX)
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()


def stop_with_stdin(runner: subprocess.Popen[bytes]) -> None:
    """Stop the runner when nobody is at the other end any more."""
    while os.read(0, 4096):
        pass
    runner.terminate()


def stream(runner: subprocess.Popen[bytes], offset: int) -> int:
    """Print what the runner prints, and the rows it has written by then."""
    assert runner.stdout is not None
    with open(1, "wb", buffering=0, closefd=False) as out:
        for text in runner.stdout:
            offset = print_rows(out, offset)
            out.write(text)
        code = runner.wait()
        print_rows(out, offset)
    return code


def print_rows(out: IO[bytes], offset: int) -> int:
    """Print the finished lines of the results beyond `offset`; where they end."""
    if not os.path.exists("results.jsonl"):
        return offset
    with open("results.jsonl", "rb") as results:
        results.seek(offset)
        content = results.read()
    whole = content[: content.rfind(b"\n") + 1]
    out.write(whole)
    return offset + len(whole)


if __name__ == "__main__":
    main()
