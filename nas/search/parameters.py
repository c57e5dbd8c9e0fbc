"""A search space as Optuna sees it: a parameter for each choice, whose values are those of the network.

Whole numbers in equal steps are integers, all else categories; those of `in_order` have an order that Optuna does not
know of, such as the widths 0.25, 0.5 and 1.
"""

from collections.abc import Mapping
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution

from nas.errors import SpaceError
from nas.reading.words import short
from nas.spaces.architecture import Architecture
from nas.spaces.space import Genotypes, SearchSpace
from nas.spaces.stage import Value, Variable


def distributions(space: SearchSpace) -> dict[str, BaseDistribution]:
    """Optuna's distribution for each variable."""
    return {variable.name: _distribution(space, variable) for variable in space.variables}


def in_order(space: SearchSpace) -> dict[str, tuple[Any, ...]]:
    """Of the categories whose values have an order, those values in it."""
    ordered = {variable.name for variable in space.variables if variable.ordered}
    return {
        name: distribution.choices
        for name, distribution in distributions(space).items()
        if name in ordered and isinstance(distribution, CategoricalDistribution)
    }


def decode(space: SearchSpace, params: Mapping[str, Any]) -> Architecture:
    """The network that a trial's parameters stand for; raises as `genotype` does."""
    return space.architecture(genotype(space, params))


def genotype(space: SearchSpace, params: Mapping[str, Any]) -> list[int]:
    """The index of each parameter's value among those of its variable.

    Raises:
        SpaceError: one is missing, or has a value that the space does not give it.
    """
    return [_index(space, variable, params) for variable in space.variables]


def encode(space: SearchSpace, row: Genotypes) -> dict[str, Any]:
    """The parameters of a trial whose network has the genotype `row`."""
    return {
        variable.name: _values(space, variable)[index] for variable, index in zip(space.variables, row, strict=True)
    }


def _distribution(space: SearchSpace, variable: Variable) -> BaseDistribution:
    values = _values(space, variable)
    if variable.ordered and all(type(value) is int for value in values):
        step = values[1] - values[0]
        if step > 0 and values == tuple(range(values[0], values[-1] + 1, step)):
            return IntDistribution(values[0], values[-1], step=step)
    return CategoricalDistribution(values)


def _values(space: SearchSpace, variable: Variable) -> tuple[Any, ...]:
    """The values as Optuna keeps them, numbers and words, in the order of the variable's own."""
    if variable.name == "strides":
        return tuple(",".join(map(str, strides)) for strides in variable.values)
    stage, _, choice = variable.name.partition(".")
    if not choice.endswith(".block"):
        return variable.values
    blocks = next(each.blocks for each in space.stages if each.name == stage)
    return tuple(_words(blocks[index]) for index in variable.values)


def _words(block: Mapping[str, Value]) -> str:
    """An alternative for a block, such as `mbconv kernel=3 expansion=6`."""
    return " ".join(str(value) if name == "op" else f"{name}={value}" for name, value in block.items()) or "identity"


def _index(space: SearchSpace, variable: Variable, params: Mapping[str, Any]) -> int:
    values = _values(space, variable)
    if variable.name not in params:
        raise SpaceError(f"{variable.name} is missing in a trial of {space.name}")
    try:
        return values.index(params[variable.name])
    except ValueError:
        raise SpaceError(f"{variable.name}: {short(params[variable.name])} is none of {short(list(values))}") from None
