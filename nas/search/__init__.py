"""The search: problem, samplers, executors, the study, the front. Optuna starts here.

`run(Run(...), trainings, sampler, Stopping(...), Plan(...))` does a whole search in a run folder, as the command does.
What is public here loads when it is first used, so that a command can answer before torch and Optuna are there;
`__init__.pyi` has the types.
"""

from importlib import import_module
from typing import Any

_PLACES = {
    "ParetoSampler": "nas.search.pareto.sampler",
    "Plan": "nas.search.plan",
    "Run": "nas.search.context",
    "Stopping": "nas.search.loop",
    "run": "nas.search.plan",
}

__all__ = [*_PLACES]


def __getattr__(name: str) -> Any:
    """A public name, from the module that has it."""
    if name in _PLACES:
        return getattr(import_module(_PLACES[name]), name)
    raise AttributeError(f"module 'nas.search' has no attribute {name!r}")
