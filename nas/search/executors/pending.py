"""Evaluations that an executor is doing: started while there is room, and waited for."""

import time
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any, Generic, TypeVar

from nas.search.executors.base import Executor

K = TypeVar("K", bound=Hashable)


class Pending(Generic[K]):
    """What is being evaluated, each under a key that tells whose it is."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._running: dict[Future[Any], K] = {}

    def __bool__(self) -> bool:
        return bool(self._running)

    @property
    def keys(self) -> list[K]:
        """Whose evaluations are under way, in the order they were begun."""
        return list(self._running.values())

    @property
    def has_room(self) -> bool:
        """Whether another one may be started."""
        return len(self._running) < self._executor.slots

    def start(self, key: K, function: Callable[..., Any], *arguments: Any, limit: float | None = None) -> None:
        """Start `function(*arguments)`, where there is room, for `limit` seconds at most."""
        options = {} if limit is None else {"limit": limit}
        self._running[self._executor.submit(function, *arguments, **options)] = key

    def finished(self, timeout: float | None = None) -> Iterator[tuple[K, Future[Any]]]:
        """Wait until at least one has ended, well or not, for `timeout` seconds at most; those that have."""
        if not self._running:
            time.sleep(timeout or 0)
        for future in wait(self._running, timeout, return_when=FIRST_COMPLETED).done:
            yield self._running.pop(future), future
