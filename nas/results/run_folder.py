"""The folder of a run: its `front.json`, and texts beside it, written whole or not at all."""

import json
from pathlib import Path

from nas.errors import RunError
from nas.resources import replace_file
from nas.results.front import Front


def read_front(run_folder: str | Path) -> Front:
    """The contents of `front.json`.

    Raises:
        RunError: it is missing, unreadable, of another schema, or a key is missing or wrong; file and key are named.
    """
    path = Path(run_folder) / "front.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RunError(f"cannot read {path}: {error.strerror}; give the folder of a finished search") from None
    except ValueError as error:
        raise RunError(f"{path} is not JSON: {error}") from None
    return Front.from_json(content, str(path))


def write_front(front: Front, run_folder: str | Path) -> Path:
    """Write `front.json`.

    Raises:
        RunError: the folder cannot be written.
    """
    return write_text(Path(run_folder) / "front.json", json.dumps(front.to_json(), indent=2, allow_nan=False) + "\n")


def write_text(path: Path, text: str) -> Path:
    """Write `text` whole or not at all: a reader never sees half a file.

    Raises:
        RunError: the folder cannot be written.
    """
    try:
        replace_file(path, text.encode("utf-8"))
    except OSError as error:
        raise RunError(f"cannot write {path}: {error.strerror}") from None
    return path
