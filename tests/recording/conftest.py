"""Devices that tests measure on."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.calls import wait_for
from tests.helpers.devices import SSHD, Server, make_phone


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A running sshd; the test is skipped where there is none."""
    if SSHD is None or shutil.which("ssh") is None:
        pytest.skip("no OpenSSH server and client here (Debian: apt install openssh-server)")
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # sshd wants it of root, and packages leave it to the system's start
    server = Server(tmp_path_factory.mktemp("sshd"))
    wait_for(server.answers)
    yield server
    server.process.terminate()
    server.process.wait()
    server.log.close()


@pytest.fixture
def server(sshd: Server, here: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    """The sshd, with a client on the PATH that keeps away from ~/.ssh."""
    monkeypatch.setenv("PATH", sshd.path)
    return sshd


@pytest.fixture
def phone(here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for adb on the PATH, and the root folder of its phone, which has Termux."""
    monkeypatch.setenv("PHONE", str(here / "phone"))
    monkeypatch.setenv("PATH", f"{here / 'bin'}:{os.environ['PATH']}")
    return make_phone(here)
