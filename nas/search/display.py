"""What shows a run to whoever started it."""

from typing import Protocol

from nas.search.loop import Observer


class Display(Observer, Protocol):
    """Shows the stages of a run."""

    def stage(self, name: str, total: int, done: int = 0) -> None:
        """A stage of `total` steps begins, of which `done` are there already."""

    def advance(self) -> None:
        """One step of the stage is done."""

    def message(self, text: str) -> None:
        """Something the user should know."""
