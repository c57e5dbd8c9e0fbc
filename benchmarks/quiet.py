"""A search without a display."""

from collections.abc import Sequence

from nas.results.trials import TrialRow


class Quiet:
    """A display that shows nothing."""

    warnings: Sequence[str] = ()

    def stage(self, name: str, total: int, done: int = 0) -> None:
        """Nothing."""

    def advance(self, share: float | None = None) -> None:
        """Nothing."""

    def earlier(self, rows: Sequence[TrialRow]) -> None:
        """Nothing."""

    def now(self, *doing: str) -> None:
        """Nothing."""

    def limit(self, seconds: float) -> None:
        """Nothing."""

    def trial(self, row: TrialRow, *, front_size: int, hypervolume: float, best: float | None) -> None:
        """Nothing."""

    def message(self, text: str) -> None:
        """Nothing."""

    def warning(self, text: str) -> None:
        """Nothing."""
