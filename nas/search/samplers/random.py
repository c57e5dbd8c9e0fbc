"""sampler=random: networks at random, to compare with."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from optuna.samplers import BaseSampler, RandomSampler

from nas.problem import Problem


@dataclass(frozen=True, slots=True)
class RandomSettings:
    """Each variable uniformly."""

    stateless: ClassVar[bool] = False

    name: Literal["random"]

    def make(self, problem: Problem, seed: int) -> BaseSampler:
        """Optuna's sampler."""
        return RandomSampler(seed=seed)
