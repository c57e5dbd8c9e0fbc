"""The folder of a run: its `front.json`, and texts beside it, written whole or not at all."""

import json
from pathlib import Path
from typing import Any

from nas.errors import RunError
from nas.reading.files import read_text
from nas.reading.json_text import parse_json
from nas.reading.plain import readable
from nas.reading.words import cut
from nas.resources import replace_file
from nas.results.front import Front

MOST_BYTES = 100_000_000
"""Of a file: hundreds of thousands of trials."""


def read_front(run_folder: str | Path) -> Front:
    """The contents of `front.json`.

    Raises:
        RunError: it is missing, unreadable, of another schema, or a key is missing or wrong; file and key are named.
    """
    path = Path(run_folder) / "front.json"
    where, text = cut(str(path), 200), read_of_run(path)
    return Front.from_json(parse_json(text, where, RunError), where)


def read_of_run(path: Path) -> str:
    """The text of a file of a run folder.

    Raises:
        RunError: it is missing, or cannot be read.
    """
    try:
        return read_text(path, RunError, MOST_BYTES)
    except RunError as error:
        raise RunError(f"{error}; give the folder of a finished search") from None


def write_front(front: Front, run_folder: str | Path) -> Path:
    """Write `front.json`.

    Raises:
        RunError: the folder cannot be written.
    """
    content = _readable(front.to_json())
    return write_text(Path(run_folder) / "front.json", json.dumps(content, indent=2, allow_nan=False) + "\n")


def _readable(value: Any) -> Any:
    """JSON values in which every text can be UTF-8: names of files and folders may be none."""
    if isinstance(value, str):
        return readable(value)
    if isinstance(value, dict):
        return {key: _readable(each) for key, each in value.items()}
    return [_readable(each) for each in value] if isinstance(value, list) else value


def write_text(path: Path, text: str) -> Path:
    """Write `text` whole or not at all, as `write_bytes` does."""
    return write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, content: bytes) -> Path:
    """Write `content` whole or not at all: a reader never sees half a file.

    Raises:
        RunError: the folder cannot be written.
    """
    try:
        replace_file(path, content)
    except OSError as error:
        raise RunError(f"cannot write {cut(str(path), 200)}: {error.strerror}") from None
    return path
