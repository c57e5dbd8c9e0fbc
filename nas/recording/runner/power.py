"""The power that the processor draws, by its own counters: Intel's and AMD's RAPL, where one may read them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

ROOT = Path("/sys/class/powercap")
IDLE_S, IDLE_TRIES = 0.3, 5


class Power:
    """Mean watts between two readings; None where no counter can be read, which on most systems root alone may.

    Counters are those of whole packages, in microjoules; they begin anew above a largest value.
    """

    def __init__(self, root: Path = ROOT) -> None:
        self._counters: list[tuple[Path, int]] = []
        for folder in sorted(root.glob("*rapl:*")):
            with suppress(OSError, ValueError):
                if folder.name.count(":") == 1:  # further ones are parts of a package
                    most = int((folder / "max_energy_range_uj").read_text())
                    int((folder / "energy_uj").read_text())
                    self._counters.append((folder / "energy_uj", most))
        self._before: Sequence[int] = ()
        self._begun_s = 0.0

    @property
    def known(self) -> bool:
        """Whether there is anything to read."""
        return bool(self._counters)

    def begin(self) -> None:
        """Read the counters for the first time."""
        self._before, self._begun_s = self._read(), time.perf_counter()

    def watts(self) -> float | None:
        """The mean power since `begin`."""
        if not self._counters:
            return None
        elapsed_s = time.perf_counter() - self._begun_s
        after = self._read()
        used = 0
        for (_, most), first, last in zip(self._counters, self._before, after):  # noqa: B905 (Python 3.9)
            used += last - first if last >= first else last + most - first
        return round(used / 1e6 / elapsed_s, 3) if elapsed_s > 0 else None

    def idle(self) -> float | None:
        """The least mean power of some short waits: what is drawn with nothing to do, if nothing else is running."""
        found = []
        for _ in range(IDLE_TRIES if self._counters else 0):
            self.begin()
            time.sleep(IDLE_S)
            watts = self.watts()
            found += [] if watts is None else [watts]
        return min(found, default=None)

    def _read(self) -> list[int]:
        return [int(path.read_text()) for path, _ in self._counters]
