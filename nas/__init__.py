"""Neural architecture search over separable convolutions: from a device and a budget to a Pareto front.

Importing `nas` loads neither torch nor optuna nor hydra; `nas.nets`, `nas.training` and `nas.search` do.
"""

from importlib import import_module
from importlib.metadata import version
from typing import Any

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
    "HardwareProfile",
    "Latency",
    "SearchSpace",
    "cost",
    "costs",
    "latency",
    "load_architecture",
    "load_profile",
    "load_space",
]

__version__ = version("sepconv-nas")

_HEAVY = ("nets", "training", "search")


def __getattr__(name: str) -> Any:
    """The rooms that need torch or optuna, loaded when first used."""
    if name in _HEAVY:
        return import_module(f"nas.{name}")
    raise AttributeError(f"module 'nas' has no attribute {name!r}")
