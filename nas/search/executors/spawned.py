"""New processes that do not run the script again which asked for them.

`multiprocessing` lets a spawned process import the main module of its parent, so that a script without
`if __name__ == "__main__"` would begin its search anew in every worker. What workers do is the project's own, and
needs nothing of that module.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.context import SpawnContext, SpawnProcess
from types import ModuleType
from typing import Any


class _Process(SpawnProcess):
    @staticmethod
    def _Popen(process_obj: Any) -> Any:  # noqa: N802 (as multiprocessing calls it)
        with _nameless_main():
            return SpawnProcess._Popen(process_obj)


class Spawned(SpawnContext):
    """Spawns as `multiprocessing` does, without the main module; what is sent to a process must not lie in that."""

    Process = _Process


@contextmanager
def _nameless_main() -> Iterator[None]:
    """For the moment in which a process is started: a main module that comes from no file."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
