"""The table of measures: each that is known before training is an objective, and a budget, everywhere."""

import json

import numpy as np
import pytest

from nas.latency.predictions import PREDICTORS
from nas.latency.profile import load_profile
from nas.measures import COSTS, LIMITS, MEASURES, PREDICTED
from nas.problem import Problem, reference_point
from nas.spaces.budget import Budget
from nas.spaces.load import load_space

SPACE = load_space("tiny")
EVERY = pytest.mark.parametrize("name", COSTS)


def problem(budget: Budget, name: str) -> Problem:
    return Problem(SPACE, load_profile("khadas_vim4"), budget, ("accuracy", name))


def test_names_and_fields_are_told_apart() -> None:
    assert len(LIMITS) == len(COSTS) == len(MEASURES) - 1
    assert len({measure.suffix for measure in COSTS.values()}) == len(COSTS)
    assert set(PREDICTORS) == set(PREDICTED)
    assert all(measure.meaning for measure in COSTS.values())


@EVERY
def test_a_budget_reads_its_suffix_and_its_example(name: str) -> None:
    measure = COSTS[name]
    assert list(Budget.parse(measure.example.split(" (")[0]).limits) == [measure.field]
    assert Budget.parse(f"3{measure.suffix}") == Budget(**{measure.field: 3})
    if measure.prefixed:
        assert Budget.parse(f"3K{measure.suffix.upper()}").limits == {measure.field: 3000}
    limit = Budget(**{measure.field: 3 / measure.scale})
    assert str(limit) == f"3{measure.text}"
    assert limit.violation({measure.field: 6 / measure.scale}) == f"6{measure.text} over 3{measure.text}"
    assert limit.excess({measure.field: 6 / measure.scale}) == 2
    assert json.loads(json.dumps(limit.to_json())) == dict.fromkeys(LIMITS) | {measure.field: 3 / measure.scale}


@EVERY
def test_networks_and_arrays_of_them_have_the_figure(name: str) -> None:
    field = COSTS[name].field
    wanted, rows = problem(Budget(), name), SPACE.sample(np.random.default_rng(0), 20)
    figures = [wanted.candidate(SPACE.architecture(row)).measures()[field] for row in rows]
    assert wanted.cost_arrays(rows)[field].tolist() == figures


@EVERY
def test_a_search_may_minimise_and_limit_it(name: str) -> None:
    field, free = COSTS[name].field, problem(Budget(), name)
    figures = free.cost_arrays(np.array(list(SPACE.genotypes())))[field]
    limit = float(np.median(figures))
    wanted = problem(Budget(**{field: limit}), name)
    wanted.require_feasible()
    count, of = wanted.networks()
    assert 0 < count.high < of
    rows = wanted.draw(np.random.default_rng(0), 50)
    assert len(rows) == 50
    assert wanted.inside(rows).all()
    assert wanted.cost_arrays(rows)[field].max() <= limit
    assert reference_point(wanted, 0.1) == {"accuracy": 0.1, name: limit}
    assert reference_point(free, 0.1)[name] <= figures.max()


def test_limits_of_every_kind_go_together() -> None:
    rows = np.array(list(SPACE.genotypes()))
    figures = problem(Budget(), "weights").cost_arrays(rows)
    budget = Budget(**{field: float(np.quantile(figures[field], 0.7)) for field in LIMITS})
    wanted = Problem(SPACE, load_profile("khadas_vim4"), budget, ("accuracy", *COSTS))
    wanted.require_feasible()
    truth = {SPACE.architecture(row).key for row in rows[wanted.inside(rows)]}
    count, _ = wanted.networks()
    assert count.low == count.high == len(truth)
    drawn = wanted.draw(np.random.default_rng(0), len(truth) + 1)
    assert {SPACE.architecture(row).key for row in drawn} == truth
    assert dict(reference_point(wanted, 0.1)) == {"accuracy": 0.1} | {
        name: budget.limits[measure.field] for name, measure in COSTS.items()
    }
