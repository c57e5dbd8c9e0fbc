"""Hardware profiles: a folder per device, with measured networks and where the figures come from.

    hardware_profiles/<device>/
        profile.yaml     provenance, and the configurations (cores, threads, precision) measured
        networks.csv     name,notation
        latency.csv      configuration,name,mean_ms,spread_ms, and what else `nas.record` knows (RECORDED)
        kernels.csv      from nas.record: the runtime's own split of a network's time over its layers
        layers.csv       from nas.record: layers measured alone

A new device is a new folder. Times are milliseconds for one inference at batch 1; the spread is the
standard deviation over the repeats. Networks whose role is `validate` are kept from every fit.
"""

import csv
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from nas.errors import ArchitectureError, ProfileError
from nas.resources import canonical, data_dir, names
from nas.spaces.architecture import Architecture
from nas.spaces.cost import BYTES
from nas.spaces.layers import LAYER_OPS, Layer, out_size

PROVENANCE = ("device", "soc", "runtime", "runtime_version", "method", "repeats", "date", "source", "license")
"""What profile.yaml says in words of where the figures come from."""
_REQUIRED = {*PROVENANCE, "default", "configurations"}
_CONFIGURATION = {"cores", "threads", "precision"}

ROLES = ("fit", "validate")
LATENCY = ("configuration", "name", "mean_ms", "spread_ms")
RECORDED = ("role", "low_ms", "high_ms", "bursts", "runs")
"""Further columns of latency.csv: the role, the range of the bursts' figures, and the bursts and runs behind them."""
KERNELS = ("configuration", "name", "layers_us", "other_us")
"""`layers_us`: microseconds of each layer of the walk, parted by blanks; a layer fused into another has 0."""
_SHAPE = ("op", "kernel", "stride", "in_channels", "out_channels", "in_size", "activation", "norm", "bias")
LAYERS = ("configuration", *_SHAPE, "mean_ms", "spread_ms", "kernel_us")
"""A layer alone: the milliseconds of its session, and microseconds of its kernels, without reorders and calls."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One network timed on one configuration: mean and standard deviation in milliseconds.

    `layers_ms`: where the runtime was profiled, its time for each layer of the walk, and `other_ms` for what
    is no layer (changes of layout, say). The profiler itself adds microseconds to each, so the sum can exceed `ms`.
    """

    name: str
    architecture: Architecture
    ms: float
    spread_ms: float
    layers_ms: tuple[float, ...] = ()
    other_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class LayerTime:
    """One layer measured alone: its session's milliseconds with their spread, and those of its kernels."""

    layer: Layer
    ms: float
    spread_ms: float
    kernel_ms: float


@dataclass(frozen=True, slots=True)
class HardwareProfile:
    """One configuration of one device: provenance and the networks measured on it.

    `held_out` are networks kept from the fit for validation; `layer_times` are layers measured alone.
    `like`: of a few-shot profile, the label of the known profile it adapts (fewshot.py); else empty.
    """

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
    held_out: tuple[Measurement, ...] = ()
    layer_times: tuple[LayerTime, ...] = ()
    like: str = ""

    def __hash__(self) -> int:  # caches look profiles up often: hashing every network would cost more than predicting
        return hash((self.name, self.configuration, self.runtime, self.date, len(self.measurements)))

    @property
    def label(self) -> str:
        """`pixel4:1large_fp32`, which `load_profile` reads back for a shipped profile."""
        return f"{self.name}:{self.configuration}"

    def provenance(self) -> dict[str, Any]:
        """Everything but the measurements, as JSON values, with their number as `networks`; `like` of few-shot ones."""
        fields = {
            key: getattr(self, key) for key in self.__slots__ if key not in _ROWS and (key != "like" or self.like)
        }
        return {**fields, "notes": list(self.notes), "networks": len(self.measurements)}


_ROWS = ("measurements", "held_out", "layer_times")


def known_profiles() -> dict[str, Path]:
    """Shipped profile folders by name."""
    return {path.parent.name: path.parent for path in sorted(data_dir("hardware_profiles").glob("*/profile.yaml"))}


def known_labels() -> list[str]:
    """Every configuration of every shipped profile, as `name:configuration`."""
    folders = known_profiles()
    return [
        f"{name}:{key}"
        for name in folders
        for key in read_profile_yaml(folders[name] / "profile.yaml")["configurations"]
    ]


def load_profile(name_or_path: str | Path) -> HardwareProfile:
    """The profile called `pixel4`, `pixel4:3med_fp32` (another configuration), or a folder `path[:configuration]`.

    Raises:
        ProfileError: no such profile or configuration, or a file of it is wrong; the message names the place.
    """
    folder, configuration = profile_folder(name_or_path)
    return _load(folder.resolve(), configuration, _stamp(folder))


def profile_folder(name_or_path: str | Path) -> tuple[Path, str]:
    """The folder that `load_profile` reads, and the configuration, empty for the default.

    Raises:
        ProfileError: no such profile.
    """
    text = str(name_or_path)
    known = known_profiles()
    name, _, configuration = text.rpartition(":") if ":" in text and not Path(text).is_dir() else (text, "", "")
    folder = known[name] if name in known else Path(name).expanduser()
    if name not in known and not folder.is_dir():
        raise ProfileError(f"unknown hardware {name!r}; known: {names(known)}. A path to a profile folder works too")
    if not (folder / "profile.yaml").is_file():
        raise ProfileError(f"{folder} is not a profile folder: it has no profile.yaml")
    return folder, configuration


def canonical_hardware(hardware: str) -> str:
    """One text for all spellings of a profile and its configuration; of what is no profile, as it is."""
    try:
        folder, configuration = profile_folder(hardware)
        default = read_profile_yaml(folder / "profile.yaml")["default"]
    except (ProfileError, OSError):
        return hardware
    name = canonical(str(folder), known_profiles())
    return name if configuration in ("", default) else f"{name}:{configuration}"


@lru_cache(maxsize=32)
def _load(folder: Path, configuration: str, stamp: tuple[float, ...]) -> HardwareProfile:
    """The profile in `folder`; `stamp` only makes an edited folder a new cache entry."""
    file = folder / "profile.yaml"
    data = read_profile_yaml(file)
    configuration = configuration or data["default"]
    if configuration not in data["configurations"]:
        known = names(data["configurations"])
        raise ProfileError(f"{folder.name} has no configuration {configuration!r}; known: {known}")
    settings = data["configurations"][configuration]
    measurements = _measurements(folder, configuration)
    return HardwareProfile(
        name=folder.name,
        configuration=configuration,
        cores=str(settings["cores"]),
        threads=settings["threads"],
        precision=settings["precision"],
        notes=tuple(str(note) for note in data.get("notes", ())),
        measurements=measurements["fit"],
        held_out=measurements["validate"],
        layer_times=_layer_times(folder, configuration),
        like=settings.get("like", ""),
        **{key: str(data[key]) for key in PROVENANCE},
    )


def _stamp(folder: Path) -> tuple[float, ...]:
    """When the files that a profile is read from were written; others in the folder do not matter."""
    return tuple(path.stat().st_mtime for path in sorted(folder.iterdir()) if path.suffix in (".csv", ".yaml"))


def read_profile_yaml(file: Path) -> dict[str, Any]:
    """The keys of a profile.yaml, checked.

    Raises:
        ProfileError: it cannot be read, or a key is missing, unknown or wrong; the message names `file:key`.
    """
    try:
        data = yaml.safe_load(file.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise ProfileError(f"{file}: cannot be read: {error}") from None
    except yaml.YAMLError as error:
        raise ProfileError(f"{file}: not YAML: {' '.join(str(error).split())}") from None
    _require_keys(f"{file}", data, _REQUIRED, {"notes"})
    for key in PROVENANCE:
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
    _require_keys(where, settings, _CONFIGURATION, {"note", "recorded", "like"})
    threads = settings["threads"]
    if isinstance(threads, bool) or not isinstance(threads, int) or threads < 1:
        raise ProfileError(f"{where}.threads must be a whole number above 0, got {threads!r}")
    if settings["precision"] not in BYTES:
        raise ProfileError(f"{where}.precision must be one of {names(BYTES)}, got {settings['precision']!r}")
    if not isinstance(settings.get("like", ""), str):
        raise ProfileError(f"{where}.like must be the label of a profile, got {settings['like']!r}")


def _require_keys(where: str, data: Any, required: set[str], optional: set[str]) -> None:
    """`where` is the file, or file:key."""
    if not isinstance(data, Mapping):
        raise ProfileError(f"{where}: must map keys to values, got {data!r}")
    join = "." if ":configurations" in where else ":"
    if missing := required - set(data):
        raise ProfileError(f"{where}{join}{sorted(missing)[0]} is missing; required: {names(required)}")
    if unknown := {str(key) for key in set(data) - required - optional}:
        raise ProfileError(f"{where}{join}{sorted(unknown)[0]} is not known; known: {names(required | optional)}")


def _measurements(folder: Path, configuration: str) -> dict[str, tuple[Measurement, ...]]:
    """The networks measured on `configuration`, by role."""
    networks: dict[str, Architecture] = {}
    for where, row in read_table(folder / "networks.csv", ("name", "notation")):
        if row["name"] in networks:
            raise ProfileError(f"{where}: network {row['name']!r} is given twice")
        try:
            networks[row["name"]] = Architecture.from_notation(row["notation"])
        except ArchitectureError as error:
            raise ProfileError(f"{where}: {error}") from None
    kernels = _kernels(folder, configuration)
    seen: set[tuple[str, str]] = set()
    chosen: dict[str, list[Measurement]] = {role: [] for role in ROLES}
    for where, row in read_table(folder / "latency.csv", LATENCY, RECORDED):
        name, key = row["name"], (row["configuration"], row["name"])
        if key in seen:
            raise ProfileError(f"{where}: network {name!r} is measured twice on {row['configuration']!r}")
        if name not in networks:
            raise ProfileError(f"{where}: network {name!r} is not in networks.csv")
        seen.add(key)
        ms, spread_ms = read_number(where, row, "mean_ms"), read_number(where, row, "spread_ms")
        if ms == 0:
            raise ProfileError(f"{where}: mean_ms must be above 0, got {row['mean_ms']!r}")
        if (role := row.get("role", "fit")) not in ROLES:
            raise ProfileError(f"{where}: role must be one of {names(ROLES)}, got {role!r}")
        if row["configuration"] == configuration:
            layers_ms, other_ms = kernels.get(name, ((), 0.0))
            chosen[role].append(Measurement(name, networks[name], ms, spread_ms, layers_ms, other_ms))
    if len(chosen["fit"]) < 4:
        raise ProfileError(
            f"{folder / 'latency.csv'}: {configuration} has {len(chosen['fit'])} networks; a fit needs 4 or more"
        )
    return {role: tuple(found) for role, found in chosen.items()}


def _kernels(folder: Path, configuration: str) -> dict[str, tuple[tuple[float, ...], float]]:
    """Milliseconds per layer and of what is no layer, by network."""
    if not (folder / "kernels.csv").exists():
        return {}
    found = {}
    for where, row in read_table(folder / "kernels.csv", KERNELS):
        if row["configuration"] == configuration:
            layers = tuple(
                read_number(where, {"layers_us": cell}, "layers_us") / 1e3 for cell in row["layers_us"].split()
            )
            found[row["name"]] = layers, read_number(where, row, "other_us") / 1e3
    return found


def _layer_times(folder: Path, configuration: str) -> tuple[LayerTime, ...]:
    if not (folder / "layers.csv").exists():
        return ()
    return tuple(
        LayerTime(
            read_layer(where, row),
            read_number(where, row, "mean_ms"),
            read_number(where, row, "spread_ms"),
            read_number(where, row, "kernel_us") / 1e3,
        )
        for where, row in read_table(folder / "layers.csv", LAYERS)
        if row["configuration"] == configuration
    )


def layer_cells(layer: Layer) -> dict[str, Any]:
    """What tells `layer` from others, as cells of layers.csv."""
    return {key: int(value) if isinstance(value := getattr(layer, key), bool) else value for key in _SHAPE}


def read_layer(where: str, row: Mapping[str, Any]) -> Layer:
    """The layer of a row with the cells of `layer_cells`.

    Raises:
        ProfileError: a cell is not what it must be; `where` says in which row.
    """
    if row["op"] not in LAYER_OPS:
        raise ProfileError(f"{where}: op must be one of {names(LAYER_OPS)}, got {row['op']!r}")
    try:
        cells = {key: int(row[key]) for key in _SHAPE if key not in ("op", "activation")}
    except ValueError as error:
        raise ProfileError(f"{where}: not a layer: {error}") from None
    channels, size, op = cells["in_channels"], cells["in_size"], row["op"]
    return Layer(
        op,
        cells["kernel"],
        cells["stride"],
        channels,
        cells["out_channels"],
        size,
        1 if op == "pool" else out_size(size, cells["stride"]),
        1 if op in ("conv", "linear") else channels,
        row["activation"],
        bool(cells["norm"]),
        bool(cells["bias"]),
    )


def read_table(
    file: Path, columns: tuple[str, ...], optional: tuple[str, ...] = ()
) -> Iterator[tuple[str, dict[str, str]]]:
    """Each row with its `file:line`; the `optional` columns are there together or not at all.

    Raises:
        ProfileError: the file cannot be read, or has other columns; the message names the place.
    """
    try:
        with file.open(newline="", encoding="utf-8") as stream:
            reader = csv.DictReader(stream)
            if tuple(reader.fieldnames or ()) not in (columns, columns + optional):
                found = ",".join(reader.fieldnames or ())
                raise ProfileError(f"{file}:1: the columns must be {','.join(columns)}, got {found!r}")
            for row in reader:
                if None in row or None in row.values():
                    raise ProfileError(
                        f"{file}:{reader.line_num}: the row must have {len(reader.fieldnames or ())} cells"
                    )
                yield f"{file}:{reader.line_num}", row
    except (OSError, UnicodeDecodeError) as error:
        raise ProfileError(f"{file}: cannot be read: {error}") from None


def read_number(where: str, row: dict[str, str], column: str) -> float:
    """The cell as milliseconds, 0 or above.

    Raises:
        ProfileError: it is no such number; the message begins with `where`.
    """
    try:
        value = float(row[column])
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise ProfileError(f"{where}: {column} must be a number of milliseconds, got {row[column]!r}")
    return value
