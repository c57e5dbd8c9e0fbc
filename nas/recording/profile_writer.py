"""From recordings to the folder of a hardware profile."""

import csv
import io
import os
import re
from collections.abc import Mapping
from pathlib import Path

import yaml

from nas.errors import ConfigError, ProfileError
from nas.recording.recordings import TABLES, Recording, Table
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
            f"{recording.name} has {recording.count('fit')} networks to fit and {recording.unsettled} models that did "
            f"not settle; {_FIT} are needed: measure longer, or with less else running"
        )


def _write_profile(folder: Path, recordings: Mapping[str, Recording]) -> None:
    old = recorded_profile(folder)
    settings = {name: recording.settings for name, recording in recordings.items()}
    first = next(iter(settings.values()))["recorded"]
    for key, value in (("soc", first["cpu"]), ("runtime_version", first["runtime_version"])):
        if old and str(old[key]) != value:
            raise ProfileError(f"{folder} was recorded with {key} {old[key]}, not {value}; choose another hardware=…")
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
    networks = {row["name"]: row["notation"] for row in _read_table(folder / "networks.csv")}
    for recording in recordings.values():
        networks |= recording.networks
    rows = [{"name": name, "notation": notation} for name, notation in networks.items()]
    _write_table(folder / "networks.csv", ("name", "notation"), rows)
    for file, columns in TABLES.items():
        kept = [row for row in _read_table(folder / file) if row["configuration"] not in recordings]
        added = [row for recording in recordings.values() for row in recording.tables[file]]
        _write_table(folder / file, columns, [*kept, *added])
    replace_file(
        folder / "profile.yaml", yaml.safe_dump(about, sort_keys=False, width=110, allow_unicode=True).encode()
    )


def device_words(facts: Row) -> str:
    """A machine of these facts (`runner.machine.environment`) as profile.yaml's `device`."""
    return f"{facts['cpu']}, {facts['logical_cores']} cores, {facts['machine']}"


def profile_to_write(hardware: str) -> Path:
    """The folder of the profile that `hardware` names, in ./hardware_profiles, or of a path.

    Raises:
        ConfigError: neither a name nor a path.
    """
    if os.sep in hardware or hardware.startswith(("~", ".")):
        return Path(hardware).expanduser()
    if not _NAME.fullmatch(hardware):
        raise ConfigError(f"hardware must be a name of letters, digits and -_. or a path, got {hardware!r}")
    return Path("hardware_profiles", hardware)


def make_folder(folder: Path) -> None:
    """Make a profile's folder.

    Raises:
        ProfileError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ProfileError(f"cannot make the profile folder {folder}: {error.strerror}") from None


def recorded_profile(folder: Path) -> Row:
    """profile.yaml of a recorded profile; {} where there is none yet.

    Raises:
        ProfileError: there is one that was not recorded.
    """
    file = folder / "profile.yaml"
    if not file.exists():
        return {}
    try:
        data = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ProfileError(f"{file}: cannot be read: {' '.join(str(error).split())}") from None
    if not isinstance(data, dict) or data.get("source") != SOURCE:
        raise ProfileError(f"{folder} holds a profile that nas.record did not measure; choose another hardware=…")
    return data


def _read_table(file: Path) -> Table:
    if not file.exists():
        return []
    with file.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def _write_table(file: Path, columns: tuple[str, ...], rows: Table) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    replace_file(file, text.getvalue().encode())
