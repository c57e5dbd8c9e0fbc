"""The executor `local`: processes of this machine, of one thread each."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any, Literal

from nas.errors import RunError
from nas.search.executors.base import Executor, WorkerDied


@dataclass(frozen=True, slots=True)
class LocalSettings:
    """Processes of this machine."""

    name: Literal["local"]

    @property
    def most_workers(self) -> int:
        """Eight for each core, each of which needs some 300 MB."""
        return 8 * (os.cpu_count() or 1)

    def start(self, workers: int) -> Executor:
        """`workers` processes.

        Raises:
            RunError: the system has no room for what they share.
        """
        try:
            return LocalExecutor(workers)
        except OSError as error:
            raise RunError(
                f"cannot start {workers} workers: {error.strerror}; they need room in /dev/shm, or fewer workers"
            ) from None


class LocalExecutor:
    """`workers` processes of one thread each, started when first needed; several GPUs are dealt out among them."""

    shared_files = True

    def __init__(self, workers: int) -> None:
        self.slots = workers
        self._idle = [(number, _pool(number)) for number in range(workers)]
        self._busy: dict[Future[Any], ProcessPoolExecutor] = {}

    def submit(self, function: Callable[..., Any], *args: Any) -> Future[Any]:
        """Start `function(*args)` in a free worker; all of it must pickle."""
        number, pool = self._idle.pop()
        try:
            inner = pool.submit(function, *args)
        except BrokenProcessPool:  # its worker died while it had nothing to do
            pool = _pool(number)
            inner = pool.submit(function, *args)
        outer: Future[Any] = Future()
        self._busy[outer] = pool

        def finished(done: Future[Any]) -> None:
            error = done.exception()
            broken = isinstance(error, BrokenProcessPool)
            self._idle.append((number, _pool(number) if broken else pool))
            del self._busy[outer]
            if broken:
                outer.set_exception(WorkerDied("the worker process died (killed, or out of memory)"))
            elif error is not None:
                outer.set_exception(error)
            else:
                outer.set_result(done.result())

        inner.add_done_callback(finished)
        return outer

    def close(self) -> None:
        """Kill what still runs, and end the workers."""
        for pool in list(self._busy.values()):
            for process in list((pool._processes or {}).values()):  # public only from Python 3.14 on
                process.kill()
            pool.shutdown()
        for _, pool in self._idle:
            pool.shutdown()


def _pool(number: int) -> ProcessPoolExecutor:
    spawn = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(1, spawn, initializer=_start_worker, initargs=(number,))


def _start_worker(number: int) -> None:
    """One thread and one GPU at most, deaf to Ctrl-C (the parent decides), and gone when the parent is."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    from nas.nets.device import use_one_gpu
    from nas.training.fit import use_one_thread

    use_one_thread()
    use_one_gpu(number)


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
