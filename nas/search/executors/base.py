"""Where evaluations run: the executors' one interface.

What is submitted ends with its result or with an error, of which `nas.proxies.base.Failed` keeps kind and reason. A
worker that is lost (out of memory, a crash in native code, a machine that is gone) fails its own evaluation with
`WorkerDied`, one that takes too long is ended and fails it with `TookTooLong`; either is replaced.
Evaluations read the images of the run folder and write weights and models there; workers hold no state beyond that,
and the study is this process's alone.
"""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Protocol

from nas.errors import ConfigError


class Executor(Protocol):
    """Runs functions; at most `slots` at a time."""

    slots: int
    shared_files: bool
    """Whether workers are sure to see the files of this process, on its disk or because they are shipped; if not, the
    run folder must be on storage that they reach under the same path."""

    def submit(self, function: Callable[..., Any], *args: Any, limit: float | None = None) -> Future[Any]:
        """Start `function(*args)`, which may take `limit` seconds; only call with a slot free."""

    def close(self) -> None:
        """End at once, abandoning what runs."""


class ExecutorSettings(Protocol):
    """An executor's settings, one of them the `name` by which it is chosen."""

    @property
    def name(self) -> str:
        """Its name in `EXECUTORS`."""

    def slots(self, workers: int | None) -> int:
        """How many evaluations run at a time, where `workers` are asked for; None: what suits it.

        Raises:
            ConfigError: a setting is wrong here, a library is missing, or these are more than `start` could do with.
        """

    def start(self, slots: int) -> Executor:
        """The executor, of at most this many evaluations at a time.

        Raises:
            RunError, RunFailed: it cannot be started.
        """


class WorkerDied(ChildProcessError):
    """A worker was lost in the middle of an evaluation."""


class TookTooLong(TimeoutError):
    """An evaluation was over its time limit."""


def at_most(workers: int, most: int, name: str, remedy: str) -> int:
    """`workers`, which are no more than executor `name` starts.

    Raises:
        ConfigError: they are more.
    """
    if workers > most:
        raise ConfigError(f"workers={workers} is more than executor={name} starts here, {most}; {remedy}")
    return workers
