"""Where the shipped data folders are, in an installed wheel and in a checkout alike.

The three folders `conf`, `search_spaces` and `hardware_profiles` are data, not packages: the wheel
carries them inside `nas/_data`, a checkout has them beside the package.
"""

import os
from collections.abc import Iterable
from pathlib import Path

from nas.errors import NasError

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
    path = Path(value).expanduser()
    if os.path.exists(path):  # unlike Path.exists, false for a name too long for the file system
        return path
    raise error(f"unknown {kind} {value!r}; known: {names(shipped)}. A path works too")


def names(known: Iterable[str]) -> str:
    """Known names for an error message, sorted."""
    return ", ".join(sorted(known))


def replace_file(path: Path, content: bytes) -> None:
    """Write `path` whole or not at all: a kill leaves the old file or the new one, never half of it."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(content)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
