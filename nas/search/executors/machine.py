"""What this process may use of its machine: fewer cores under an affinity, less of both in a limited container."""

import os
from contextlib import suppress
from pathlib import Path

_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def usable_cores() -> int:
    """The cores that this process may use."""
    from joblib import cpu_count  # imported only where something is run

    return int(cpu_count())


def usable_memory() -> int | None:
    """Bytes of memory, those that others use included; None where the system does not say."""
    found = []
    with suppress(AttributeError, OSError, ValueError):  # not on every system
        found.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    for limit in _LIMITS:
        with suppress(OSError, ValueError):  # no such file, or `max`
            found.append(int(limit.read_text(encoding="ascii")))
    return min(found, default=None)
