"""From recordings to the folder of a hardware profile."""

import csv
import io
import os
import re
from collections.abc import Mapping
from pathlib import Path

from nas.errors import ConfigError, ProfileError
from nas.latency.energy_table import FILE as ENERGY
from nas.latency.profile import read_profile_yaml
from nas.latency.profile_tables import read_table
from nas.reading.checks import checked
from nas.reading.words import cut, short
from nas.reading.yaml_text import yaml_text
from nas.recording.recordings import TABLES, Recording, Table
from nas.recording.rows import Recorded
from nas.recording.runner.figures import Row
from nas.resources import replace_file

SOURCE = "measured by nas.record"
_METHOD = (
    "one inference at batch 1, random weights and input; a burst's figure is the lower quartile of its runs that "
    "nothing disturbed, mean_ms is the median of the bursts' figures and spread_ms 1.4826 x their median "
    "absolute deviation, each burst in a new session"
)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_FIT = 4  # networks that a profile needs (profile.py)


def write_profile(folder: Path, recordings: Mapping[str, Recording]) -> None:
    """Write the recordings into the profile in `folder`; other configurations it has are kept.

    Raises:
        ProfileError: a recording is too small to fit (the others are written), or the folder holds a profile
            that was not recorded, or recorded on another machine.
    """
    small = [recording for recording in recordings.values() if recording.count("fit") < _FIT]
    recordings = {name: recording for name, recording in recordings.items() if recording not in small}
    if recordings:
        _write_profile(folder, recordings)
    for recording in small:
        raise ProfileError(
            f"{cut(recording.name)} has {recording.count('fit')} networks to fit and {recording.unsettled} models that "
            f"did not settle; {_FIT} are needed: measure longer, or with less else running"
        )


def _write_profile(folder: Path, recordings: Mapping[str, Recording]) -> None:
    old = recorded_profile(folder)
    settings = {name: recording.settings for name, recording in recordings.items()}
    first = next(iter(settings.values()))["recorded"]
    for key, value in (("soc", first["cpu"]), ("runtime_version", first["runtime_version"])):
        if old and old[key] != value:
            both = f"{cut(old[key])}, not {cut(value)}"
            raise ProfileError(f"{cut(str(folder), 200)} was recorded with {key} {both}; choose another hardware=…")
    every = {**old.get("configurations", {}), **settings}
    about = {
        "device": device_words(first),
        "soc": first["cpu"],
        "runtime": first["runtime"],
        "runtime_version": first["runtime_version"],
        "method": _METHOD,
        "repeats": "bursts and runs of every row are in latency.csv",
        "date": max(str(entry["recorded"]["date"]) for entry in every.values())[:10],
        "source": SOURCE,
        "license": "no third party's figures",
        "default": old.get("default", next(iter(settings))),
        "configurations": dict(sorted(every.items())),
    }
    make_folder(folder)
    networks = {row["name"]: row["notation"] for row in _read_table(folder / "networks.csv", ("name", "notation"))}
    for recording in recordings.values():
        networks |= recording.networks
    rows = [{"name": name, "notation": notation} for name, notation in networks.items()]
    _write_table(folder / "networks.csv", ("name", "notation"), rows)
    for file, columns in TABLES.items():
        kept = [row for row in _read_table(folder / file, columns) if row["configuration"] not in recordings]
        added = [row for recording in recordings.values() for row in recording.tables.get(file, ())]
        if kept or added or file != ENERGY:
            _write_table(folder / file, columns, [*kept, *added])
    replace_file(folder / "profile.yaml", yaml_text(about).encode())


def device_words(facts: Row) -> str:
    """A machine of these facts (`runner.machine.environment`) as profile.yaml's `device`."""
    return f"{facts['cpu']}, {facts['logical_cores']} cores, {facts['machine']}"


def profile_to_write(hardware: str) -> Path:
    """The folder of the profile that `hardware` names, in ./hardware_profiles, or of a path.

    Raises:
        ConfigError: neither a name nor a path.
    """
    if os.sep in hardware or hardware.startswith(("~", ".")):
        return Path(os.path.expanduser(hardware))
    if not _NAME.fullmatch(hardware):
        raise ConfigError(f"hardware must be a name of letters, digits and -_. or a path, got {short(hardware)}")
    return Path("hardware_profiles", hardware)


def make_folder(folder: Path) -> None:
    """Make a profile's folder.

    Raises:
        ProfileError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ProfileError(f"cannot make the profile folder {cut(str(folder), 200)}: {error.strerror}") from None


def recorded_profile(folder: Path) -> Row:
    """profile.yaml of a recorded profile; {} where there is none yet.

    Raises:
        ProfileError: there is one that was not recorded.
    """
    file = folder / "profile.yaml"
    if not file.exists():
        return {}
    data = read_profile_yaml(file)
    if data["source"] != SOURCE:
        raise ProfileError(
            f"{cut(str(folder), 200)} holds a profile that nas.record did not measure; choose another hardware=…"
        )
    for name, settings in data["configurations"].items():
        where = f"{cut(str(file), 200)}: configurations.{name}.recorded"
        checked(Recorded, settings.get("recorded"), where, ProfileError)
    return data


def _read_table(file: Path, columns: tuple[str, ...]) -> Table:
    return [dict(row) for _, row in read_table(file, columns)] if file.exists() else []


def _write_table(file: Path, columns: tuple[str, ...], rows: Table) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    replace_file(file, text.getvalue().encode())
