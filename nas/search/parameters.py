"""A search space as Optuna sees it."""

from collections.abc import Mapping
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution

from nas.spaces.architecture import Architecture
from nas.spaces.space import Genotypes, SearchSpace


def distributions(space: SearchSpace) -> dict[str, BaseDistribution]:
    """Optuna's distribution for each variable: integers where the choices are ordered, else categories."""
    result: dict[str, BaseDistribution] = {}
    for variable in space.variables:
        count = len(variable.values)
        result[variable.name] = (
            IntDistribution(0, count - 1) if variable.ordered else CategoricalDistribution(range(count))
        )
    return result


def decode(space: SearchSpace, params: Mapping[str, Any]) -> Architecture:
    """The network that a trial's parameters stand for."""
    return space.architecture([params[variable.name] for variable in space.variables])


def encode(space: SearchSpace, row: Genotypes) -> dict[str, Any]:
    """The parameters of a trial whose network has the genotype `row`."""
    return {variable.name: int(index) for variable, index in zip(space.variables, row, strict=True)}
