"""Where the shipped data folders are, in an installed wheel and in a checkout alike.

The three folders `conf`, `search_spaces` and `hardware_profiles` are data, not packages: the wheel
carries them inside `nas/_data`, a checkout has them beside the package.
"""

import os
import secrets
from collections.abc import Container, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO

from nas.errors import NasError
from nas.reading.words import cut, listed, short

_PACKAGE = Path(__file__).resolve().parent


def data_dir(name: str) -> Path:
    """The folder `name`, one of `conf`, `search_spaces`, `hardware_profiles`."""
    for folder in (_PACKAGE / "_data" / name, _PACKAGE.parent / name):
        if folder.is_dir():
            return folder
    raise FileNotFoundError(f"the installation lacks its folder {name!r}; reinstall sepconv-nas")


def find(kind: str, value: str, shipped: dict[str, Path], error: type[NasError]) -> Path:
    """The path `value` names: a name in `shipped` first, else a path that exists.

    Raises:
        error: neither; the message lists the known names.
    """
    if value in shipped:
        return shipped[value]
    path = Path(os.path.expanduser(value))
    if os.path.exists(path):  # unlike Path.exists, false for a name too long for the file system
        return path
    raise error(f"unknown {kind} {short(value)}; known: {names(shipped)}. A path works too")


def canonical(value: str, shipped: Mapping[str, Path] = MappingProxyType({})) -> str:
    """One text for all spellings of a path: a shipped name, the path below the working folder, or the whole path.

    What is neither shipped nor there is as it is.
    """
    if value in shipped or not os.path.exists(Path(os.path.expanduser(value))):
        return value
    path = Path(os.path.expanduser(value)).resolve()
    named = [name for name, place in shipped.items() if place.resolve() == path]
    here = Path.cwd().resolve()
    return named[0] if named else str(path.relative_to(here) if path.is_relative_to(here) else path)


def names(known: Iterable[str]) -> str:
    """Known names for an error message, sorted; of very many the first."""
    return listed(sorted(known))


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write, which takes the place of `path` once all is written: a kill leaves the old one or the new one.

    Its name is random and it must be new, so nothing that lies there is written into; a link at `path` is replaced.
    """
    part = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with part.open("xb") as file:
            yield file
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def replace_file(path: Path, content: bytes) -> None:
    """Write `path` whole or not at all, as `replacing` does."""
    with replacing(path) as file:
        file.write(content)


def refuse_links(folder: Path, error: type[NasError], besides: Container[str] = ()) -> None:
    """Refuse a folder in which something is a symbolic link, but for what is in its sub-folders `besides`.

    Raises:
        error: there is one, which writing would follow.
    """
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_symlink():
                raise error(f"{cut(entry.path, 300)} is a symbolic link, which is never written through; remove it")
            if entry.is_dir() and entry.name not in besides:
                refuse_links(Path(entry.path), error)
