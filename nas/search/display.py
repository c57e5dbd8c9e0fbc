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

    def earlier(self, rows: Sequence[TrialRow]) -> None:
        """The trials that an earlier process of the folder finished."""

    def now(self, *doing: str) -> None:
        """What is being done from here on, a few words each; nothing where there is nothing to say."""

    def limit(self, seconds: float) -> None:
        """The stage that has just begun ends after so many seconds at the latest."""

    def trial(self, row: TrialRow, *, front_size: int, hypervolume: float, best: float | None) -> None:
        """`row` has just finished; the other figures are of the whole search so far, `best` of its accuracies."""
