"""Neural architecture search over separable convolutions: from a device and a budget to a Pareto front.

Importing `nas` loads neither torch nor optuna nor hydra; `nas.nets`, `nas.training`, `nas.search`, and what searches or
opens a run, do. Whichever module of it is imported, this one comes first, and so before any package that would report
what it is used for.
"""

import os
import signal
import sys
import warnings
from importlib import import_module
from typing import Any

if (
    (
        (
            sys.argv[:1] == ["-m"]  # so it is while the package of `python -m` is imported, and only then
            and sys.orig_argv[-len(sys.argv)].removeprefix("-m").split(".")[0] == "nas"
        )
        or os.path.basename(sys.argv[0] if sys.argv else "") == "sepconv-nas"
    )
    and signal.getsignal(signal.SIGINT) is signal.default_int_handler
):  # Ctrl-C while a command's modules load ends it as later, without a traceback; `nas.commandline` takes over
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))

from nas.latency.batch import costs
from nas.latency.predictor import Latency, latency
from nas.latency.profile import HardwareProfile, load_profile
from nas.spaces.architecture import Architecture
from nas.spaces.baselines import load_architecture
from nas.spaces.block import Block
from nas.spaces.budget import Budget
from nas.spaces.cost import Cost, cost
from nas.spaces.costs import CostArrays
from nas.spaces.load import load_space
from nas.spaces.space import SearchSpace

__all__ = [
    "Architecture",
    "Block",
    "Budget",
    "Cost",
    "CostArrays",
    "Front",
    "HardwareProfile",
    "Latency",
    "Member",
    "Run",
    "SearchSpace",
    "cost",
    "costs",
    "latency",
    "load_architecture",
    "load_profile",
    "load_space",
    "open_run",
    "run_search",
]

_SILENT = {
    "ORT_DISABLE_TELEMETRY": "1",  # ONNX Runtime from 1.29 on reads it when imported
    "WANDB_ERROR_REPORTING": "false",  # it looks up its host even offline
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
"""What keeps dependencies from reporting to their makers, unless the environment says otherwise."""

for _name, _value in _SILENT.items():
    os.environ[_name] = os.environ.get(_name) or _value

_HEAVY = ("nets", "search", "training")
_PLACES = {
    "Front": "nas.api.front",
    "Member": "nas.api.member",
    "Run": "nas.api.run",
    "open_run": "nas.api.run",
    "run_search": "nas.api.search",
}
"""Public names of modules that load torch; `__init__.pyi` has their types."""


def __getattr__(name: str) -> Any:
    """What takes time to load, such as what needs torch or optuna, loaded when first used."""
    if name == "__version__":
        return import_module("importlib.metadata").version("sepconv-nas")
    if name in _HEAVY:
        return import_module(f"nas.{name}")
    if name in _PLACES:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "IProgress not found")  # of tqdm in a notebook, whose bar is not used
            return getattr(import_module(_PLACES[name]), name)
    raise AttributeError(f"module 'nas' has no attribute {name!r}")


def __dir__() -> list[str]:
    """What a user may want of it: public names and rooms, not what this module itself uses."""
    return sorted({*__all__, *_HEAVY, "errors", "__version__", *(name for name in globals() if name.startswith("__"))})
