"""A display of a search that shows nothing."""

from collections.abc import Sequence
from typing import Self

from nas.results.trials import TrialRow


class Silent:
    """It has every method of `nas.report.live.display.TerminalDisplay`."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def stage(self, name: str, total: int, done: int = 0) -> None:
        """Nothing."""

    def earlier(self, rows: Sequence[TrialRow]) -> None:
        """Nothing."""

    def now(self, *doing: str) -> None:
        """Nothing."""

    def limit(self, seconds: float) -> None:
        """Nothing."""

    def trial(self, row: TrialRow, *, front_size: int, hypervolume: float, best: float | None) -> None:
        """Nothing."""

    def advance(self, share: float | None = None) -> None:
        """Nothing."""

    def message(self, text: str) -> None:
        """Nothing."""

    def warning(self, text: str) -> None:
        """Nothing."""

    def stop(self) -> None:
        """Nothing."""


class Told(Silent):
    """It notes its messages, warnings among them."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []

    def message(self, text: str) -> None:
        """Keep it."""
        self.messages.append(text)

    def warning(self, text: str) -> None:
        """Keep it."""
        self.warnings.append(text)
        self.messages.append(f"warning: {text}")
