"""Whatever a tracker does, the search goes on."""

from collections.abc import Callable, Sequence
from pathlib import Path

from nas.report.trackers.base import Tracker
from nas.report.trackers.none import Nothing
from nas.results.front import Front
from nas.results.trials import TrialRow


class Guarded:
    """The tracker that `start` gives; its first failure is one warning, and then it does nothing."""

    def __init__(self, start: Callable[[], Tracker], warn: Callable[[str], None]) -> None:
        self._warn = warn
        self._tracker: Tracker = Nothing()
        self._attempt(lambda: setattr(self, "_tracker", start()))

    def trial(self, row: TrialRow, hypervolume: float, front_size: int) -> None:
        """A trial has finished."""
        self._attempt(lambda: self._tracker.trial(row, hypervolume, front_size))

    def finish(self, front: Front, trials: Sequence[TrialRow], run_folder: Path) -> None:
        """The run folder is complete."""
        self._attempt(lambda: self._tracker.finish(front, trials, run_folder))

    def close(self) -> None:
        """Nothing more will come."""
        self._attempt(lambda: self._tracker.close())

    def _attempt(self, step: Callable[[], None]) -> None:
        try:
            step()
        except Exception as error:  # any at all: a tracker must never stop the search
            self._tracker = Nothing()
            reason = " ".join(str(error).split()) or type(error).__name__
            self._warn(f"the tracker stopped and the search goes on without it: {reason}")
