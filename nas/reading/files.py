"""Files: regular ones, of a bounded size, in UTF-8 whatever the locale."""

import os
import stat
from pathlib import Path
from typing import BinaryIO

from nas.errors import NasError
from nas.reading.words import cut

MOST_BYTES = 8_000_000
"""Of a file, where its reader states nothing else."""


def read_text(path: str | Path, error: type[NasError], at_most: int = MOST_BYTES) -> str:
    """The text of a file in UTF-8, with or without a byte order mark; line ends stay as they are.

    Raises:
        error: there is none, or it is no regular file (but a folder, pipe or device), not UTF-8, or larger than
            `at_most` bytes.
    """
    where = cut(str(path), 200)
    try:
        content = _content(path, at_most)
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        raise error(
            f"{where}: not UTF-8 text (byte {wrong.start + 1} is {content[wrong.start]:#x}); save it as UTF-8"
        ) from None
    except OSError as wrong:
        raise error(f"{where}: cannot be read: {wrong.strerror}") from None
    except ValueError as wrong:
        raise error(f"{where}: {wrong}") from None


def _content(path: str | Path, at_most: int) -> bytes:
    """Raises ValueError where the file is not of the kind or size, or its name is none."""
    with open_regular(path) as file:
        content = file.read(at_most + 1)
    if len(content) > at_most:
        raise ValueError(f"is larger than {at_most:,} bytes, the most that is read of such a file")
    return content


def open_regular(path: str | Path) -> BinaryIO:
    """The file open to be read.

    Raises:
        OSError: there is none, or it cannot be read.
        ValueError: it is no regular file, or its name is none.
    """
    _require_regular(os.stat(path))
    opened = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    file = open(opened, "rb")  # noqa: SIM115 (whoever asked closes it)
    try:
        _require_regular(os.fstat(file.fileno()))  # another may have taken its place, and a pipe would wait for ever
    except ValueError:
        file.close()
        raise
    return file


def _require_regular(found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        kind = "a folder" if stat.S_ISDIR(found.st_mode) else "a pipe or device"
        raise ValueError(f"is {kind}; give a file")
