"""What recordings are made of in tests, and what must hold of their rows."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from nas.recording.bundle import configuration, plan, write_bundle
from nas.recording.runner.figures import finished
from nas.spaces.architecture import Architecture
from nas.spaces.cost import cost
from nas.spaces.layers import layers
from nas.spaces.load import load_space

SEPARABLE, TINY = load_space("separable"), load_space("tiny")
EVERY_OP = Architecture.from_notation(
    "48x3 conv3/2-16 sep3-32 mb3e3/2-24x2 mb5e3-24:hswish:se0.25 mb3e3-24:elu sep3-20:relu sep3-30:nobn conv1-128 fc10"
)
PLAN = plan(TINY, 0, 0.05, [configuration(1, "fp32")])
MACHINE = {
    **{"cpu": "Fast CPU", "machine": "x86_64", "logical_cores": 2, "governor": "performance", "os": "Linux"},
    **{"python": "3.11", "runtime": "ONNX Runtime", "runtime_version": "1.31.1", "celsius": None, "load": [0, 0, 0]},
    "date": "2026-01-02T03:04:05+00:00",
}
"""What the rows of a recording say of a machine."""
QUICK = ("search_space=tiny", "minutes=0.02")
"""Settings of a nas.record that takes seconds."""


def small_bundle(folder: Path) -> Path:
    """`folder` with the bundle of three models."""
    write_bundle(folder, {**PLAN, "chunks": [PLAN["chunks"][0][:3]]})
    return folder


def rows_of(path: Path) -> list[bytes]:
    """The whole lines of a file, if there is one."""
    return path.read_bytes().split(b"\n")[:-1] if path.exists() else []


def check_measured_once(rows: list[dict[str, Any]]) -> None:
    """Nothing was measured again, and everything begun was finished."""
    assert Counter(row["type"] for row in rows)["plan"] == 1
    kinds = {row["id"]: row["model"]["kind"] for row in rows if row["type"] == "profile"}
    assert len(kinds) == sum(row["type"] == "profile" for row in rows)
    measured: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        if row["type"] == "burst":
            before = measured.setdefault(row["id"], [])
            assert not finished(before, kinds[row["id"]]), "measured though it was finished"
            before.append(row)
    assert set(measured) == set(kinds)
    assert all(finished(found, kinds[model]) for model, found in measured.items())


def made_up(path: Path, settings: dict[str, Any], count: int = 16, **machine: Any) -> Path:
    """A results file as of a machine whose time is 1 ns per MAC, plus one model that never settled."""
    about = {**settings, "cores": [0, 1], **MACHINE, **machine}
    name = settings["name"]
    rows: list[dict[str, Any]] = [
        {"type": "plan", "schema": 1, "search_space": "tiny", "seed": 0, "burst_s": 0.1},
        {"type": "begin", "configuration": name, **about},
    ]
    for number, entry in enumerate([entry for chunk in PLAN["chunks"] for entry in chunk][:count]):
        model = Architecture.from_notation(entry["notation"]) if "notation" in entry else None
        ms = cost(model).macs / 1e6 if model else 0.01
        for n in range(20):
            figure = ms * (1 + (n - 9.5) / (20 if number == 1 else 1000))
            burst = {"ms": [figure] * 4, "runs": 9, "kept": 8, "probe_us": 50.0, "seconds": 0.5}
            rows.append({"type": "burst", "configuration": name, "id": entry["id"], **burst})
        nodes = [[f"{i:03d}.conv", "Conv", 0.01 * i] for i in range(len(list(layers(model))) if model else 1)]
        split = {"kernels": [*nodes, ["ReorderOutput", "ReorderOutput", 0.5]], "seconds": 0.1}
        rows.append({"type": "profile", "configuration": name, "id": entry["id"], "model": entry, **split})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path
