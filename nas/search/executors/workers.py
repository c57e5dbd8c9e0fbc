"""An executor of several workers: which is free, how long each may take, and what replaces one that is gone."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Any, Protocol

from nas.search.executors.base import TookTooLong, WorkerDied

CLOSING_S = 30.0
"""How long `close` waits for the ends of what it has killed."""


class Worker(Protocol):
    """Does one evaluation at a time."""

    def start(self, function: Callable[..., Any], args: tuple[Any, ...]) -> tuple[Future[Any], Future[Any]]:
        """Begin `function(*args)`; the first future is done when its time begins to count, the second when it ends."""

    def loss(self, error: BaseException) -> str | None:
        """Why the worker is gone, as `error` of a result tells; None: the error is the evaluation's own."""

    def kill(self) -> None:
        """End it, and fail what it does."""

    def join(self) -> None:
        """Wait until nothing of what was killed is left."""


class Workers:
    """Runs evaluations on `slots` workers, each of which `make` makes of its number, again where one is gone.

    Whoever is not ready after `patience` seconds, None for any, is taken for one that hangs. `ended` is called when
    all are closed.
    """

    def __init__(
        self,
        slots: int,
        make: Callable[[int], Worker],
        *,
        patience: float | None,
        shared_files: bool = True,
        ended: Callable[[], None] = lambda: None,
    ) -> None:
        self.slots, self.shared_files = slots, shared_files
        self._make, self._patience, self._ended = make, patience, ended
        self._idle = [(number, make(number)) for number in range(slots)]
        self._busy: dict[Future[Any], Worker] = {}
        self._closed = False

    def submit(self, function: Callable[..., Any], *args: Any, limit: float | None = None) -> Future[Any]:
        """Start `function(*args)` on a free worker; all of it must pickle. `limit` counts from when that is ready."""
        number, worker = self._idle.pop()
        try:
            ready, inner = worker.start(function, args)
        except BaseException:  # such as what cannot be pickled
            self._idle.append((number, worker))
            raise
        outer: Future[Any] = Future()
        self._busy[outer] = worker
        alarm = _Alarm(worker, ready, self._patience, limit)

        def finished(done: Future[Any]) -> None:
            error, late = done.exception(), alarm.end()
            lost = None if error is None else worker.loss(error)
            gone = late is not None or lost is not None
            if gone:
                worker.kill()  # whatever is left of it
            self._idle.append((number, self._make(number) if gone else worker))
            del self._busy[outer]
            if error is None:
                outer.set_result(done.result())
            elif gone:
                outer.set_exception(late or WorkerDied(lost))
            else:
                outer.set_exception(error)

        inner.add_done_callback(finished)
        return outer

    def close(self) -> None:
        """Kill the workers, stopped ones too, with what still runs."""
        if self._closed:
            return
        self._closed = True
        running = dict(self._busy)
        workers = [*running.values(), *(worker for _, worker in self._idle)]
        for worker in workers:
            worker.kill()
        for future in wait(running, CLOSING_S).not_done:
            future.set_exception(WorkerDied("the worker was abandoned"))
        for worker in workers:
            worker.join()
        self._ended()


class _Alarm:
    """Kills `worker` if it is not ready within `patience` seconds, or not ended within `limit` seconds of then."""

    def __init__(self, worker: Worker, ready: Future[Any], patience: float | None, limit: float | None) -> None:
        self._worker = worker
        self._rang: OSError | None = None
        self._timer: threading.Timer | None = None
        self._ended, self._lock = False, threading.Lock()
        if patience is not None:
            self._set(patience, WorkerDied(f"no worker was ready within {patience:g} s"))
        ready.add_done_callback(lambda _: self._begin(limit))

    def end(self) -> OSError | None:
        """What it rang for, if it did; it will not any more."""
        with self._lock:
            self._ended = True
            if self._timer:
                self._timer.cancel()
            return self._rang

    def _begin(self, limit: float | None) -> None:
        with self._lock:
            if self._timer:
                self._timer.cancel()
            if limit is not None and not self._ended:
                self._set(limit, TookTooLong(f"it was over the time limit of {limit:g} s"))

    def _set(self, seconds: float, why: OSError) -> None:
        self._timer = threading.Timer(min(seconds, threading.TIMEOUT_MAX), self._ring, (why,))
        self._timer.daemon = True
        self._timer.start()

    def _ring(self, why: OSError) -> None:
        with self._lock:
            if self._ended:
                return
            self._rang = why
        self._worker.kill()
