"""How many bursts a model gets, and what they say: its milliseconds, their spread, and whether that is enough."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

PASSES = {"network": 16, "layer": 4}
MOST = 3  # times as many bursts a model gets at the most
LEAST_RUNS, PROFILED_RUNS = 3, 12
LAYER_SHARE = 0.4  # a layer's burst, relative to a network's
SETTLED = 0.02
"""Largest standard error of a settled model, relative to its milliseconds."""
MEDIAN_ERROR = 1.2533  # of n normal figures the median's standard error is this times their deviation / sqrt(n)
CLOCK_MS = 0.001
"""A spread up to this is the clock's, and settled."""

Row = dict[str, Any]


def models_of(configuration: Row) -> str:
    """The folder of a configuration's models, in `models`: by precision, and by batch where that is above 1."""
    batch = configuration.get("batch", 1)
    return f"{configuration['precision']}_b{batch}" if batch > 1 else str(configuration["precision"])


def finished(bursts: Sequence[Row], kind: str) -> bool:
    """Whether a model of this kind (network or layer) with these bursts needs no further one."""
    return len(bursts) >= MOST * PASSES[kind] or settled(bursts, kind)


def settled(bursts: Sequence[Row], kind: str) -> bool:
    """Whether enough bursts have a figure, and those agree."""
    count = len(figures(bursts))
    if count < PASSES[kind]:
        return False
    ms, spread_ms = estimate(bursts)
    return spread_ms <= CLOCK_MS or MEDIAN_ERROR * spread_ms / count**0.5 <= SETTLED * ms


def estimate(bursts: Sequence[Row]) -> tuple[float, float]:
    """A model's milliseconds and their spread; one of its bursts at least must have a figure."""
    values = np.array(figures(bursts))
    ms = float(np.median(values))
    return ms, 1.4826 * float(np.median(np.abs(values - ms)))


def kernels(events: Iterable[Row], runs: Sequence[int] | slice) -> list[tuple[str, str, float]]:
    """(node, op, ms) of every kernel in ONNX Runtime's profile, in the order it runs: lower quartiles over `runs`."""
    times: dict[tuple[str, str], list[float]] = {}
    for event in (event for event in events if event.get("cat") == "Node"):
        name, _, kind = event["name"].rpartition("_kernel_")
        if kind == "time":
            times.setdefault((name, event["args"]["op_name"]), []).append(event["dur"] / 1e3)
    return [(*key, round(float(np.percentile(np.array(ms)[runs], 25)), 4)) for key, ms in times.items()]


def figures(bursts: Sequence[Row]) -> list[float]:
    """The figures of the bursts that have one."""
    return [row["ms"][1] for row in bursts if row["kept"] >= LEAST_RUNS]
