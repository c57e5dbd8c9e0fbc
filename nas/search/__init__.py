"""The search: problem, samplers, executors, the study, the front. Optuna starts here.

`run(Run(...), trainings, sampler, Stopping(...), Plan(...))` does a whole search in a run folder, as the command does.
"""

from nas.search.context import Run
from nas.search.loop import Stopping
from nas.search.pareto.sampler import ParetoSampler
from nas.search.run import Plan, run

__all__ = ["ParetoSampler", "Plan", "Run", "Stopping", "run"]
