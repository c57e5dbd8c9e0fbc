"""What every tracker has: it is told of trials and of the finished run, and closed in the end."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from nas.results.front import Front
from nas.results.trials import TrialRow


class Tracker(Protocol):
    """Follows one search."""

    def trial(self, row: TrialRow, hypervolume: float, front_size: int) -> None:
        """A trial has finished; the other figures are of the whole search so far."""

    def finish(self, front: Front, trials: Sequence[TrialRow], run_folder: Path) -> None:
        """The run folder is complete."""

    def close(self) -> None:
        """Nothing more will come, finished or not."""


class TrackerSettings(Protocol):
    """The settings of a kind of tracker, which start one."""

    def start(self, run_folder: Path, config: Mapping[str, object]) -> Tracker:
        """A tracker of the search in `run_folder`; `config` is what the search was asked for.

        May fail in any way (no package, no account): `Guarded` calls it.
        """
