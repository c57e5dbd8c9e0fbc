"""A server of MariaDB, which speaks MySQL's protocol, on loopback, with its data in a folder of its own."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.helpers.postgres import PASSWORD, free_port

_NEEDED = ("mariadbd", "mariadb-install-db", "mariadb", "mariadb-admin")
_STARTED_S = 60
"""A safety net; nothing is measured against it."""


def missing() -> str:
    """Why there can be no server here; empty if there can."""
    absent = [name for name in _NEEDED if _program(name) is None]
    return f"{absent[0]} of MariaDB is not on the PATH" if absent else ""


def _program(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path="/usr/sbin")


@contextmanager
def server() -> Iterator[str]:
    """The URL of a database of one that runs, whose data go with it."""
    with tempfile.TemporaryDirectory(prefix="mariadb-") as above:
        data, port = Path(above) / "data", free_port()
        # as the tests' own user: what is started by root else wants a user of its own
        own = ["--no-defaults", *(["--user=root"] if os.geteuid() == 0 else [])]
        socket = f"--socket={above}/socket"
        _do("mariadb-install-db", *own, f"--datadir={data}", "--auth-root-authentication-method=normal")
        options = [f"--datadir={data}", f"--port={port}", "--bind-address=127.0.0.1", socket, "--skip-name-resolve"]
        with (Path(above) / "log").open("wb") as log:
            running = subprocess.Popen([str(_program("mariadbd")), *own, *options], stdout=log, stderr=log)
        try:
            _wait(socket)
            grant = f"create database searches; grant all on searches.* to nas@'127.0.0.1' identified by '{PASSWORD}'"
            _do("mariadb", "--no-defaults", "--user=root", socket, "--execute", grant)
            yield f"mysql://nas:{PASSWORD}@127.0.0.1:{port}/searches"
        finally:
            running.terminate()
            running.wait(_STARTED_S)


def _wait(socket: str) -> None:
    end = time.monotonic() + _STARTED_S
    while True:
        try:
            return _do("mariadb-admin", "--no-defaults", "--user=root", socket, "ping")
        except AssertionError:
            assert time.monotonic() < end
            time.sleep(0.1)


def _do(program: str, *words: str) -> None:
    done = subprocess.run([str(_program(program)), *words], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr or done.stdout
