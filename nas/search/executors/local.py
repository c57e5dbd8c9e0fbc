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

from tqdm import tqdm

from nas.errors import RunError
from nas.search.executors.base import Executor, TookTooLong, WorkerDied
from nas.search.executors.spawned import Spawned

START_S = 300.0
"""A worker that needs longer to start is taken for one that hangs."""


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
        self._idle = [_Worker(number) for number in range(workers)]
        self._busy: dict[Future[Any], _Worker] = {}

    def submit(self, function: Callable[..., Any], *args: Any, limit: float | None = None) -> Future[Any]:
        """Start `function(*args)` in a free worker; all of it must pickle. `limit` counts from when that is ready."""
        worker = self._idle.pop()
        try:
            ready, inner = worker.ready(), worker.pool.submit(function, *args)
        except BrokenProcessPool:  # it died while it had nothing to do
            worker = _Worker(worker.number)
            ready, inner = worker.ready(), worker.pool.submit(function, *args)
        outer: Future[Any] = Future()
        self._busy[outer] = worker
        alarm = None if limit is None else _Alarm(worker, ready, limit)

        def finished(done: Future[Any]) -> None:
            error = done.exception()
            broken = isinstance(error, BrokenProcessPool)
            self._idle.append(_Worker(worker.number) if broken else worker)
            del self._busy[outer]
            late = alarm is not None and alarm.end()
            if broken and late:
                outer.set_exception(TookTooLong(f"it was over the time limit of {limit:g} s"))
            elif broken:
                outer.set_exception(WorkerDied("the worker process died (killed, or out of memory)"))
            elif error is not None:
                outer.set_exception(error)
            else:
                outer.set_result(done.result())

        inner.add_done_callback(finished)
        return outer

    def close(self) -> None:
        """Kill the workers, stopped ones too, with what still runs."""
        for worker in [*self._busy.values(), *self._idle]:
            worker.kill()
            worker.pool.shutdown()


class _Worker:
    """A pool of one process."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.pool = ProcessPoolExecutor(1, Spawned(), initializer=_start_worker, initargs=(number,))
        self._ready: Future[Any] | None = None

    def ready(self) -> Future[Any]:
        """Done when the process has started, which it does when it is first asked for."""
        if self._ready is None:
            self._ready = self.pool.submit(os.getpid)
        return self._ready

    def kill(self) -> None:
        """End the process; what it does fails."""
        for process in list((self.pool._processes or {}).values()):  # public only from Python 3.14 on
            process.kill()


class _Alarm:
    """Kills `worker` unless it is ended within `limit` seconds of when the worker is ready."""

    def __init__(self, worker: _Worker, ready: Future[Any], limit: float) -> None:
        self._worker, self._rang = worker, False
        self._timer = self._started(START_S + limit)
        ready.add_done_callback(lambda _: self._restart(limit))

    def end(self) -> bool:
        """Whether it was too late for that."""
        self._timer.cancel()
        return self._rang

    def _restart(self, seconds: float) -> None:
        self._timer.cancel()
        self._timer = self._started(seconds)

    def _started(self, seconds: float) -> threading.Timer:
        timer = threading.Timer(min(seconds, threading.TIMEOUT_MAX), self._ring)
        timer.daemon = True
        timer.start()
        return timer

    def _ring(self) -> None:
        self._rang = True
        self._worker.kill()


def _start_worker(number: int) -> None:
    """One thread and one GPU at most, deaf to Ctrl-C (the parent decides), and gone when the parent is."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    tqdm.set_lock(threading.RLock())  # its own lock is a semaphore, which a killed worker would leave behind
    from nas.nets.device import use_one_gpu
    from nas.training.fit import use_one_thread

    use_one_thread()
    use_one_gpu(number)


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
