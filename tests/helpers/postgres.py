"""A server of PostgreSQL on loopback, with its data in a folder of its own, and a wire to it that can be cut."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
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
            folder.parent.chmod(0o711)
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
        # not through pipes, which the server would keep open
        with tempfile.TemporaryFile() as said:
            done = subprocess.run(command, cwd="/", preexec_fn=_unprivileged, stdout=said, stderr=said, timeout=120)
            said.seek(0)
            assert done.returncode == 0, said.read().decode()


def _unprivileged() -> None:
    if os.geteuid() == 0 and (user := _user()):
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)


@contextmanager
def server() -> Iterator[Server]:
    """One that runs, in a folder of its own that goes with it; pytest's are closed to the user that it runs as."""
    with tempfile.TemporaryDirectory(prefix="postgres-") as above:
        found = Server(Path(above) / "data")
        found.start()
        try:
            yield found
        finally:
            with suppress(AssertionError):  # it may be down
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
        ends, self._open = [*self._open, *([self._listener] if self._listener else [])], []
        self._listener = None
        for each in ends:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                near, _ = listener.accept()
                try:
                    far = socket.create_connection(("127.0.0.1", self._there))
                except OSError:  # the server is down
                    near.close()
                    continue
                self._open += [near, far]
                self._thread(_carry, near, far)
                self._thread(_carry, far, near)

    @staticmethod
    def _thread(function: Callable[..., None], *arguments: socket.socket) -> None:
        threading.Thread(target=function, args=arguments, daemon=True).start()


def _carry(one: socket.socket, other: socket.socket) -> None:
    with one, suppress(OSError):
        while data := one.recv(65536):
            other.sendall(data)
    with suppress(OSError):
        other.shutdown(socket.SHUT_RDWR)
