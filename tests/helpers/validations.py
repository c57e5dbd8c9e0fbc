"""Profiles to validate, and what is stored of their validation."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nas.latency.profile import HardwareProfile, load_profile
from nas.recording.profile_writer import write_profile
from nas.recording.recordings import Recording
from nas.recording.runner.machine import environment
from nas.recording.validation_file import Entry
from nas.spaces.architecture import Architecture
from nas.spaces.cost import cost
from tests.helpers.recordings import TINY


def made_profile(
    folder: Path, kept: int = 3, name: str = "1t_fp32", extra: Sequence[str] = (), **facts: Any
) -> HardwareProfile:
    """A profile as nas.record writes it on this host, of 12 networks to fit; milliseconds are made up from MACs."""
    rng = np.random.default_rng(0)
    archs = [TINY.architecture(row) for row in TINY.sample(rng, 40)]
    archs = [*dict.fromkeys(archs)][: 12 + kept] + [Architecture.from_notation(notation) for notation in extra]
    rows = []
    for index, arch in enumerate(archs):
        ms = (0.02 + cost(arch).macs / 1e8) * (1 + 0.02 * rng.standard_normal())
        about = {"low_ms": ms, "high_ms": ms, "bursts": 16, "runs": 99, "role": "fit" if index < 12 else "validate"}
        rows.append({"configuration": name, "name": arch.key, "mean_ms": ms, "spread_ms": ms / 99, **about})
    options = {"optimization": "all", "spinning": True, "search_space": "tiny", "seed": 0, "minutes": 0.02}
    settings = {"threads": 1, "precision": "fp32", "recorded": {**environment(), **options, "unsettled": 0, **facts}}
    tables: dict[str, Any] = {"latency.csv": rows, "kernels.csv": [], "layers.csv": []}
    networks = {arch.key: arch.notation for arch in archs}
    write_profile(folder, {name: Recording(name, {"cores": "all", **settings}, networks, tables, 0)})
    (folder / "kernels.csv").unlink()
    return load_profile(f"{folder}:{name}")


def stored(folder: Path) -> dict[str, Entry]:
    data = json.loads((folder / "validation.json").read_text())
    assert data["schema"] == 1
    return dict(data["configurations"])


def names_of(entry: Entry, role: str) -> list[str]:
    return [network["name"] for network in entry["networks"] if network["role"] == role]
