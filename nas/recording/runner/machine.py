"""The machine this runs on: what it is, how it is doing, and which of its cores to keep to."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from .runtime import onnxruntime


def pin(cores: Sequence[int] | None) -> list[int]:
    """Keep this process, and threads it starts from now on, to `cores` (None: all it may use); the cores it has."""
    if not hasattr(os, "sched_setaffinity"):
        if cores is not None:
            raise ValueError("this system cannot pin a process to cores; leave cores out")
        return list(range(os.cpu_count() or 1))
    if cores is not None:
        try:
            os.sched_setaffinity(0, cores)
        except OSError:
            raise ValueError(
                f"cannot run on cores {list(cores)}; there are {sorted(os.sched_getaffinity(0))}"
            ) from None
    return sorted(os.sched_getaffinity(0))


def environment() -> dict[str, Any]:
    """What a reader must know of the machine and its state; None where the system does not say."""
    return {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),  # noqa: UP017 (Python 3.9)
        "cpu": cpu_model(),
        "machine": platform.machine(),
        "logical_cores": os.cpu_count(),
        "os": platform.platform(),
        "python": platform.python_version(),
        "runtime": "ONNX Runtime",
        "runtime_version": onnxruntime.__version__,
        "governor": _first("/sys/devices/system/cpu", "cpu*/cpufreq/scaling_governor"),
        "celsius": _celsius(),
        "load": [round(load, 2) for load in os.getloadavg()] if hasattr(os, "getloadavg") else None,
    }


def cpu_model() -> str:
    """The CPU's name as the system gives it."""
    with suppress(OSError):
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
        for key in ("model name", "Hardware", "Model"):
            if found := re.search(rf"^{key}\s*:\s*(\S.*)$", text, re.MULTILINE):
                return found[1].strip()
    return _first("/proc/device-tree", "model") or platform.processor() or platform.machine()


def _first(folder: str, pattern: str) -> str | None:
    """The content of the first readable file that matches."""
    for path in sorted(Path(folder).glob(pattern)):
        with suppress(OSError):
            return path.read_text(encoding="utf-8", errors="replace").strip("\0\n ")
    return None


def _celsius() -> float | None:
    """The hottest sensor."""
    readings = [_first(str(zone), "temp") or "" for zone in Path("/sys/class/thermal").glob("thermal_zone*")]
    return max((int(text) / 1000 for text in readings if text.lstrip("-").isdecimal()), default=None)
