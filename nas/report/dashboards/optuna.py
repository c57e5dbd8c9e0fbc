"""optuna-dashboard on a run: it reads the record as a search goes on, and can change nothing.

The journal is read as it is, half a last line left out; requests that would write are refused before they arrive.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from optuna.storages import BaseStorage, JournalStorage
from optuna.storages.journal import BaseJournalBackend

from nas.errors import ConfigError, RunError
from nas.reading.words import cut

App = Callable[..., Iterable[bytes]]

_READS = ("GET", "HEAD")


class ReadJournal(BaseJournalBackend):
    """The lines of a journal, which may grow meanwhile."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known, self._offset = 0, 0

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
        """The operations from that number on."""
        if log_number_from < self._known:
            self._known, self._offset = 0, 0
        with self._path.open("rb") as file:
            file.seek(self._offset)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                number = self._known
                self._known, self._offset = number + 1, self._offset + len(line)
                if number >= log_number_from:
                    yield json.loads(line)

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Refuse it."""
        raise PermissionError(f"{self._path} is only looked at")


def open_journal(folder: Path) -> BaseStorage:
    """The record of a run folder, to be read.

    Raises:
        RunError: there is none, or it cannot be read.
    """
    path = folder / "study.journal"
    if not path.is_file():
        raise RunError(
            f"{cut(str(folder), 200)} holds no study.journal; "
            "give the folder of a search, and its storage= if it has one"
        )
    try:
        storage = JournalStorage(ReadJournal(path))
        storage.get_all_studies()
    except (ValueError, KeyError, TypeError, AssertionError, OSError) as error:
        why = cut(str(error) or type(error).__name__, 120)
        raise RunError(
            f"cannot read {cut(str(path), 200)}: {why}; the same search says which line is damaged"
        ) from None
    return storage


def dashboard_app(storage: BaseStorage) -> App:
    """The web application, of which only what reads is left.

    Raises:
        ConfigError: optuna-dashboard is not installed.
    """
    try:
        from optuna_dashboard import wsgi
    except ImportError:
        raise ConfigError("optuna-dashboard is not installed; pip install 'sepconv-nas[dashboard]'") from None
    whole: App = wsgi(storage)

    def reading(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] in _READS:
            return whole(environ, start_response)
        start_response("403 Forbidden", [("Content-Type", "application/json")])
        return [b'{"reason": "this dashboard only shows the run"}']

    return reading


def serve(app: App, host: str, port: int, ready: Callable[[str], None]) -> None:
    """Answer requests until it is interrupted; `ready` is told the address.

    Raises:
        ConfigError: the address cannot be used.
    """
    try:
        server = make_server(host, port, app, server_class=_Server, handler_class=_Quiet)
    except OSError as error:
        raise ConfigError(
            f"cannot listen on host={cut(host)} port={port}: {error.strerror or error}; choose another port"
        ) from None
    with server:
        ready(f"http://{f'[{host}]' if ':' in host else host}:{server.server_port}/dashboard")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""
