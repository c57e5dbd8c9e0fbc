"""What a file of results holds on each configuration, as rows of a profile's tables.

The rows of a model name what it is, so that a file of results alone makes a profile.
"""

import re
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from nas.errors import ProfileError
from nas.latency.energy_table import FILE as ENERGY
from nas.latency.energy_table import WATTS
from nas.latency.profile_tables import KERNELS, LATENCY, LAYERS, RECORDED, layer_cells
from nas.reading.words import cut, short
from nas.recording.bundle import planned_model
from nas.recording.rows import read_checked
from nas.recording.runner.figures import LEAST_RUNS, Row, estimate, figures, settled
from nas.spaces.architecture import Architecture
from nas.spaces.layers import Layer, layers

_IDENTITY = ("cpu", "machine", "runtime", "runtime_version")
_FACTS = (*_IDENTITY, "date", "logical_cores", "governor", "os", "python", "celsius", "load")
_OPTIONS = ("optimization", "spinning")
_LAYER = re.compile(r"([0-9]{3,6})\.")
TABLES = {"latency.csv": (*LATENCY, *RECORDED), "kernels.csv": KERNELS, "layers.csv": LAYERS, ENERGY: WATTS}
_WINDOWS = 10
_BUSY = 0.9
"""A machine that draws more than this share of a network's watts with nothing to do was not idle."""

Table = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Recording:
    """What a results file holds on one configuration: provenance, and rows for the profile's tables.

    `unsettled` counts the models left out because their bursts never agreed.
    """

    name: str
    settings: Row
    networks: Mapping[str, str]
    tables: Mapping[str, Table]
    unsettled: int

    def count(self, role: str) -> int:
        """How many settled networks have `role`."""
        return sum(row["role"] == role for row in self.tables["latency.csv"])


def read_results(path: Path) -> dict[str, Recording]:
    """The recordings in a results file, by configuration; models that did not settle are left out and counted.

    Raises:
        ProfileError: the file cannot be read, is no results file, or is of two machines.
    """
    rows, where = read_checked(path), cut(str(path), 200)
    if not rows:
        raise ProfileError(f"{where}: not a results file of this version of nas.record; take one that it wrote")
    begun = [row for row in rows if row["type"] == "begin"]
    machines = {", ".join(str(row[key]) for key in _IDENTITY) for row in begun}
    if len(machines) > 1:
        raise ProfileError(f"{where}: rows of two machines or runtimes: {cut(' and '.join(sorted(machines)), 200)}")
    configurations = dict.fromkeys(row["configuration"] for row in begun)
    found = {name: _recording(where, name, rows) for name in configurations}
    if not found:
        raise ProfileError(f"{where}: nothing was measured yet")
    return found


def _recording(file: str, name: str, rows: list[Row]) -> Recording:
    mine = {number: row for number, row in enumerate(rows, start=1) if row.get("configuration") == name}
    bursts: dict[str, list[Row]] = {}
    for row in mine.values():
        if row["type"] == "burst":
            bursts.setdefault(row["id"], []).append(row)
    profiles = {row["id"]: (f"{file}:{number}", row) for number, row in mine.items() if row["type"] == "profile"}
    tables: dict[str, Table] = {file: [] for file in TABLES}
    networks: dict[str, str] = {}
    seen: set[Layer] = set()
    unsettled = 0
    for key, (where, row) in profiles.items():
        model = planned_model(where, row["model"])
        if not settled(bursts.get(key, ()), "layer" if isinstance(model, Layer) else "network"):
            unsettled += 1
            continue
        ms, spread_ms = estimate(bursts[key])
        times = {"configuration": name, "mean_ms": f"{ms:.5g}", "spread_ms": f"{spread_ms:.2g}"}
        if isinstance(model, Layer):
            if model in seen:
                raise ProfileError(f"{where}: this layer is measured twice on {short(name)}: {model}")
            seen.add(model)
            kernel_us = 1e3 * sum(ms for node, _, ms in row["kernels"] if node.startswith("000."))
            tables["layers.csv"].append({**times, **layer_cells(model), "kernel_us": f"{kernel_us:.4g}"})
            continue
        networks[key] = model.notation
        found = figures(bursts[key])
        about = {"role": row["model"]["role"], "low_ms": f"{min(found):.5g}", "high_ms": f"{max(found):.5g}"}
        counts = {"bursts": len(found), "runs": sum(burst["kept"] for burst in bursts[key])}
        tables["latency.csv"].append({**times, "name": key, **about, **counts})
        if power := _watts(bursts[key]):
            tables[ENERGY].append({"configuration": name, "name": key, "watts": f"{power:.4g}"})
        split = _split(where, model, row["kernels"])
        tables["kernels.csv"].append({"configuration": name, "name": key, **split})
    settings = _settings(rows[0], list(mine.values()), unsettled) | _idle_watts(list(mine.values()), tables[ENERGY])
    settings["recorded"]["pace"] = pace([row for row in mine.values() if row["type"] == "burst"])
    return Recording(name, settings, networks, tables, unsettled)


def pace(bursts: list[Row]) -> list[float] | None:
    """How fast the machine went while it measured: the quickest and the slowest of `_WINDOWS` parts, 1 for the median.

    Each burst is compared with the median of its model. None with too few bursts.
    """
    kept = [row for row in bursts if row["kept"] >= LEAST_RUNS]
    by_model: dict[str, list[float]] = {}
    for row in kept:
        by_model.setdefault(row["id"], []).append(row["ms"][1])
    usual = {key: statistics.median(found) for key, found in by_model.items()}
    relative = [row["ms"][1] / usual[row["id"]] for row in kept]
    if len(relative) < 2 * _WINDOWS:
        return None
    bounds = [round(part * len(relative) / _WINDOWS) for part in range(_WINDOWS + 1)]
    parts = [statistics.median(relative[low:high]) for low, high in pairwise(bounds)]
    return [round(min(parts), 3), round(max(parts), 3)]


def _watts(bursts: list[Row]) -> float | None:
    """The median power over the bursts that have a figure; None where it was not read."""
    found = [row["watts"] for row in bursts if row["kept"] >= LEAST_RUNS and row.get("watts")]
    return statistics.median(found) if found else None


def _idle_watts(rows: list[Row], energies: Table) -> Row:
    """What the machine drew with nothing to do, where it was read and the machine had nothing to do."""
    idle = min((row["idle_watts"] for row in rows if row["type"] == "begin" and row.get("idle_watts")), default=None)
    least = min((float(row["watts"]) for row in energies), default=0.0)
    return {} if idle is None or idle > _BUSY * least else {"idle_watts": idle}


def _split(where: str, arch: Architecture, kernels: Iterable[tuple[str, str, float]]) -> Row:
    """A network's time by layer, from the kernels' names (graph.py)."""
    layers_us, other_us = [0.0] * len(list(layers(arch))), 0.0
    for node, _, ms in kernels:
        if not (found := _LAYER.match(node)):
            other_us += 1e3 * ms
        elif (number := int(found[1])) < len(layers_us):
            layers_us[number] += 1e3 * ms
        else:
            raise ProfileError(f"{where}: kernel {short(node)} is of no layer of its network, {len(layers_us)} in all")
    return {"layers_us": " ".join(f"{us:.4g}" for us in layers_us), "other_us": f"{other_us:.4g}"}


def _settings(header: Row, rows: list[Row], unsettled: int) -> Row:
    """An entry of profile.yaml's configurations."""
    begun, ended = ([row for row in rows if row["type"] == kind] for kind in ("begin", "end"))
    first = begun[0]
    return {
        "cores": "all" if first["cores"] == [*range(first["logical_cores"])] else ", ".join(map(str, first["cores"])),
        "threads": first["threads"],
        "precision": first["precision"],
        **({"batch": first["batch"]} if first.get("batch", 1) > 1 else {}),
        "recorded": {
            **{key: first[key] for key in (*_FACTS, *_OPTIONS)},
            "load": [first["load"], *(row["load"] for row in ended[-1:])],
            "search_space": header["search_space"],
            "seed": header["seed"],
            "minutes": round(sum(row.get("seconds", 0.0) for row in rows) / 60, 2),
            "unsettled": unsettled,
        },
    }
