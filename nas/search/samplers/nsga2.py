"""sampler=nsga2: Optuna's non-dominated sorting genetic algorithm."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from annotated_types import Ge, Le
from optuna.samplers import BaseSampler, NSGAIISampler

from nas.problem import Problem


@dataclass(frozen=True, slots=True)
class Nsga2Settings:
    """Deb et al. 2002, https://doi.org/10.1109/4235.996017."""

    stateless: ClassVar[bool] = False

    name: Literal["nsga2"]
    population: Annotated[int, Ge(2), Le(100_000)]
    """Networks of a generation, of which the first is at random."""

    def make(self, problem: Problem, seed: int) -> BaseSampler:
        """Optuna's sampler."""
        return NSGAIISampler(seed=seed, population_size=self.population)
