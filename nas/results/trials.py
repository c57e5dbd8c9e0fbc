"""The rows of trials.csv, one for each network proposed: written and read here alone."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any

from nas.errors import RunError
from nas.measures import find_limit
from nas.reading.json_text import parse_json
from nas.reading.numbers import decimal, whole
from nas.reading.plain import one_line
from nas.reading.tables import read_header, read_rows
from nas.reading.words import cut
from nas.results.codec import Count, Finite, Flat, from_json, to_json
from nas.results.costs import TRIAL_COSTS
from nas.results.run_folder import MOST_BYTES, write_text

Gave = Finite | Mapping[str, Finite]
"""What a rung gave: an accuracy, or scores by name."""


@dataclass(frozen=True, slots=True)
class TrialRow:
    """A network proposed; a cell is blank where nothing is known."""

    number: Count
    """of the trial, from 0"""
    state: str
    """`complete`, `stopped`, `failed` or `rejected`; `running` while it is"""
    key: str | None = None
    """the same for equal networks, everywhere"""
    notation: str | None = None
    """the network in one line"""
    accuracy: Finite | None = None
    """share of 1, of the last rung it finished"""
    how: str | None = None
    """what that rung's accuracies are called"""
    costs: Annotated[Mapping[str, float | None], TRIAL_COSTS] = field(default_factory=dict)
    """by their column"""
    seconds: Finite | None = None
    """that all its rungs took"""
    error: str | None = None
    """why it failed or was rejected"""
    rungs: Mapping[str, Gave] | None = None
    """what each rung gave, by its name, as JSON: an accuracy, or scores by name"""
    worth: Finite | None = None
    """what the network is ranked by, where that is not its accuracy"""
    on_devices: Mapping[str, Finite] = field(default_factory=dict)
    """of a search on several devices, what each predicts: a column each, such as `latency_ms:pixel4`"""

    @property
    def figures(self) -> Mapping[str, float | None]:
        """What is known of the network, by the field of the measure: costs and accuracy."""
        return {**self.costs, **self.on_devices, "accuracy": self.accuracy}

    @property
    def ranked_only(self) -> bool:
        """Whether `accuracy` is no share of images, but of the networks that training-free scores place below it."""
        return self.how == "score"


_TEXTS = ("state", "key", "notation", "how", "error")
_BESIDE = Flat("costs", TRIAL_COSTS.names)
_OWN = [each.name for each in fields(TrialRow) if each.name != "on_devices"]
COLUMNS = tuple(_BESIDE.spread({name: dict.fromkeys(TRIAL_COSTS.names) for name in _OWN}))
"""Those of every run; one for each measure of each of several devices follows."""


def table_row(row: TrialRow) -> dict[str, Any]:
    """A row by column, None where a cell is blank; the rungs as a mapping."""
    found = _BESIDE.spread(to_json(row))
    on_devices: dict[str, Any] = found.pop("on_devices")
    return dict.fromkeys(COLUMNS) | on_devices | found


def write_trials(rows: Sequence[TrialRow], run_folder: str | Path) -> Path:
    """Write a run folder's trials.csv.

    Raises:
        RunError: the folder cannot be written.
    """
    text = io.StringIO()
    further = dict.fromkeys(column for row in rows for column in row.on_devices)
    writer = csv.DictWriter(text, (*COLUMNS, *further), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        cells = table_row(row)
        shown = {column: one_line(cells[column]) for column in _TEXTS if cells[column]}
        writer.writerow(cells | shown | {"rungs": json.dumps(cells["rungs"]) if row.rungs else None})
    return write_text(Path(run_folder) / "trials.csv", text.getvalue())


def read_trials(run_folder: str | Path) -> list[TrialRow]:
    """The rows of a run folder's trials.csv.

    Raises:
        RunError: the file or a column is missing, or a cell cannot be read; the line is named.
    """
    path = Path(run_folder) / "trials.csv"
    try:
        if missing := set(COLUMNS) - set(read_header(path, RunError, MOST_BYTES)):
            raise RunError(f"{cut(str(path), 200)}:1: the column {min(missing, key=COLUMNS.index)!r} is missing")
        rows = list(read_rows(path, RunError, MOST_BYTES))
    except RunError as error:
        raise RunError(f"{error}; give the folder of a finished search") from None
    return [_row(cells, where) for where, cells in rows]


def _row(cells: Mapping[str, str], where: str) -> TrialRow:
    known = {column: _cell(column, cells[column], where) for column in COLUMNS if cells.get(column)}
    of_devices = [column for column in cells if ":" in column and find_limit(column) and cells[column]]
    known["on_devices"] = {column: _cell(column, cells[column], where) for column in of_devices}
    return from_json(TrialRow, _BESIDE.gathered(known), where)


def _cell(column: str, text: str, where: str) -> Any:
    """What a cell holds; a number that cannot be read stays the text, which the types refuse."""
    if column == "rungs":
        return parse_json(text, f"{where}: rungs", RunError)
    if column in _TEXTS:
        return text
    try:
        return whole(text) if text.lstrip("+-").isdigit() else decimal(text)
    except ValueError:
        return text
