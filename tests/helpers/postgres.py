"""A server of PostgreSQL on loopback, with its data in a folder of the test, and a wire to it that can be cut."""

import os
import pwd
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PASSWORD = "not-to-be-seen"
_NEEDED = ("initdb", "pg_ctl", "postgres")


def missing() -> str:
    """Why there can be no server here; empty if there can."""
    if absent := [name for name in _NEEDED if shutil.which(name) is None]:
        return f"{absent[0]} of PostgreSQL is not on the PATH"
    return "" if os.geteuid() or _user() else "PostgreSQL does not run as root, and there is no user nobody"


def _user() -> pwd.struct_passwd | None:
    with suppress(KeyError):
        return pwd.getpwnam("nobody")
    return None


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class Server:
    """PostgreSQL with its data in `folder`, as an unprivileged user where the tests run as root."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        folder.mkdir()
        word = folder.parent / f"{folder.name}.word"
        word.write_text(PASSWORD)
        if os.geteuid() == 0 and (user := _user()):
            os.chown(folder, user.pw_uid, user.pw_gid)
            os.chown(word, user.pw_uid, user.pw_gid)
            for above in folder.parents:  # pytest keeps its folders to itself
                if above.stat().st_uid == 0 and above != Path("/"):
                    above.chmod(above.stat().st_mode | 0o011)
        self._do("initdb", "-D", str(folder), "-U", "nas", "-A", "scram-sha-256", f"--pwfile={word}", "--no-sync")

    @property
    def url(self) -> str:
        return self.at(self.port)

    @staticmethod
    def at(port: int, password: str = PASSWORD) -> str:
        return f"postgresql://nas:{password}@127.0.0.1:{port}/postgres"

    def start(self) -> None:
        options = f"-c listen_addresses=127.0.0.1 -p {self.port} -c unix_socket_directories= -c fsync=off"
        log = str(self.folder / "log")
        self._do("pg_ctl", "-D", str(self.folder), "-w", "-l", log, "-o", options, "start")

    def stop(self, mode: str = "immediate") -> None:
        self._do("pg_ctl", "-D", str(self.folder), "-m", mode, "-w", "stop")

    def _do(self, *command: str) -> None:
        subprocess.run(command, check=True, cwd="/", preexec_fn=_unprivileged, capture_output=True, timeout=120)


def _unprivileged() -> None:
    if os.geteuid() == 0 and (user := _user()):
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)


@contextmanager
def server(folder: Path) -> Iterator[Server]:
    """One that runs."""
    found = Server(folder)
    found.start()
    try:
        yield found
    finally:
        with suppress(subprocess.CalledProcessError):
            found.stop()


class Wire:
    """A port of loopback whose connections go on to `port`, until it is cut: those there are end, and none is taken."""

    def __init__(self, port: int) -> None:
        self._there, self.port = port, free_port()
        self._open: list[socket.socket] = []
        self._listener: socket.socket | None = None

    def join(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._thread(self._accept, self._listener)

    def cut(self) -> None:
        listener, self._listener = self._listener, None
        for each in (listener, *self._open):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        self._open.clear()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = socket.create_connection(("127.0.0.1", self._there))
                self._open += [near, far]
                self._thread(_carry, near, far)
                self._thread(_carry, far, near)

    @staticmethod
    def _thread(function: Callable[..., None], *arguments: socket.socket) -> None:
        threading.Thread(target=function, args=arguments, daemon=True).start()


def _carry(one: socket.socket, other: socket.socket) -> None:
    with suppress(OSError):
        while data := one.recv(65536):
            other.sendall(data)
    with suppress(OSError):
        other.shutdown(socket.SHUT_RDWR)
