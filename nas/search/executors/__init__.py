"""Where evaluations run, a file an executor; `base` says what they have in common."""

from nas.search.executors.base import ExecutorSettings
from nas.search.executors.local import LocalSettings
from nas.search.executors.ray_cluster import RaySettings
from nas.search.executors.slurm_jobs import SubmititSettings

AnyExecutor = LocalSettings | RaySettings | SubmititSettings
"""The settings of whichever executor is chosen."""

EXECUTORS: dict[str, type[ExecutorSettings]] = {
    "local": LocalSettings,
    "ray": RaySettings,
    "submitit": SubmititSettings,
}
"""Executors by name (conf/executor)."""
