"""validation.json of a profile's folder: per configuration the error tables, and every network behind them.

    {"schema": 1, "configurations": {"1t_fp32": {
        "date": …, "versions": {…}, "left_out": {…}, "kept_back": {…}, "measured_now": {…}, "remeasured": {…},
        "networks": [{"role": …, "name": …, "measured": …, "spread": …, "predicted": …, "low": …, "high": …}]}}}

Times are milliseconds. The tables are those of `ErrorTable`, null where there are no such networks; networks that
were measured anew have their notation, and `remeasured` says when, on what runtime and how they were drawn. `energy`
holds the tables of millijoules, by role, where the profile has any.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import Ge, Interval

from nas.errors import ArchitectureError, ProfileError
from nas.latency.profile import Measurement
from nas.latency.profile_tables import MOST_MS
from nas.latency.validation import Validation
from nas.reading.checks import CLOSED, Number, Whole, checked
from nas.reading.files import read_text
from nas.reading.json_text import parse_json
from nas.reading.words import cut
from nas.recording.remeasure import Remeasured
from nas.spaces.architecture import Architecture

FILE = "validation.json"
COLUMNS = {"left_out": "left out", "kept_back": "kept back", "measured_now": "measured now"}
"""Roles of networks, with their words: predicted from the others of the fit, kept from any fit, measured anew."""
_SCHEMA = 1
_PACKAGES = ("sepconv-nas", "numpy", "scipy")
_PASSING = ("date", "versions")  # by these alone a validation is no other

Entry = dict[str, Any]
_Time = Annotated[Number, Interval(ge=0, le=MOST_MS)]


@dataclass(frozen=True, slots=True)
class _Table:
    """An `ErrorTable`, as far as it is read again."""

    n: Annotated[Whole, Ge(1)]
    mape_percent: Number
    within_5_percent: Number


@dataclass(frozen=True, slots=True)
class _Network:
    role: Literal["left_out", "kept_back", "measured_now"]
    name: str
    measured: _Time
    spread: _Time
    predicted: _Time
    low: _Time
    high: _Time
    notation: str | None = None

    def __post_init__(self) -> None:
        if self.role == "measured_now":
            try:
                Architecture.from_notation(self.notation or "")
            except ArchitectureError as error:
                raise ValueError(str(error)) from None


@dataclass(frozen=True, slots=True)
class _Remeasured:
    __pydantic_config__ = CLOSED
    drawn: Whole
    search_space: str
    seed: Whole
    date: str
    runtime_version: str
    pace: Number
    known: Whole


@dataclass(frozen=True, slots=True)
class _Entry:
    left_out: _Table | None
    kept_back: _Table | None
    measured_now: _Table | None
    remeasured: _Remeasured | None
    networks: list[_Network]


@dataclass(frozen=True, slots=True)
class _File:
    schema: Literal[1]
    configurations: dict[str, _Entry]


def to_entry(found: Mapping[str, Validation], remeasured: Remeasured | None) -> Entry:
    """The JSON of one configuration; `found` by role."""
    notations = {row.name: row.architecture.notation for row in (remeasured.rows if remeasured else ())}
    facts = asdict(remeasured) if remeasured else {}
    networks = [
        {"role": role, **{key: _round(value) for key, value in asdict(network).items()}}
        for role, validation in found.items()
        for network in validation.networks
    ]
    for network in networks:
        if network["role"] == "measured_now":
            network["notation"] = notations[network["name"]]
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {package: version(package) for package in _PACKAGES},
        **{role: found[role].table.to_json() if role in found else None for role in COLUMNS},
        "remeasured": {key: value for key, value in facts.items() if key != "rows"} or None,
        "networks": networks,
    }


def read_entries(folder: Path, configurations: Iterable[str]) -> dict[str, Entry]:
    """What is stored of those of `configurations` that were validated.

    Raises:
        ProfileError: the file is not one of this version.
    """
    file = folder / FILE
    if not file.exists():
        return {}
    where = f"{cut(str(file), 200)} is not a validation of this version (delete it, or use store=false)"
    data = parse_json(read_text(file, ProfileError), where, ProfileError)
    checked(_File, data, where, ProfileError)
    return {name: data["configurations"][name] for name in configurations if name in data["configurations"]}


def remeasured_before(entry: Entry | None, recorded: str, known: Iterable[Measurement]) -> Remeasured | None:
    """The networks that `entry` holds as measured anew, but for those that are `known` by now.

    None where there are none, or where the profile was `recorded` (a date) after them.
    """
    facts = (entry or {}).get("remeasured")
    if entry is None or not facts or facts["date"] < recorded:
        return None
    names = {row.name for row in known}
    rows = tuple(
        Measurement(row["name"], Architecture.from_notation(row["notation"]), row["measured"], row["spread"])
        for row in entry["networks"]
        if row["role"] == "measured_now" and row["name"] not in names
    )
    return Remeasured(rows, **facts) if rows else None


def same(entry: Entry, stored: Entry | None) -> bool:
    """Whether `stored` says the same as `entry`, at whatever date."""
    return stored is not None and {**entry, **{key: stored.get(key) for key in _PASSING}} == stored


def file_content(entries: Mapping[str, Entry]) -> bytes:
    """validation.json, a network a line."""
    text = json.dumps({"schema": _SCHEMA, "configurations": entries}, indent=1, allow_nan=False)
    return re.sub(r"\n( {5}|    (?=\}))", " ", text).encode() + b"\n"


def _round(value: Any) -> Any:
    return float(f"{value:.5g}") if isinstance(value, float) else value
