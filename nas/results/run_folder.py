"""Reading what a search left in its run folder: `front.json` and `trials.csv`, as plain dicts."""

import csv
import json
from pathlib import Path
from typing import Any

from nas.errors import RunError
from nas.resources import replace_file

SCHEMA = 1
TEXT_COLUMNS = ("state", "key", "notation", "how", "error")
JSON_COLUMNS = ("rungs",)


def read_front(run_folder: str | Path) -> dict[str, Any]:
    """The contents of `front.json`.

    Raises:
        RunError: it is missing, unreadable, or of another schema.
    """
    path = Path(run_folder) / "front.json"
    try:
        front = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RunError(f"cannot read {path}: {error.strerror}; give the folder of a finished search") from None
    except ValueError as error:
        raise RunError(f"{path} is not JSON: {error}") from None
    if not isinstance(front, dict) or not isinstance(front.get("front"), list):
        raise RunError(f"{path} has no list 'front'; give the folder of a finished search")
    if front.get("schema") != SCHEMA:
        raise RunError(f"{path} has schema {front.get('schema')!r}; this version reads {SCHEMA}")
    return front


def read_trials(run_folder: str | Path) -> list[dict[str, Any]]:
    """The rows of `trials.csv`: numbers as numbers, JSON as what it stands for, blanks as None.

    Raises:
        RunError: the file is missing or unreadable.
    """
    path = Path(run_folder) / "trials.csv"
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return [{name: _cell(name, text) for name, text in row.items()} for row in csv.DictReader(file)]
    except OSError as error:
        raise RunError(f"cannot read {path}: {error.strerror}; give the folder of a finished search") from None
    except (csv.Error, ValueError) as error:
        raise RunError(f"{path} is not a table of trials: {error}") from None


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


def _cell(name: str, text: Any) -> Any:
    if name is None or text in ("", None):  # None: a row longer or shorter than the header
        return None
    if name in TEXT_COLUMNS:
        return text
    if name in JSON_COLUMNS:
        return json.loads(text)
    try:
        value = float(text)
    except ValueError:
        return text
    return int(value) if value.is_integer() and "." not in text and "e" not in text.lower() else value
