"""The shelf: profiles of the devices of the literature, and what they have in common.

python -m tools.shelf          known_devices.csv, known_shapes.csv and known_errors.csv, from the profiles
python -m tools.shelf DATA     first the profiles, from the calibration data in the folder DATA, by shelf_devices.yaml

A configuration is shipped where each network, predicted from the others, errs by at most MOST_PERCENT in the mean. The
others are listed with the reason in not_shipped.csv.
"""

import csv
import io
import json
import sys
import tempfile
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import astuple
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from nas.latency import known_shapes, predictor, validation
from nas.latency.features import EXPECTED_MS, layer_class, quantities
from nas.latency.models import known_devices
from nas.latency.models.linear import fit, observed
from nas.latency.profile import PROVENANCE, HardwareProfile, known_labels, load_profile
from nas.latency.profile_tables import LATENCY, read_networks
from nas.latency.shelf import COLUMNS, shelved
from nas.resources import data_dir, replace_file
from nas.spaces.layers import layers
from tools.shelf_sources import Key, Times, all_rows, mlperf_network

MOST_PERCENT = 5.0
FEWEST = 12  # networks of a configuration
ALONE_RIDGE = 0.03  # of a configuration fitted without what others have in common with it
NOT_SHIPPED = ("name", "configuration", "networks", "mape_percent", "max_percent", "reason")
SPECIFICATION = Path(__file__).with_name("shelf_devices.yaml")

Row = Sequence[object]


def main() -> None:
    """Write what the arguments ask for."""
    shelf = data_dir("hardware_profiles")
    if len(sys.argv) > 1:
        transcribe(Path(sys.argv[1]), shelf)
    write_common(shelf)


def write_common(shelf: Path) -> None:
    """known_devices.csv, known_shapes.csv and known_errors.csv."""
    everything = [load_profile(label) for label in known_labels()]
    profiles = [profile for profile in everything if whole_networks(profile)]
    _write(shelf / "known_shapes.csv", known_shapes.COLUMNS, shape_rows(profiles))
    _write(shelf / "known_devices.csv", known_devices.COLUMNS, cost_rows(profiles))
    _forget()
    _write(shelf / "known_errors.csv", COLUMNS, map(astuple, map(shelved, everything)))


def whole_networks(profile: HardwareProfile) -> bool:
    """Whether a profile has whole networks alone, measured for many rather than few."""
    return not profile.like and not profile.layer_times


def cost_rows(profiles: Iterable[HardwareProfile]) -> Iterator[Row]:
    """The rows of known_devices.csv: each profile fitted by itself."""
    for profile in profiles:
        features, ms, weights = observed(profile)
        alone = fit(features, ms, weights, np.array(EXPECTED_MS[profile.precision]), ALONE_RIDGE)
        costs = [f"{value:.4g}" for value in known_devices.scaled(alone)]
        yield profile.device, profile.configuration, profile.precision, *costs


def shape_rows(profiles: Iterable[HardwareProfile]) -> Iterator[Row]:
    """The rows of known_shapes.csv."""
    values: dict[tuple[str, str], set[int]] = {}
    archs = {row.architecture for profile in profiles for row in profile.measurements}
    for layer in {layer for arch in archs for layer in layers(arch)}:
        for quantity, value in quantities(layer):
            values.setdefault((layer_class(layer), quantity), set()).add(value)
    for key, found in sorted(values.items()):
        yield *key, min(found), max(found)


def transcribe(data: Path, shelf: Path) -> None:
    """Write the profiles of SPECIFICATION whose errors are small, and not_shipped.csv."""
    devices = yaml.safe_load(SPECIFICATION.read_text(encoding="utf-8"))["devices"]
    phones = read_networks(shelf / "pixel4" / "networks.csv")
    rows = all_rows(data, phones)
    notations = {name: arch.notation for name, arch in phones.items()}
    boards = sorted({name for found in rows.values() for name in found if name not in phones})
    notations |= {name: mlperf_network(name).notation for name in boards}
    with tempfile.TemporaryDirectory() as folder:
        candidates = []
        for name, device in devices.items():
            chosen = dict(configurations(device, rows))
            write_profile(Path(folder, name), device, chosen, notations)
            candidates += [(name, each) for each in chosen]
        good = passing(Path(folder), candidates, shelf)
    rejected = []
    for name, device in devices.items():
        chosen = {each: found for each, found in configurations(device, rows) if good[name, each] is None}
        if chosen:
            write_profile(shelf / name, device, chosen, notations)
        for each, (settings, times) in configurations(device, rows):
            if (table := good[name, each]) is not None:
                reason = settings.get("doubt", "the model does not explain its figures")
                errors = f"{table.mape_percent:.1f}", f"{table.max_percent:.1f}"
                rejected.append((f"{device['device']}", each, len(times), *errors, reason))
    _write(shelf / "not_shipped.csv", NOT_SHIPPED, rejected)


def passing(
    folder: Path, candidates: Sequence[tuple[str, str]], shelf: Path
) -> dict[tuple[str, str], validation.ErrorTable | None]:
    """None for each configuration whose error is small, else its errors.

    What devices have in common comes from those with small errors, and the errors from what they have in common: this
    is gone through until it stays, from the fourth time on with those alone that are left. Who was left out early, and
    is small by what those have in common that stayed, comes back if all are still small then.
    """
    profiles = {key: load_profile(f"{folder / key[0]}:{key[1]}") for key in candidates}

    def errors_with(good: Set[tuple[str, str]]) -> dict[tuple[str, str], validation.ErrorTable]:
        _write(shelf / "known_devices.csv", known_devices.COLUMNS, cost_rows(profiles[key] for key in sorted(good)))
        _forget()
        return {key: validation.leave_one_out(profile) for key, profile in profiles.items()}

    good = set(candidates)
    for times in count():
        errors = errors_with(good)
        left = good if times > 3 else candidates
        small = {key for key in left if errors[key].mape_percent <= MOST_PERCENT}
        if small == good:
            break
        good = small
    more = {key for key in candidates if errors[key].mape_percent <= MOST_PERCENT}
    if more != good:
        found = errors_with(more)
        if all(found[key].mape_percent <= MOST_PERCENT for key in more):
            good, errors = more, found
    return {key: None if key in good else table for key, table in errors.items()}


def configurations(device: Mapping[str, Any], rows: Mapping[Key, Times]) -> Iterator[tuple[str, tuple[Any, Times]]]:
    """Each configuration of a device by name, with its settings and its rows."""
    for name, settings in device["sets"].items():
        place = settings.get("from") or (device["from"], name)
        for precision in ("fp32", "int8"):
            times = {
                network: found
                for network, found in rows.get((*place, precision), {}).items()
                if network not in settings.get("without", ())
            }
            if len(times) >= FEWEST:
                yield f"{name}_{precision}", ({**settings, "precision": precision}, times)


def write_profile(
    folder: Path, device: Mapping[str, Any], chosen: Mapping[str, tuple[Any, Times]], notations: Mapping[str, str]
) -> None:
    """profile.yaml and both tables."""
    folder.mkdir(exist_ok=True)
    replace_file(folder / "profile.yaml", profile_yaml(device, chosen).encode())
    names = [name for name in notations if any(name in times for _, times in chosen.values())]
    _write(folder / "networks.csv", ("name", "notation"), [(name, notations[name]) for name in names])
    times = [(key, name, *found[name]) for key, (_, found) in chosen.items() for name in names if name in found]
    _write(folder / "latency.csv", LATENCY, times)


def profile_yaml(device: Mapping[str, Any], chosen: Mapping[str, tuple[Any, Times]]) -> str:
    """profile.yaml, a line for each configuration."""
    lines = ["# Made by `python -m tools.shelf DATA`, of tools/shelf_devices.yaml."]
    lines += [f"{key}: {_text(device[key], '  ')}" for key in PROVENANCE]
    lines += ["notes:", *(f"  - {_text(note, '    ')}" for note in device["notes"])]
    default = device["default"] if device["default"] in chosen else next(iter(chosen))
    lines += [f"default: {default}", "configurations:"]
    for name, (found, _) in chosen.items():
        settings = {key: found[key] for key in ("cores", "threads", "precision")}
        settings |= {key: value for key, value in found.items() if key not in (*settings, "from", "doubt", "without")}
        cells = yaml.safe_dump(settings, default_flow_style=True, sort_keys=False, width=10_000).strip()
        lines.append(f"  {name}: {cells}")
    return "\n".join(lines) + "\n"


def _text(value: str, indent: str) -> str:
    """A text of YAML, of several lines where it is long."""
    if len(value) > 100:
        return "\n".join([">-", *textwrap.wrap(value, 110, initial_indent=indent, subsequent_indent=indent)])
    return (
        json.dumps(value) if yaml.safe_load(f"a: {value}" if ": " not in value else "a: 0") != {"a": value} else value
    )


def _write(file: Path, columns: Sequence[str], rows: Iterable[Row]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([columns, *rows])
    replace_file(file, text.getvalue().encode())


def _forget() -> None:
    """What was fitted with other tables."""
    for cached in (
        known_devices.known_costs,
        known_shapes.known_shapes,
        predictor.predictor,
        validation.validate_left_out,
    ):
        cached.cache_clear()


if __name__ == "__main__":
    main()
