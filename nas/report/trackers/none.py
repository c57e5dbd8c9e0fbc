"""The tracker that does nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nas.report.trackers.base import Tracked
from nas.results.front import Front
from nas.results.trials import TrialRow


class Nothing:
    """Follows nothing."""

    def trial(self, row: TrialRow, hypervolume: float, front_size: int) -> None:
        """Nothing."""

    def finish(self, front: Front, trials: Sequence[TrialRow], run_folder: Path) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


@dataclass(frozen=True, slots=True)
class NothingSettings:
    """Nobody is told."""

    def start(self, tracked: Tracked) -> Nothing:
        """The tracker."""
        return Nothing()
