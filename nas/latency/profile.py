"""Hardware profiles: a folder per device, with measured networks and where the figures come from.

    hardware_profiles/<device>/
        profile.yaml     provenance, and the configurations (cores, threads, precision) measured
        networks.csv     name,notation
        latency.csv      configuration,name,mean_ms,spread_ms, and what else `nas.record` knows (RECORDED)
        kernels.csv      from nas.record: the runtime's own split of a network's time over its layers
        layers.csv       from nas.record: layers measured alone
        energy.csv       millijoules or watts of networks (energy_table.py)

A new device is a new folder. Times are milliseconds for one inference at batch 1; the spread is the
standard deviation over the repeats. A configuration may have a `batch`, the images of an inference. Networks
whose role is `validate` are kept from every fit.
"""

import os
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import Interval, Len

from nas.errors import ProfileError
from nas.latency.energy_table import MOST_WATTS, read_energies
from nas.latency.profile_tables import ROLES, read_kernels, read_latencies, read_layer_times, read_networks
from nas.latency.profile_zip import unpacked
from nas.reading.checks import CLOSED, Name, Number, Whole, Words, checked
from nas.reading.files import read_text
from nas.reading.words import alike, cut, short
from nas.reading.yaml_text import parse_yaml
from nas.resources import canonical, data_dir, names
from nas.spaces.architecture import Architecture
from nas.spaces.layers import Layer

NOT_STATED = "not stated"
"""What a profile says of where its figures come from that nobody said."""
PROVENANCE = ("device", "soc", "runtime", "runtime_version", "method", "repeats", "date", "source", "license")
"""What profile.yaml says in words of where the figures come from."""
MOST_BATCH = 1024
"""Images of an inference."""
FEWEST = 4
"""Networks that a fit needs."""
_TEXTS = (*PROVENANCE, "default", "cores", "precision", "like", "note")  # a version 1.20 is not 1.2


@dataclass(frozen=True, slots=True)
class ConfigurationYaml:
    """One of the `configurations` of profile.yaml; `recorded` is what nas.record noted.

    What it says of its runtime and its source goes before what the profile says of all.
    """

    __pydantic_config__ = CLOSED
    cores: Words
    threads: Annotated[Whole, Interval(ge=1, le=10_000)]
    precision: Literal["fp32", "fp16", "int8"]
    note: Words | None = None
    recorded: dict[str, Any] | None = None
    like: Name | None = None
    idle_watts: Annotated[Number, Interval(gt=0, le=MOST_WATTS)] | None = None
    batch: Annotated[Whole, Interval(ge=1, le=MOST_BATCH)] = 1
    runtime: Words | None = None
    runtime_version: Words | None = None
    date: Words | None = None
    source: Words | None = None


@dataclass(frozen=True, slots=True)
class ProfileYaml:
    """The keys of profile.yaml."""

    __pydantic_config__ = CLOSED
    device: Words
    soc: Words
    runtime: Words
    runtime_version: Words
    method: Words
    repeats: Words
    date: Words
    source: Words
    license: Words
    default: str
    configurations: Annotated[dict[Name, ConfigurationYaml], Len(1, 100)]
    notes: Annotated[list[Words], Len(0, 100)] | None = None


@dataclass(frozen=True, slots=True)
class Measurement:
    """One network timed on one configuration: mean and standard deviation in milliseconds.

    `layers_ms`: where the runtime was profiled, its time for each layer of the walk, and `other_ms` for what
    is no layer (changes of layout, say). The profiler itself adds microseconds to each, so the sum can exceed `ms`.
    `mj`: mean and standard deviation of the energy in millijoules; 0 where it is not known.
    """

    name: str
    architecture: Architecture
    ms: float
    spread_ms: float
    layers_ms: tuple[float, ...] = ()
    other_ms: float = 0.0
    mj: float = 0.0
    spread_mj: float = 0.0


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
    `batch`: the images of an inference, of which milliseconds and millijoules are.
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
    batch: int = 1

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


def own_profiles() -> dict[str, Path]:
    """Profile folders in `hardware_profiles` of the working folder, where `nas.record` puts them, by name."""
    return {path.parent.name: path.parent for path in sorted(Path("hardware_profiles").glob("*/profile.yaml"))}


def known_labels() -> list[str]:
    """Every configuration of every shipped profile, as `name:configuration`."""
    return list(known_configurations())


def known_configurations() -> dict[str, dict[str, Any]]:
    """By the same label, what profile.yaml says of it."""
    return {
        f"{name}:{key}": settings
        for name, folder in known_profiles().items()
        for key, settings in read_profile_yaml(folder / "profile.yaml")["configurations"].items()
    }


def load_profile(name_or_path: str | Path) -> HardwareProfile:
    """The profile called `pixel4`, `pixel4:3med_fp32` (another configuration), or of a folder or zip.

    A name is that of a shipped profile, or of one that was recorded in the working folder.

    Raises:
        ProfileError: no such profile or configuration, or a file of it is wrong; the message names the place.
    """
    folder, configuration = profile_folder(name_or_path)
    return _load(folder.resolve(), configuration, _stamp(folder))


def profile_folder(name_or_path: str | Path) -> tuple[Path, str]:
    """The folder that `load_profile` reads, and the configuration, empty for the default.

    Of a zip it is a folder of this process (`unpacked`).

    Raises:
        ProfileError: no such profile.
    """
    text = str(name_or_path)
    known = {**own_profiles(), **known_profiles()}
    name, configuration = _parts(text)
    folder = known[name] if name in known else Path(os.path.expanduser(name))
    if name != text and not configuration:
        raise ProfileError(f"{short(text)} names no configuration after its colon; leave the colon out for the default")
    if name not in known and (packed := zip_of(text)):
        return unpacked(packed), configuration
    if name not in known and not os.path.isdir(folder):  # unlike Path.is_dir, false for a name that is too long
        near = alike(name, known, least=0.6)
        meant = f". Did you mean {near[0]}?" if near else ""
        raise ProfileError(
            f"unknown hardware {short(name)}; known: {names(known)}. A path to a profile folder works too{meant}"
        )
    if not os.path.isfile(folder / "profile.yaml"):
        raise ProfileError(f"{cut(str(folder), 200)} is not a profile folder: it has no profile.yaml")
    return folder, configuration


def zip_of(hardware: str) -> Path | None:
    """The zip that `hardware` names, where it names one."""
    path = Path(os.path.expanduser(_parts(hardware)[0]))
    return path if path.suffix.lower() == ".zip" and os.path.isfile(path) else None


def _parts(text: str) -> tuple[str, str]:
    """The name or path, and the configuration, empty for the default."""
    name, colon, configuration = text.rpartition(":")
    return (text, "") if not colon or os.path.isdir(text) else (name, configuration)


def canonical_hardware(hardware: str) -> str:
    """One text for all spellings of a profile and its configuration; of what is no profile, as it is."""
    try:
        folder, configuration = profile_folder(hardware)
        default = read_profile_yaml(folder / "profile.yaml")["default"]
    except (ProfileError, OSError):
        return hardware
    name = canonical(str(zip_of(hardware) or folder), known_profiles())
    return name if configuration in ("", default) else f"{name}:{configuration}"


def at_batch(hardware: str | Path, batch: int | None) -> str:
    """What `load_profile` takes for the configuration that is `hardware` but for its batch; as it is with None.

    Raises:
        ProfileError: the profile has no such configuration.
    """
    profile = load_profile(hardware)
    if batch is None or batch == profile.batch:
        return str(hardware)
    folder, _ = profile_folder(hardware)
    wanted = (profile.cores, profile.threads, profile.precision, batch)
    found = read_profile_yaml(folder / "profile.yaml")["configurations"]
    for name, settings in found.items():
        if (settings["cores"], settings["threads"], settings["precision"], settings.get("batch", 1)) == wanted:
            return f"{canonical(str(folder), known_profiles())}:{name}"
    raise ProfileError(
        f"{profile.label} was measured at batch {profile.batch}, and {folder.name} has no configuration like it at "
        f"batch {batch}; known: {names(found)}. Measure it with nas.record batch={batch}"
    )


@lru_cache(maxsize=256)  # more than the shelf has: a few-shot profile is tried with each
def _load(folder: Path, configuration: str, stamp: tuple[float, ...]) -> HardwareProfile:
    """The profile in `folder`; `stamp` only makes an edited folder a new cache entry."""
    file = folder / "profile.yaml"
    data = read_profile_yaml(file)
    configuration = configuration or data["default"]
    if configuration not in data["configurations"]:
        known = names(data["configurations"])
        raise ProfileError(f"{folder.name} has no configuration {short(configuration)}; known: {known}")
    settings = data["configurations"][configuration]
    idle_watts = settings.get("idle_watts")
    measurements = _measurements(folder, stamp, configuration, idle_watts)
    energies = any(row.mj > 0 for rows in measurements.values() for row in rows)
    return HardwareProfile(
        name=folder.name,
        configuration=configuration,
        cores=settings["cores"],
        threads=settings["threads"],
        precision=settings["precision"],
        notes=(
            *(data.get("notes") or ()),
            *([settings["note"]] if settings.get("note") else ()),
            *([_energy_note(idle_watts)] if energies else ()),
        ),
        measurements=measurements["fit"],
        held_out=measurements["validate"],
        layer_times=_layer_times(folder, configuration),
        like=settings.get("like") or "",
        batch=settings.get("batch", 1),
        **{key: settings.get(key) or data[key] for key in PROVENANCE},
    )


def _stamp(folder: Path) -> tuple[float, ...]:
    """When the files that a profile is read from were written; others in the folder do not matter."""
    return tuple(path.stat().st_mtime for path in sorted(folder.iterdir()) if path.suffix in (".csv", ".yaml"))


def read_profile_yaml(file: Path) -> dict[str, Any]:
    """The keys of a profile.yaml, checked.

    Raises:
        ProfileError: it cannot be read, or a key is missing, unknown or wrong; the message names file and key.
    """
    return deepcopy(_read_profile_yaml(file, file.stat().st_mtime_ns if file.is_file() else 0))


@lru_cache(maxsize=64)
def _read_profile_yaml(file: Path, _: int) -> dict[str, Any]:
    """The same, once for each time that the file was written."""
    where = cut(str(file), 200)
    data = parse_yaml(read_text(file, ProfileError), where, ProfileError, texts=_TEXTS)
    checked(ProfileYaml, data, where, ProfileError)
    if data["default"] not in data["configurations"]:
        known = names(data["configurations"])
        raise ProfileError(f"{where}: default: must be one of {known}, got {short(data['default'])}")
    return dict(data)


def _energy_note(idle_watts: float | None) -> str:
    if idle_watts is None:
        return (
            "Energy is all that the device draws, idle or not: what it would draw with nothing to do is not told apart."
        )
    return f"Energy is net of the {idle_watts:g} W that the device draws with nothing to do."


def _measurements(
    folder: Path, stamp: tuple[float, ...], configuration: str, idle_watts: float | None
) -> dict[str, tuple[Measurement, ...]]:
    """The networks measured on `configuration`, by role."""
    networks, kernel_rows, latencies = _tables(folder, stamp)
    kernels = {row["name"]: split for row, *split in kernel_rows if row["configuration"] == configuration}
    chosen: dict[str, list[Measurement]] = {role: [] for role in ROLES}
    for row, ms, spread_ms in latencies:
        if row["configuration"] == configuration:
            name = row["name"]
            split = kernels.get(name, ((), 0.0))
            chosen[row.get("role", "fit")].append(Measurement(name, networks[name], ms, spread_ms, *split))
    if len(chosen["fit"]) < FEWEST:
        has = f"{cut(configuration)} has {len(chosen['fit'])} networks"
        raise ProfileError(f"{cut(str(folder / 'latency.csv'), 200)}: {has}; a fit needs {FEWEST} or more")
    times = {row.name: (row.ms, row.spread_ms) for found in chosen.values() for row in found}
    energies = read_energies(folder, configuration, times, idle_watts)

    def with_energy(row: Measurement) -> Measurement:
        mj, spread_mj = energies.get(row.name, (0.0, 0.0))
        return replace(row, mj=mj, spread_mj=spread_mj)

    return {role: tuple(map(with_energy, found)) for role, found in chosen.items()}


@lru_cache(maxsize=32)
def _tables(folder: Path, stamp: tuple[float, ...]) -> tuple[Mapping[str, Architecture], Sequence[Any], Sequence[Any]]:
    """The networks of all configurations, the rows of kernels.csv, and those of latency.csv."""
    networks, kernels = read_networks(folder / "networks.csv"), folder / "kernels.csv"
    split = tuple(read_kernels(kernels, networks)) if kernels.exists() else ()
    return networks, split, tuple(read_latencies(folder / "latency.csv", networks))


def _layer_times(folder: Path, configuration: str) -> tuple[LayerTime, ...]:
    if not (folder / "layers.csv").exists():
        return ()
    rows = read_layer_times(folder / "layers.csv")
    return tuple(LayerTime(*times) for measured_on, times in rows if measured_on == configuration)
