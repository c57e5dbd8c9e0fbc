"""Hardware profiles: a folder per device, with measured networks and where the figures come from.

    hardware_profiles/<device>/
        profile.yaml     provenance, and the configurations (cores, threads, precision) measured
        networks.csv     name,notation
        latency.csv      configuration,name,mean_ms,spread_ms

A new device is a new folder. Times are milliseconds for one inference at batch 1; the spread is the
standard deviation over the repeats.
"""

import csv
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from nas.errors import ArchitectureError, ProfileError
from nas.resources import data_dir, names
from nas.spaces.architecture import Architecture
from nas.spaces.cost import BYTES

_PROVENANCE = ("device", "soc", "runtime", "runtime_version", "method", "repeats", "date", "source", "license")
_REQUIRED = {*_PROVENANCE, "default", "configurations"}
_CONFIGURATION = {"cores", "threads", "precision"}


@dataclass(frozen=True, slots=True)
class Measurement:
    """One network timed on one configuration: mean and standard deviation in milliseconds."""

    name: str
    architecture: Architecture
    ms: float
    spread_ms: float


@dataclass(frozen=True, slots=True)
class HardwareProfile:
    """One configuration of one device: provenance and the networks measured on it."""

    name: str
    configuration: str
    device: str
    soc: str
    cores: str
    threads: int
    precision: str
    runtime: str
    runtime_version: str
    method: str
    repeats: str
    date: str
    source: str
    license: str
    notes: tuple[str, ...]
    measurements: tuple[Measurement, ...]

    def __hash__(self) -> int:  # caches look profiles up often: hashing every network would cost more than predicting
        return hash((self.name, self.configuration, self.runtime, self.date, len(self.measurements)))

    @property
    def label(self) -> str:
        """`pixel4:1large_fp32`, which `load_profile` reads back for a shipped profile."""
        return f"{self.name}:{self.configuration}"

    def provenance(self) -> dict[str, Any]:
        """Everything but the measurements, as JSON values, with their number as `networks`."""
        fields = {key: value for key, value in asdict(self).items() if key != "measurements"}
        return {**fields, "notes": list(self.notes), "networks": len(self.measurements)}


def known_profiles() -> dict[str, Path]:
    """Shipped profile folders by name."""
    return {path.parent.name: path.parent for path in sorted(data_dir("hardware_profiles").glob("*/profile.yaml"))}


def load_profile(name_or_path: str | Path) -> HardwareProfile:
    """The profile called `pixel4`, `pixel4:3med_fp32` (another configuration), or a folder `path[:configuration]`.

    Raises:
        ProfileError: no such profile or configuration, or a file of it is wrong; the message names the place.
    """
    text = str(name_or_path)
    known = known_profiles()
    name, _, configuration = text.rpartition(":") if ":" in text and not Path(text).is_dir() else (text, "", "")
    folder = known[name] if name in known else Path(name).expanduser()
    if name not in known and not folder.is_dir():
        raise ProfileError(f"unknown hardware {name!r}; known: {names(known)}. A path to a profile folder works too")
    if not (folder / "profile.yaml").is_file():
        raise ProfileError(f"{folder} is not a profile folder: it has no profile.yaml")
    return _load(folder.resolve(), configuration, _stamp(folder))


@lru_cache(maxsize=32)
def _load(folder: Path, configuration: str, stamp: tuple[float, ...]) -> HardwareProfile:
    """The profile in `folder`; `stamp` only makes an edited folder a new cache entry."""
    file = folder / "profile.yaml"
    data = _read_yaml(file)
    configuration = configuration or data["default"]
    if configuration not in data["configurations"]:
        known = names(data["configurations"])
        raise ProfileError(f"{folder.name} has no configuration {configuration!r}; known: {known}")
    settings = data["configurations"][configuration]
    return HardwareProfile(
        name=folder.name,
        configuration=configuration,
        cores=str(settings["cores"]),
        threads=settings["threads"],
        precision=settings["precision"],
        notes=tuple(str(note) for note in data.get("notes", ())),
        measurements=_measurements(folder, configuration),
        **{key: str(data[key]) for key in _PROVENANCE},
    )


def _stamp(folder: Path) -> tuple[float, ...]:
    return tuple(path.stat().st_mtime for path in sorted(folder.iterdir()))


def _read_yaml(file: Path) -> dict[str, Any]:
    try:
        data = yaml.safe_load(file.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise ProfileError(f"{file}: cannot be read: {error}") from None
    except yaml.YAMLError as error:
        raise ProfileError(f"{file}: not YAML: {' '.join(str(error).split())}") from None
    _require_keys(f"{file}", data, _REQUIRED, {"notes"})
    for key in _PROVENANCE:
        if isinstance(data[key], (Mapping, list)) or not str(data[key] or "").strip():
            raise ProfileError(f"{file}:{key} must be a text that is not empty, got {data[key]!r}")
    if not isinstance(data.get("notes", []), list):
        raise ProfileError(f"{file}:notes must be a list of texts, got {data['notes']!r}")
    if not isinstance(data["configurations"], Mapping) or not data["configurations"]:
        raise ProfileError(f"{file}:configurations must map names to settings, got {data['configurations']!r}")
    for name, settings in data["configurations"].items():
        _check_configuration(f"{file}:configurations.{name}", settings)
    if data["default"] not in data["configurations"]:
        raise ProfileError(f"{file}:default must be one of {names(data['configurations'])}, got {data['default']!r}")
    return dict(data)


def _check_configuration(where: str, settings: Any) -> None:
    _require_keys(where, settings, _CONFIGURATION, {"note"})
    threads = settings["threads"]
    if isinstance(threads, bool) or not isinstance(threads, int) or threads < 1:
        raise ProfileError(f"{where}.threads must be a whole number above 0, got {threads!r}")
    if settings["precision"] not in BYTES:
        raise ProfileError(f"{where}.precision must be one of {names(BYTES)}, got {settings['precision']!r}")


def _require_keys(where: str, data: Any, required: set[str], optional: set[str]) -> None:
    """`where` is the file, or file:key."""
    if not isinstance(data, Mapping):
        raise ProfileError(f"{where}: must map keys to values, got {data!r}")
    join = "." if ":configurations" in where else ":"
    if missing := required - set(data):
        raise ProfileError(f"{where}{join}{sorted(missing)[0]} is missing; required: {names(required)}")
    if unknown := {str(key) for key in set(data) - required - optional}:
        raise ProfileError(f"{where}{join}{sorted(unknown)[0]} is not known; known: {names(required | optional)}")


def _measurements(folder: Path, configuration: str) -> tuple[Measurement, ...]:
    networks: dict[str, Architecture] = {}
    for where, row in _rows(folder / "networks.csv", ("name", "notation")):
        if row["name"] in networks:
            raise ProfileError(f"{where}: network {row['name']!r} is given twice")
        try:
            networks[row["name"]] = Architecture.from_notation(row["notation"])
        except ArchitectureError as error:
            raise ProfileError(f"{where}: {error}") from None
    found: dict[tuple[str, str], Measurement] = {}
    for where, row in _rows(folder / "latency.csv", ("configuration", "name", "mean_ms", "spread_ms")):
        key = row["configuration"], row["name"]
        if key in found:
            raise ProfileError(f"{where}: network {row['name']!r} is measured twice on {row['configuration']!r}")
        if row["name"] not in networks:
            raise ProfileError(f"{where}: network {row['name']!r} is not in networks.csv")
        ms, spread_ms = _number(where, row, "mean_ms"), _number(where, row, "spread_ms")
        if ms == 0:
            raise ProfileError(f"{where}: mean_ms must be above 0, got {row['mean_ms']!r}")
        found[key] = Measurement(row["name"], networks[row["name"]], ms, spread_ms)
    chosen = tuple(measurement for key, measurement in found.items() if key[0] == configuration)
    if len(chosen) < 4:
        raise ProfileError(
            f"{folder / 'latency.csv'}: {configuration} has {len(chosen)} networks; a fit needs 4 or more"
        )
    return chosen


def _rows(file: Path, columns: tuple[str, ...]) -> Iterator[tuple[str, dict[str, str]]]:
    """Each row with its `file:line`."""
    try:
        with file.open(newline="", encoding="utf-8") as stream:
            reader = csv.DictReader(stream)
            if tuple(reader.fieldnames or ()) != columns:
                found = ",".join(reader.fieldnames or ())
                raise ProfileError(f"{file}:1: the columns must be {','.join(columns)}, got {found!r}")
            for row in reader:
                if None in row or None in row.values():
                    raise ProfileError(f"{file}:{reader.line_num}: the row must have {len(columns)} cells")
                yield f"{file}:{reader.line_num}", row
    except (OSError, UnicodeDecodeError) as error:
        raise ProfileError(f"{file}: cannot be read: {error}") from None


def _number(where: str, row: dict[str, str], column: str) -> float:
    try:
        value = float(row[column])
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise ProfileError(f"{where}: {column} must be a number of milliseconds, got {row[column]!r}")
    return value
