"""The rows of trials.csv, one for each network proposed: written and read here alone."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from nas.errors import RunError
from nas.resources import replace_file
from nas.results.codec import Count, Finite, from_json

Gave = float | Mapping[str, float]
"""What a rung gave: an accuracy, or scores by name."""


@dataclass(frozen=True, slots=True)
class TrialRow:
    """One trial; None where nothing is known.

    `state`: complete, stopped, failed, rejected or running. `accuracy` and `how` are of the last rung it finished,
    `seconds` of all. `rungs` holds what each rung gave; `worth` is what the network is ranked by, where that is not
    its accuracy.
    """

    number: Count
    state: str
    key: str | None = None
    notation: str | None = None
    accuracy: Finite | None = None
    how: str | None = None
    latency_ms: Finite | None = None
    latency_low_ms: Finite | None = None
    latency_high_ms: Finite | None = None
    macs: Count | None = None
    params: Count | None = None
    weight_bytes: Count | None = None
    peak_activation_bytes: Count | None = None
    seconds: Finite | None = None
    error: str | None = None
    rungs: Mapping[str, Gave] | None = None
    worth: Finite | None = None


COLUMNS = tuple(field.name for field in fields(TrialRow))


def write_trials(rows: Sequence[TrialRow], folder: Path) -> None:
    """Write trials.csv."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        cells = {column: getattr(row, column) for column in COLUMNS}
        writer.writerow({**cells, "rungs": json.dumps(dict(row.rungs)) if row.rungs else None}.values())
    replace_file(folder / "trials.csv", text.getvalue().encode())


def read_trials(run_folder: str | Path) -> list[TrialRow]:
    """The rows of a run folder's trials.csv.

    Raises:
        RunError: the file is missing, or a cell cannot be read; the line is named.
    """
    path = Path(run_folder) / "trials.csv"
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            return [_row(cells, f"{path}:{reader.line_num}") for cells in reader]
    except OSError as error:
        raise RunError(f"cannot read {path}: {error.strerror}; give the folder of a finished search") from None
    except (csv.Error, ValueError) as error:
        raise RunError(f"{path} is not a table of trials: {error}") from None


def _row(cells: Mapping[str, str | None], where: str) -> TrialRow:
    known = {column: cells[column] for column in COLUMNS if cells.get(column)}
    rungs = {"rungs": json.loads(known.pop("rungs") or "null")} if "rungs" in known else {}
    return from_json(TrialRow, {**known, **rungs}, where)
