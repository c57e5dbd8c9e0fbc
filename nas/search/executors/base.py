"""Where evaluations run: the executors' one interface.

A worker that dies (out of memory, a crash in native code) fails its own evaluation with `WorkerDied`, one that takes
too long is killed and fails it with `TookTooLong`; either is replaced.
Evaluations read the images of the run folder and write weights and models there.
"""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Protocol


class Executor(Protocol):
    """Runs functions; at most `slots` at a time."""

    slots: int
    shared_files: bool
    """Whether workers are sure to see the files of this process; if not, the run folder must be on storage that they
    reach under the same path."""

    def submit(self, function: Callable[..., Any], *args: Any, limit: float | None = None) -> Future[Any]:
        """Start `function(*args)`, which may take `limit` seconds; only call with a slot free."""

    def close(self) -> None:
        """End at once, abandoning what runs."""


class ExecutorSettings(Protocol):
    """An executor's settings, one of them the `name` by which it is chosen."""

    @property
    def name(self) -> str:
        """Its name in `EXECUTORS`."""

    @property
    def most_workers(self) -> int:
        """Beyond which `start` would do harm."""

    def start(self, workers: int) -> Executor:
        """The executor, of at most this many evaluations at a time."""


class WorkerDied(ChildProcessError):
    """A worker process ended in the middle of an evaluation."""


class TookTooLong(TimeoutError):
    """An evaluation was over its time limit."""
