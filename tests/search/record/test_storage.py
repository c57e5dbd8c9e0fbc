"""Storages by URL: what is added to it, and what cannot be opened told in one line without its password."""

from importlib.util import find_spec
from pathlib import Path

import pytest
from optuna.exceptions import StorageInternalError
from optuna.storages import JournalStorage
from optuna.storages.journal._base import BaseJournalSnapshot
from sqlalchemy.exc import InterfaceError, OperationalError, ProgrammingError

from nas.errors import ConfigError, RunFailed
from nas.search.record import databases, mirror, storage
from nas.search.record.databases import passes
from nas.search.record.storage import check_storage, close, open_storage, with_driver, working
from tests.helpers.postgres import Server, missing, server
from tests.helpers.refusal import refusal

SECRET = "hunter2"


@pytest.mark.parametrize(
    ("url", "complete"),
    [
        ("postgresql://me@host/db", "postgresql+psycopg://me@host/db"),
        ("postgres://host/db?sslmode=require", "postgresql+psycopg://host/db?sslmode=require"),
        ("postgresql+psycopg2://host/db", "postgresql+psycopg2://host/db"),
        ("sqlite:///x.db", "sqlite:///x.db"),
    ],
)
def test_a_url_without_a_driver_gets_one(url: str, complete: str) -> None:
    assert with_driver(url) == complete


def test_a_driver_that_is_missing_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "find_spec", lambda name: None if name != "optuna" else find_spec(name))
    for url, module, extra in (
        (f"postgresql://me:{SECRET}@host/db", "psycopg", "postgresql"),
        (f"mysql://me:{SECRET}@host/db", "pymysql", "mysql"),
        ("grpc://host:13000", "grpc", "grpc"),
    ):
        message = refusal(ConfigError, open_storage, url)
        assert f"{module} is not installed; pip install 'sepconv-nas[{extra}]'" in message
        assert SECRET not in message


@pytest.mark.parametrize(
    ("url", "why"),
    [
        (f"postgresql://me:{SECRET}@127.0.0.1:1/db", "[Cc]onnection refused"),
        (f"postgresql://me:{SECRET}@127.0.0.1:x/db", "cannot open storage=postgresql://"),
        ("grpc://127.0.0.1:1", "no proxy answers at 127.0.0.1:1;"),
        ("grpc://127.0.0.1", "it must be grpc://host:port"),
        ("grpc://127.0.0.1:x", "cannot open storage=grpc://"),
        ("redis://host/0", "[Cc]an't load plugin|redis"),
        ("journal:///nowhere/at/all.journal", "No such file"),
        ("journal://x", "cannot open storage=journal://x"),
    ],
)
def test_what_cannot_be_opened_is_told_in_one_line(url: str, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(databases, "CONNECT_S", 0.2)
    with pytest.raises(ConfigError, match=why) as told:
        check_storage(url)
    assert "\n" not in str(told.value)
    assert len(str(told.value)) < 500
    assert SECRET not in str(told.value)


def test_a_wrong_password_and_a_database_that_is_not_there() -> None:
    if why := missing():
        pytest.skip(why)
    with server() as there:
        wrong = refusal(ConfigError, check_storage, Server.at(there.port, SECRET))
        assert "password authentication failed" in wrong
        assert SECRET not in wrong
        other = refusal(ConfigError, check_storage, there.url.replace("/postgres", "/nothing"))
        assert 'database "nothing" does not exist' in other
        check_storage(there.url)
        opened = open_storage(there.url)
        assert isinstance(opened, mirror.Mirror)
        with opened._remote.engine.connect() as connection:
            limit = connection.exec_driver_sql("SHOW idle_in_transaction_session_timeout").scalar()
        assert limit == f"{databases.SILENT_S}s"  # whoever is cut off keeps no study locked
        close(opened)


@pytest.mark.parametrize("url", ["sqlite:///{}/x.db", "journal:///{}/x.journal"])
def test_what_is_only_checked_leaves_nothing_behind(url: str, tmp_path: Path) -> None:
    check_storage(url.format(tmp_path))
    assert not list(tmp_path.iterdir())


def test_nothing_is_read_by_pickle(tmp_path: Path) -> None:
    """Of Optuna's journals those that keep snapshots do so."""
    opened = open_storage(f"journal:///{tmp_path / 'x.journal'}")
    assert isinstance(opened, JournalStorage)
    assert not isinstance(opened._backend, BaseJournalSnapshot)


def _internal(cause: Exception) -> StorageInternalError:
    error = StorageInternalError("during the commit")
    error.__cause__ = cause
    return error


def test_which_errors_pass() -> None:
    class Lost(Exception):
        pass

    for cause, passing in (
        (OperationalError("SELECT", {}, Lost("server closed the connection")), True),
        (InterfaceError("SELECT", {}, Lost("the connection is closed")), True),
        (ProgrammingError("SELECT", {}, Lost("no such table")), False),
        (ValueError("x"), False),
    ):
        assert passes(_internal(cause)) == passing
    sqlite = pytest.importorskip("sqlite3")
    assert passes(_internal(OperationalError("SELECT", {}, sqlite.OperationalError("database is locked"))))
    assert not passes(_internal(OperationalError("SELECT", {}, sqlite.OperationalError("no such table: x"))))


def test_an_outage_is_waited_for_and_told_of_and_then_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirror, "PAUSE_S", 0.0)
    said: list[str] = []
    opened = open_storage(f"sqlite:///{tmp_path / 'x.db'}", tell=said.append)
    assert isinstance(opened, mirror.Mirror)
    left = [3]

    def lost(*arguments: object) -> list[object]:
        if left[0]:
            left[0] -= 1
            raise _internal(OperationalError("SELECT", {}, Exception(f"gone {SECRET}")))
        return []

    monkeypatch.setattr(opened._storage, "get_all_studies", lost)
    assert opened.get_all_studies() == []
    assert [text.partition(";")[0] for text in said] == [
        "the storage cannot be reached",
        "the storage is reached again",
    ]
    left[0] = 3
    monkeypatch.setattr(mirror, "OUTAGE_S", -1.0)
    monkeypatch.setenv("STUDIES", f"sqlite:///x.db?password={SECRET}")
    with pytest.raises(RunFailed, match="storage=env:STUDIES failed") as told, working("env:STUDIES"):
        opened.get_all_studies()
    assert SECRET not in str(told.value)
    close(opened)
