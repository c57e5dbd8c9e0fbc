"""The storage of a study that is no journal: any that Optuna has, by its URL, whose password nobody is told."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import optuna
from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage

from nas.errors import ConfigError, RunFailed
from nas.passwords import HIDDEN, hide, hide_parts, resolve
from nas.reading.words import cut

_IN_MEMORY = re.compile(r"sqlite(\+\w+)?:/*(\?.*)?|sqlite.*(:memory:|mode=memory).*", re.DOTALL)


def open_storage(storage: str) -> BaseStorage:
    """The storage at a URL, or at that of an environment variable where it is `env:NAME`.

    Raises:
        ConfigError: it cannot be opened.
    """
    url = resolve(storage)
    if _IN_MEMORY.fullmatch(url):
        raise ConfigError(f"storage={cut(_shown(storage))} is lost when the search ends; use sqlite:///searches.db")
    try:
        return optuna.storages.get_storage(url)
    except Exception as error:  # whatever the driver of the URL raises
        raise ConfigError(
            f"cannot open storage={cut(_shown(storage))}: {_why(error, url)}; "
            "use a URL like sqlite:///searches.db, or env:NAME for that of an environment variable"
        ) from None


@contextmanager
def working(storage: str | None) -> Iterator[None]:
    """Say in one line that the database of a study failed meanwhile: it went away, is full, or was damaged.

    Raises:
        RunFailed: in place of what Optuna raises then.
    """
    try:
        yield
    except StorageInternalError as error:
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


def check_storage(storage: str) -> None:
    """Refuse a storage that cannot be opened, without leaving a file behind.

    Raises:
        ConfigError: as `open_storage` does.
    """
    file = Path(resolve(storage).partition("?")[0].partition(":///")[2])
    new = resolve(storage).startswith("sqlite") and not file.exists()
    open_storage(storage)
    if new and file.is_file():
        file.unlink()
