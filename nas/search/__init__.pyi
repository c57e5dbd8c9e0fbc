from nas.search.context import Run
from nas.search.loop import Stopping
from nas.search.pareto.sampler import ParetoSampler
from nas.search.plan import Plan, run

__all__ = ["ParetoSampler", "Plan", "Run", "Stopping", "run"]
