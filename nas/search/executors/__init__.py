"""Executors by name, a file each; `base` says what they have in common."""

from collections.abc import Callable

from nas.search.executors.base import Executor
from nas.search.executors.local import LocalExecutor

EXECUTORS: dict[str, Callable[[int], Executor]] = {"local": LocalExecutor}
"""Executors by name; each takes the number of workers."""
