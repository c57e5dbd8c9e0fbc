"""What shows a run to whoever started it."""

from typing import Protocol

from nas.results.trials import TrialRow


class Display(Protocol):
    """Shows the stages of a run, and each trial of its search."""

    def stage(self, name: str, total: int, done: int = 0) -> None:
        """A stage of `total` steps begins, of which `done` are there already."""

    def advance(self) -> None:
        """One step of the stage is done."""

    def trial(self, row: TrialRow, *, front_size: int, hypervolume: float, best: float) -> None:
        """`row` has just finished; the other figures are of the whole search so far."""

    def message(self, text: str) -> None:
        """Something the user should know."""
