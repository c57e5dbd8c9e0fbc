"""How busy this machine is before anything is measured on it."""

import os
import time
from contextlib import suppress
from pathlib import Path

SECONDS = 0.5
_IDLE = (3, 4)  # columns of /proc/stat: idle, and waiting for a disk
_MOST = 0.25
"""Share of the cores that others may keep busy."""


def busy_cores(stat: Path = Path("/proc/stat"), seconds: float = SECONDS) -> float | None:
    """How many cores others keep busy just now; by the load of the last minute where the system does not say."""
    with suppress(OSError, ValueError, IndexError):
        before = _times(stat)
        time.sleep(seconds)
        used, idle = (after - begun for after, begun in zip(_times(stat), before, strict=True))
        return (os.cpu_count() or 1) * used / (used + idle) if used + idle > 0 else None
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def busy_warning(threads: int) -> str | None:
    """A sentence where so little of this machine is free that what is measured with `threads` will not settle."""
    cores, busy = os.cpu_count() or 1, busy_cores()
    if busy is None or (busy <= _MOST * cores and threads <= cores - round(busy)):
        return None
    return (
        f"this machine is busy: others use {busy:.1f} of its {cores} cores. Bursts that are disturbed are left out, so "
        "it takes longer, fewer networks settle, and the pace may drift; quit what else runs, if you can"
    )


def _times(stat: Path) -> tuple[int, int]:
    """Ticks of all cores that were used, and that were idle."""
    ticks = [int(cell) for cell in stat.read_text(encoding="ascii").splitlines()[0].split()[1:]]
    idle = sum(ticks[column] for column in _IDLE)
    return sum(ticks) - idle, idle
