"""What shows a run to whoever started it."""

from typing import Protocol

from nas.search.loop import Observer


class Display(Observer, Protocol):
    """Shows the stages of a run."""

    def start(self, total: int, done: int = 0, stage: str = "search") -> None:
        """The search begins, `done` of `total` evaluations are there already."""

    def stage(self, name: str, total: int) -> None:
        """Another stage of `total` steps begins."""

    def advance(self) -> None:
        """One step of the stage is done."""

    def message(self, text: str) -> None:
        """Something the user should know."""
