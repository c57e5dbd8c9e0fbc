"""The storage of a study outside its run folder, by its URL, whose password nobody is told."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage

from nas.errors import ConfigError, RunError, RunFailed
from nas.reading.passwords import HIDDEN, hide, hide_parts, resolve
from nas.reading.words import cut
from nas.search.record.journal import open_shared_journal
from nas.search.record.mirror import Mirror

_IN_MEMORY = re.compile(r"sqlite(\+\w+)?:/*(\?.*)?|sqlite.*(:memory:|mode=memory).*", re.DOTALL)
_DRIVERS = {
    "postgresql": ("psycopg", "psycopg", "postgresql"),
    "postgres": ("psycopg", "psycopg", "postgresql"),
    "mysql": ("pymysql", "pymysql", "mysql"),
    "grpc": ("", "grpc", "grpc"),
}
"""What a scheme takes: a driver's name in the URL, its module, and the extra that installs it."""
JOURNAL = "journal:///"
_EXAMPLES = (
    "use a URL like sqlite:///searches.db or postgresql://host/db, or env:NAME for that of an environment variable"
)


def open_storage(storage: str, shared: bool = False, tell: Callable[[str], None] = lambda text: None) -> BaseStorage:
    """The storage at a URL, or at that of an environment variable where it is `env:NAME`.

    Where it is `shared` others write to the same study. An outage is waited for; the user is to `tell` of it.

    Raises:
        ConfigError: it cannot be opened.
        RunError: it is a journal, and damaged.
    """
    url = resolve(storage)
    if _IN_MEMORY.fullmatch(url):
        raise ConfigError(f"storage={cut(_shown(storage))} is lost when the search ends; use sqlite:///searches.db")
    try:
        if url.startswith(JOURNAL):
            return open_shared_journal(Path(url.removeprefix(JOURNAL)))
        from nas.search.record.databases import open_database, open_proxy, passes

        complete = with_driver(url)
        if url.startswith("grpc://"):
            address = urlsplit(url)
            if not address.hostname or not address.port:
                raise ConfigError("it must be grpc://host:port")
            return Mirror(open_proxy(address.hostname, address.port), passes, shared, tell)
        return Mirror(open_database(complete), passes, shared, tell)
    except RunError:
        raise
    except Exception as error:  # whatever the driver of the URL raises
        raise ConfigError(f"cannot open storage={cut(_shown(storage))}: {_why(error, url)}; {_EXAMPLES}") from None


def with_driver(url: str) -> str:
    """`url` with the driver that is used where it names none.

    Raises:
        ConfigError: it is not installed.
    """
    scheme, separator, rest = url.partition("://")
    driver, module, extra = _DRIVERS.get(scheme, ("", "", ""))
    if module and find_spec(module) is None:
        raise ConfigError(f"{module} is not installed; pip install 'sepconv-nas[{extra}]'")
    return f"{extra}+{driver}{separator}{rest}" if driver else url


@contextmanager
def working(storage: str | None) -> Iterator[None]:
    """Say in one line that the storage of a study failed meanwhile: it went away for long, is full, or was damaged.

    Raises:
        RunFailed: in place of what Optuna raises then.
    """
    try:
        yield
    except Exception as error:
        if not isinstance(error, StorageInternalError) and type(error).__module__.partition(".")[0] != "grpc":
            raise
        why = _why(error, resolve(storage or ""))
        raise RunFailed(
            f"storage={cut(_shown(storage or ''))} failed: {why}; "
            "what it holds is kept, and the same command goes on from there"
        ) from None


def _why(error: BaseException, url: str) -> str:
    """The first line of what a driver said, without the password."""
    error = error.__cause__ or error
    why = next(iter(str(error).strip().splitlines()), type(error).__name__)
    return cut(hide_parts(why, url), 200)


def _shown(storage: str) -> str:
    """A storage that may be no URL, as which `hide` would know what its password is."""
    name, colon, _ = storage.partition(":")
    return hide(storage) if name == "env" or "://" in storage or not colon else f"{hide(name)}:{HIDDEN}"


def close(storage: BaseStorage) -> None:
    """End what connections `open_storage` has made."""
    if isinstance(storage, Mirror):
        storage.close()


def check_storage(storage: str) -> None:
    """Refuse a storage that cannot be opened, without leaving a file behind.

    Raises:
        ConfigError: as `open_storage` does.
        RunError: likewise.
    """
    url = resolve(storage)
    file = Path(url.partition("?")[0].partition(":///")[2])
    new = url.startswith(("sqlite", JOURNAL)) and not file.exists()
    close(open_storage(storage))
    if new and file.is_file():
        file.unlink()
