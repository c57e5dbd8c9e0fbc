"""sampler=tpe: Optuna's tree-structured Parzen estimator, over all variables together.

It knows the order of numbers in equal steps (kernels 3, 5, 7), and takes others (widths 0.25, 0.5, 1) as categories.
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from annotated_types import Ge, Le
from optuna.samplers import BaseSampler, TPESampler

from nas.problem import Problem


@dataclass(frozen=True, slots=True)
class TpeSettings:
    """Bergstra et al. 2011; networks that did well against those that did not."""

    stateless: ClassVar[bool] = False

    name: Literal["tpe"]
    startup: Annotated[int, Ge(1), Le(1_000_000)]
    """Networks at random before there is a model."""

    def make(self, problem: Problem, seed: int) -> BaseSampler:
        """Optuna's sampler."""
        return TPESampler(seed=seed, multivariate=True, n_startup_trials=self.startup)
