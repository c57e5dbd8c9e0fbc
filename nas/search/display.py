"""What shows a run to whoever started it."""

from collections.abc import Sequence
from typing import Protocol

from nas.proxies.base import Progress
from nas.results.trials import TrialRow


class Display(Progress, Protocol):
    """Shows the stages of a run, and each trial of its search; keeps its warnings, for front.json."""

    @property
    def warnings(self) -> Sequence[str]:
        """What it warned of, each once."""

    def trial(self, row: TrialRow, *, front_size: int, hypervolume: float, best: float | None) -> None:
        """`row` has just finished; the other figures are of the whole search so far, `best` of its accuracies."""
