"""The search: problem, samplers, executors, the study, the front. Optuna starts here."""

from nas.search.pareto.sampler import ParetoSampler
from nas.search.run import run

__all__ = ["ParetoSampler", "run"]
