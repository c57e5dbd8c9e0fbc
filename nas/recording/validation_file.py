"""validation.json of a profile's folder: per configuration the error tables, and every network behind them.

    {"schema": 1, "configurations": {"1t_fp32": {
        "date": …, "versions": {…}, "left_out": {…}, "kept_back": {…}, "measured_now": {…}, "remeasured": {…},
        "networks": [{"role": …, "name": …, "measured": …, "spread": …, "predicted": …, "low": …, "high": …}]}}}

Times are milliseconds. The tables are those of `ErrorTable`, null where there are no such networks; networks that
were measured anew have their notation, and `remeasured` says when, on what runtime and how they were drawn.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from nas.errors import ArchitectureError, ProfileError
from nas.latency.profile import Measurement
from nas.latency.validation import Validation
from nas.recording.remeasure import Remeasured
from nas.spaces.architecture import Architecture

FILE = "validation.json"
COLUMNS = {"left_out": "left out", "kept_back": "kept back", "measured_now": "measured now"}
"""Roles of networks, with their words: predicted from the others of the fit, kept from any fit, measured anew."""
_SCHEMA = 1
_PACKAGES = ("sepconv-nas", "numpy", "scipy")
_TIMES = ("measured", "spread", "predicted", "low", "high")
_PASSING = ("date", "versions")  # by these alone a validation is no other

Entry = dict[str, Any]


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
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        _check(data)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ProfileError(f"cannot read {file}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ProfileError(f"{file} is not a validation of this version; delete it, or use store=false") from None
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


def _check(data: Any) -> None:
    """Raise any of ValueError, KeyError, TypeError, AttributeError unless `data` is what `file_content` wrote."""
    if data["schema"] != _SCHEMA:
        raise ValueError
    for entry in data["configurations"].values():
        for table in (entry[role] for role in COLUMNS if entry[role] is not None):
            for key in ("n", "mape_percent", "within_5_percent"):
                float(table[key])
        for network in entry["networks"]:
            if network["role"] not in COLUMNS or min(float(network[key]) for key in _TIMES) < 0:
                raise ValueError
        try:
            remeasured_before(entry, "", ())
        except ArchitectureError:
            raise ValueError from None


def _round(value: Any) -> Any:
    return float(f"{value:.5g}") if isinstance(value, float) else value
