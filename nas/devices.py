"""`python -m nas.devices`: the devices that are known, what is measured of each, and how well it is predicted."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from nas.commandline import Invocation, command
from nas.latency.profile import load_profile
from nas.latency.shelf import Shelved, on_shelf
from nas.report.profiles.shelf import by_device, print_configurations, print_devices


@dataclass(frozen=True, slots=True)
class DevicesSettings:
    """What `nas.devices` can be told."""

    hardware: str | None
    """A profile's name, name:configuration such as pixel4:1large_int8, or a folder; null: all that ship."""
    format: Literal["text", "json"]
    """text, or json."""


def main(settings: DevicesSettings, _: Invocation) -> None:
    """Print the shelf: a row for each device, or of one device a row for each configuration."""
    found = on_shelf(settings.hardware)
    if settings.format == "json":
        print(json.dumps(to_json(found)))
    elif settings.hardware is None:
        print_devices(found)
    else:
        print_configurations(found, load_profile(settings.hardware))


def to_json(found: Sequence[Shelved]) -> list[dict[str, Any]]:
    """An object for each device, with its configurations in a list."""
    shared = ("name", "device", "soc", "license")
    return [
        {
            **{key: getattr(rows[0], key) for key in shared},
            "configurations": [_configuration(row, shared) for row in rows],
        }
        for rows in by_device(found)
    ]


def _configuration(row: Shelved, shared: Sequence[str]) -> dict[str, Any]:
    said = {key: value for key, value in asdict(row).items() if key not in shared}
    said["objectives"] = row.objectives.split()
    return {key: None if isinstance(value, float) and math.isnan(value) else value for key, value in said.items()}


if __name__ == "__main__":
    command("devices", DevicesSettings, main)
