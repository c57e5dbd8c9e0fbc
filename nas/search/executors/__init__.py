"""Where evaluations run, a file an executor; `base` says what they have in common."""

from nas.search.executors.base import ExecutorSettings
from nas.search.executors.local import LocalSettings

AnyExecutor = LocalSettings
"""The settings of whichever executor is chosen; a union where there are several."""

EXECUTORS: dict[str, type[ExecutorSettings]] = {"local": LocalSettings}
"""Executors by name (conf/executor)."""
