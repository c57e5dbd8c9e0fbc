"""The executor `local`: processes of this machine, of one thread each."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from annotated_types import Ge, Le

from nas.errors import ConfigError, RunError
from nas.nets.device import visible_gpus
from nas.search.executors.base import Executor, at_most
from nas.search.executors.machine import usable_cores
from nas.search.executors.spawned import Spawned
from nas.search.executors.worker_process import start_worker
from nas.search.executors.workers import Workers

START_S = 300.0
"""A worker that needs longer to start is taken for one that hangs."""


@dataclass(frozen=True, slots=True)
class LocalSettings:
    """Processes of this machine."""

    name: Literal["local"]
    gpus: tuple[int | str, ...] | None = None
    """The GPUs that workers use, such as [0,1], by number or as CUDA_VISIBLE_DEVICES names them; [] for none; null: all
    that are found."""
    trials_per_gpu: Annotated[int, Ge(1), Le(64)] | None = None
    """Evaluations at a time on each GPU, such as 4, which `workers: null` then starts; null: workers are dealt out
    among the GPUs, however many they are."""

    def slots(self, workers: int | None) -> int:
        """One for each core that may be used, or as many as the GPUs take; at most eight a core, of some 300 MB each.

        Raises:
            ConfigError: `workers` are more, or there is no GPU for them.
        """
        cores = usable_cores()
        if self.trials_per_gpu is None:
            return at_most(workers or cores, 8 * cores, self.name, "null is one for each core")
        gpus = len(visible_gpus() if self.gpus is None else self.gpus)
        if not gpus:
            raise ConfigError(f"executor.trials_per_gpu={self.trials_per_gpu} needs GPUs, and there are none; use null")
        most = gpus * self.trials_per_gpu
        remedy = f"raise executor.trials_per_gpu={self.trials_per_gpu} on each of {gpus} GPUs"
        return at_most(workers or most, most, self.name, remedy)

    def start(self, slots: int) -> Executor:
        """`slots` processes.

        Raises:
            RunError: the system has no room for what they share.
        """
        gpus = self.gpus
        if gpus is None and self.trials_per_gpu is not None:
            gpus = visible_gpus()
        try:
            return local_executor(slots, None if gpus is None else [str(gpu) for gpu in gpus])
        except OSError as error:
            raise RunError(
                f"cannot start {slots} workers: {error.strerror}; they need room in /dev/shm, or fewer workers"
            ) from None


def local_executor(slots: int, gpus: Sequence[str] | None = None) -> Workers:
    """Processes of one thread each, started when first needed; `gpus` are dealt out as in `start_worker`."""
    return Workers(slots, lambda number: _Process(number, gpus), patience=START_S)


class _Process:
    """A pool of one process."""

    def __init__(self, number: int, gpus: Sequence[str] | None) -> None:
        self._initial = (number, gpus)
        self._open()

    def start(self, function: Callable[..., Any], args: tuple[Any, ...]) -> tuple[Future[Any], Future[Any]]:
        """Begin in the process, or in another one where it died while it had nothing to do."""
        try:
            return self._begin(function, args)
        except BrokenProcessPool:
            self._open()
            return self._begin(function, args)

    def loss(self, error: BaseException) -> str | None:
        """Whether the process ended."""
        return "the worker process died (killed, or out of memory)" if isinstance(error, BrokenProcessPool) else None

    def kill(self) -> None:
        """End the process; what it does fails."""
        for process in list((self.pool._processes or {}).values()):  # public only from Python 3.14 on
            process.kill()

    def join(self) -> None:
        """Wait until the process has ended."""
        self.pool.shutdown()

    def _open(self) -> None:
        self.pool = ProcessPoolExecutor(1, Spawned(), initializer=start_worker, initargs=self._initial)
        self._ready: Future[Any] | None = None

    def _begin(self, function: Callable[..., Any], args: tuple[Any, ...]) -> tuple[Future[Any], Future[Any]]:
        if self._ready is None:
            self._ready = self.pool.submit(os.getpid)
        return self._ready, self.pool.submit(function, *args)
