"""nas.search.parameters: what Optuna is told of a search space, with the values that a person would expect."""

from typing import Any

import numpy as np
import pytest
from optuna.distributions import CategoricalDistribution, IntDistribution, distribution_to_json, json_to_distribution

from nas.errors import SpaceError
from nas.resources import data_dir
from nas.search.parameters import decode, distributions, encode, genotype, in_order
from nas.search.pareto.pool import Grid
from nas.spaces.load import load_space
from tests.helpers.search import TINY

SPACES = sorted(path.stem for path in data_dir("search_spaces").glob("*.yaml"))
SEPARABLE = load_space("separable")


@pytest.mark.parametrize(
    ("space", "name", "expected"),
    [
        ("separable", "resolution", IntDistribution(160, 224, step=32)),
        ("separable", "width", CategoricalDistribution((0.25, 0.35, 0.5, 0.75, 1.0))),
        ("separable", "stage2.op", CategoricalDistribution(("sep", "mbconv"))),
        ("separable", "stage3.kernel", IntDistribution(3, 7, step=2)),
        ("separable", "stage3.expansion", CategoricalDistribution((3, 4, 6))),
        ("separable", "head.depth", IntDistribution(0, 1)),
        ("tiny", "strides", CategoricalDistribution(("2,1,2,2,1", "2,2,1,2,1", "2,2,2,1,1"))),
        (
            *("nas_bench_macro", "stage1.0.block"),
            CategoricalDistribution(
                (
                    "identity",
                    "mbconv kernel=3 expansion=3 activation=relu",
                    "mbconv kernel=5 expansion=6 activation=relu",
                )
            ),
        ),
    ],
)
def test_parameters_have_the_values_of_the_network(space: str, name: str, expected: Any) -> None:
    assert distributions(load_space(space))[name] == expected


@pytest.mark.parametrize("name", SPACES)
def test_every_network_goes_to_parameters_and_back(name: str) -> None:
    space = load_space(name)
    found, rows = distributions(space), space.sample(np.random.default_rng(0), 50)
    assert list(found) == [variable.name for variable in space.variables]
    for row in rows:
        params = encode(space, row)
        assert genotype(space, params) == row.tolist()
        assert decode(space, params) == space.architecture(row)
        for parameter, value in params.items():
            assert found[parameter]._contains(found[parameter].to_internal_repr(value))
            assert isinstance(value, int | float | str), "what Optuna keeps in every storage"
    for distribution in found.values():
        assert json_to_distribution(distribution_to_json(distribution)) == distribution


@pytest.mark.parametrize("name", SPACES)
def test_the_model_sees_genotypes_and_their_order(name: str) -> None:
    """Levels of the grid are indices of the genotype, and ordered choices stay numbers, whatever their values."""
    space = load_space(name)
    grid = Grid(distributions(space), in_order(space))
    row = space.sample(np.random.default_rng(1), 1)[0]
    assert grid.row(encode(space, row)) == row.tolist()
    assert grid._ordered.tolist() == [variable.ordered for variable in space.variables]
    columns = [1 if v.ordered else len(v.values) for v in space.variables]
    assert grid.design(row[None]).shape[1] >= sum(columns)


def test_categories_in_order_are_those_of_unequal_steps() -> None:
    assert in_order(SEPARABLE)["width"] == (0.25, 0.35, 0.5, 0.75, 1.0)
    assert {"resolution", "stage3.kernel", "stage2.op", "strides"}.isdisjoint(in_order(SEPARABLE))
    assert in_order(TINY) == {}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"stage1.kernel": 4}, r"^stage1\.kernel: 4 is none of \[3, 5\]$"),
        ({"stage1.op": "conv"}, r"^stage1\.op: 'conv' is none of "),
        ({"strides": "2,2"}, r"^strides: '2,2' is none of "),
    ],
)
def test_a_value_of_no_network_is_named(changed: dict[str, Any], message: str) -> None:
    params = encode(TINY, TINY.sample(np.random.default_rng(0), 1)[0])
    with pytest.raises(SpaceError, match=message):
        decode(TINY, params | changed)
    del params[next(iter(changed))]
    with pytest.raises(SpaceError, match=rf"^{next(iter(changed))} is missing in a trial of tiny$"):
        decode(TINY, params)
