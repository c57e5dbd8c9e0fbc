"""The public names with their types, those too that `__init__.py` loads when they are first used."""

from nas import errors as errors
from nas import nets as nets
from nas import search as search
from nas import training as training
from nas.api.front import Front
from nas.api.member import Member
from nas.api.run import Run, open_run
from nas.api.search import run_search
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

__version__: str
_SILENT: dict[str, str]
