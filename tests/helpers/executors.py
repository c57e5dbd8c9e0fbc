"""Executors as tests start them: a Ray cluster of its own for each test process, submitit's without Slurm."""

import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from omegaconf import DictConfig

from nas.commandline import parse
from nas.resources import data_dir
from nas.search.executors import EXECUTORS
from nas.search.executors.base import Executor
from nas.search.executors.inline import InlineExecutor

INLINE = "inline"
"""The one without workers, which no setting chooses."""
DEBUG = "debug"
"""submitit's executor `debug`, which has none either."""

NAMES = [*EXECUTORS]


@dataclass(frozen=True, slots=True)
class Starter:
    """Starts executors; `options` are those of its tests by executor."""

    options: dict[str, dict[str, Any]]
    made: list[Executor]

    def __call__(self, name: str, workers: int) -> Executor:
        """The executor of that name with the settings of its file."""
        if name == INLINE:
            self.made.append(InlineExecutor())
        else:
            settings = settings_of("submitit" if name == DEBUG else name, self.options.get(name, {}))
            self.made.append(settings.start(settings.slots(workers)))
        return self.made[-1]


def settings_of(name: str, options: dict[str, Any] | None = None) -> Any:
    """The settings of conf/executor, with other `options`."""
    defaults = yaml.safe_load((data_dir("conf") / "executor" / f"{name}.yaml").read_text(encoding="utf-8"))
    settings: Any = parse(DictConfig(defaults), EXECUTORS[name])
    return replace(settings, **(options or {}))


def evaluate_inline(patch: pytest.MonkeyPatch) -> None:
    """Let searches with `executor=local` of one worker evaluate in this process."""
    patch.setattr("nas.search.executors.local.local_executor", lambda slots, gpus: InlineExecutor())


def starter(request: pytest.FixtureRequest, names: Sequence[str], folder: Path) -> Iterator[Starter]:
    """What starts the executors of those names, all of which are closed afterwards."""
    options: dict[str, dict[str, Any]] = {
        "submitit": {"cluster": "local", "folder": str(folder / "jobs")},
        DEBUG: {"cluster": "debug"},
    }
    if "ray" in names:
        options["ray"] = {"address": request.getfixturevalue("cluster").address}
    start = Starter(options, [])
    yield start
    for executor in start.made:
        executor.close()


def wait_for(condition: Callable[[], Any], seconds: float = 120) -> bool:
    """Whether `condition` comes true; the limit is a safety net."""
    give_up = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > give_up:
            return False
        time.sleep(0.01)
    return True


RAY_TRIES = 4
"""Of starting a node: Ray gives up after seconds, which a busy machine may need for less."""


def add_ray_node(cluster: Any, **options: Any) -> Any:
    """A node more in a cluster of `ray.cluster_utils`, on ports that are free, for which it need not wait then."""
    names = ("metrics_agent_port", "metrics_export_port", "runtime_env_agent_port", "dashboard_agent_listen_port")
    for tries_left in reversed(range(RAY_TRIES)):
        with ExitStack() as stack:
            taken = {name: stack.enter_context(socket.create_server(("127.0.0.1", 0))) for name in names}
            ports = {name: each.getsockname()[1] for name, each in taken.items()}
        try:
            return cluster.add_node(wait=False, **ports, **options)
        except Exception:  # Ray's own kind of "timed out" is none
            if not tries_left:
                raise
    raise AssertionError("one of the tries returns or raises")
