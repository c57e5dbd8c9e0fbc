"""What proposes networks, a file a sampler; `distinct` makes any of them fit for networks."""

from nas.search.samplers.base import SamplerSettings
from nas.search.samplers.nsga2 import Nsga2Settings
from nas.search.samplers.pareto import ParetoSettings
from nas.search.samplers.random import RandomSettings
from nas.search.samplers.tpe import TpeSettings

AnySampler = ParetoSettings | TpeSettings | Nsga2Settings | RandomSettings
"""The settings of whichever sampler is chosen."""

SAMPLERS: dict[str, type[SamplerSettings]] = {
    "pareto": ParetoSettings,
    "tpe": TpeSettings,
    "nsga2": Nsga2Settings,
    "random": RandomSettings,
}
"""Samplers by name (conf/sampler)."""
