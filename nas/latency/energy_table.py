"""energy.csv of a profile's folder: what an inference of a network takes from the battery or the mains.

    configuration,name,mean_mj,spread_mj     millijoules of an inference and their standard deviation
    configuration,name,watts                 or the mean power while inferences follow one another

Watts times the milliseconds of latency.csv are millijoules. Where profile.yaml gives a configuration's `idle_watts`,
what the device draws with nothing to do is taken off the watts.
"""

from collections.abc import Mapping
from pathlib import Path

from nas.errors import ProfileError
from nas.latency.profile_tables import read_table
from nas.reading.numbers import decimal
from nas.reading.tables import read_header
from nas.reading.words import short

FILE = "energy.csv"
MILLIJOULES = ("configuration", "name", "mean_mj", "spread_mj")
WATTS = ("configuration", "name", "watts")

LEAST_MJ, MOST_MJ = 1e-6, 1e9
MOST_WATTS = 1e5

Times = Mapping[str, tuple[float, float]]
"""Milliseconds and their spread by the network's name."""


def read_energies(folder: Path, configuration: str, times: Times, idle_watts: float | None) -> Times:
    """Millijoules and their spread of networks of a configuration, by name; none where the folder has no such table.

    Raises:
        ProfileError: the table cannot be read, or a row is wrong; the message names the place.
    """
    file = folder / FILE
    if not file.exists():
        return {}
    by_watts = "watts" in read_header(file, ProfileError)
    if idle_watts is not None and not by_watts:
        raise ProfileError(f"{folder / 'profile.yaml'}: idle_watts is taken off watts, and {FILE} holds millijoules")
    found: dict[str, tuple[float, float]] = {}
    seen: set[tuple[str, str]] = set()
    for where, row in read_table(file, WATTS if by_watts else MILLIJOULES):
        key = row["configuration"], row["name"]
        if key in seen:
            raise ProfileError(f"{where}: network {short(key[1])} is given twice on {short(key[0])}")
        seen.add(key)
        if key[0] != configuration:
            continue
        if key[1] not in times:
            raise ProfileError(f"{where}: network {short(key[1])} has no milliseconds in latency.csv")
        found[key[1]] = _of_watts(where, row, times[key[1]], idle_watts) if by_watts else _of_millijoules(where, row)
    return found


def read_mj(where: str, row: Mapping[str, str], column: str) -> float:
    """The cell as millijoules of an inference.

    Raises:
        ProfileError: it is no such number; the message begins with `where`.
    """
    return _number(where, row, column, LEAST_MJ, MOST_MJ, "millijoules")


def _of_millijoules(where: str, row: Mapping[str, str]) -> tuple[float, float]:
    return read_mj(where, row, "mean_mj"), _number(where, row, "spread_mj", 0.0, MOST_MJ, "millijoules")


def _of_watts(
    where: str, row: Mapping[str, str], times: tuple[float, float], idle_watts: float | None
) -> tuple[float, float]:
    watts = _number(where, row, "watts", 0.0, MOST_WATTS, "watts") - (idle_watts or 0.0)
    if watts <= 0:
        raise ProfileError(f"{where}: watts must be above the idle_watts of profile.yaml, got {short(row['watts'])}")
    ms, spread_ms = times
    return watts * ms, watts * spread_ms


def _number(where: str, row: Mapping[str, str], column: str, least: float, most: float, unit: str) -> float:
    try:
        value = decimal(row[column].strip())
    except ValueError:
        value = -1.0
    if not least <= value <= most:
        raise ProfileError(f"{where}: {column} must be {unit} from {least:g} to {most:g}, got {short(row[column])}")
    return value
