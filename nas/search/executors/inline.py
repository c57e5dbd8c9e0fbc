"""The executor of tests and of measurements: one evaluation at a time, in the calling thread, which nothing can end."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any


class InlineExecutor:
    """Runs each function in the calling thread, at once."""

    slots = 1
    shared_files = True

    def submit(self, function: Callable[..., Any], *args: Any, limit: float | None = None) -> Future[Any]:
        """Run `function(*args)`, however long it takes; the future is finished on return."""
        future: Future[Any] = Future()
        try:
            future.set_result(function(*args))
        except Exception as error:  # an evaluation's failure belongs to its future
            future.set_exception(error)
        return future

    def close(self) -> None:
        """Nothing to end."""
