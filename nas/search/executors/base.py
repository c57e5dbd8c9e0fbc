"""Where evaluations run: the executors' one interface.

An executor has `slots`, `submit(function, *args) -> Future`, `close()`. A worker that dies
(out of memory, a crash in native code) fails its own evaluation, and is replaced.
"""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Protocol


class Executor(Protocol):
    """Runs functions; at most `slots` at a time."""

    slots: int

    def submit(self, function: Callable[..., Any], *args: Any) -> Future[Any]:
        """Start `function(*args)`; only call with a slot free."""

    def close(self) -> None:
        """End at once, abandoning what runs."""


class WorkerDied(RuntimeError):
    """A worker process ended in the middle of an evaluation."""
