"""A made-up measure that some devices predict, millijoules, in the tables alone: `python -m tests.helpers.energy`.

It is in a process of its own, since what is made from the tables is made when modules are loaded.
"""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import jsonschema
import numpy as np
import pytest

from nas import measures
from nas.errors import ProfileError
from nas.latency import predictions
from nas.latency.predictor import LatencyPredictor, predictor
from nas.latency.profile import HardwareProfile, load_profile
from nas.spaces.budget import Budget
from nas.spaces.load import load_space

ENERGY = measures.Measure(
    *("energy", "energy_mj", "energy", "mJ", 1.0, " mJ"),
    suffix="mj",
    prefixed=False,
    example="5mJ",
    meaning="millijoules on the device",
    predicted=("energy_low_mj", "energy_high_mj", "energy_in_range"),
    optional=True,
)
PROFILE = load_profile("pixel4:1large_int8")


def millijoules(profile: HardwareProfile) -> LatencyPredictor | None:
    """Of PROFILE alone: two for each millisecond, and one."""
    if profile != PROFILE:
        return None
    rows = tuple(replace(row, ms=2 * row.ms + 1) for row in profile.measurements)
    return predictor(replace(profile, measurements=rows))


def add_to_the_tables() -> None:
    tables: tuple[Any, ...] = (measures.MEASURES, measures.COSTS)
    by_field: tuple[Any, ...] = (measures.LIMITS, measures.PREDICTED)
    for table in tables:
        table[ENERGY.name] = ENERGY
    for table in by_field:
        table[ENERGY.field] = ENERGY
    predictors: Any = predictions.PREDICTORS
    predictors[ENERGY.field] = millijoules


def a_search_minimises_and_limits_it() -> None:
    from nas.problem import Problem, reference_point

    space, objectives = load_space("tiny"), ("accuracy", "latency", "energy")
    rows = np.array(list(space.genotypes()))
    free = Problem(space, PROFILE, Budget(), objectives)
    figures = free.cost_arrays(rows)
    for row, index in zip(rows[:20], range(20), strict=True):
        found = free.candidate(space.architecture(row)).figures
        assert found == {field: array[index] for field, array in figures.items()}
        assert free.values({**found, "accuracy": 0.5}) == [0.5, found["latency_ms"], found["energy_mj"]]
    assert set(ENERGY.predicted or ()) < set(figures)
    limit = float(np.median(figures["energy_mj"]))
    wanted = Problem(space, PROFILE, Budget.parse([f"{limit!r}mJ", "25ms"]), objectives)
    wanted.require_feasible()
    count, of = wanted.networks()
    assert 0 < count.low <= count.high < of
    drawn = wanted.draw(np.random.default_rng(0), 50, evenly="energy_mj")
    assert wanted.cost_arrays(drawn)["energy_mj"].max() <= limit
    assert reference_point(wanted, 0.1) == {"accuracy": 0.1, "latency": 25.0, "energy": limit}
    assert "mJ over" in str(wanted.budget.violation(free.candidate(space.architecture(rows[-1])).figures))


def a_profile_without_it_is_refused() -> None:
    from nas.problem import Problem

    space, other = load_space("tiny"), load_profile("pixel4:1large_fp32")
    assert "energy_mj" not in Problem(space, other, Budget()).candidate(space.architecture([0] * 10)).figures
    for budget, objectives in ((Budget(), ("accuracy", "energy")), (Budget.parse("5mJ"), ("accuracy", "latency"))):
        with pytest.raises(ProfileError, match="the profile pixel4:1large_fp32 has no figures of the energy"):
            Problem(space, other, budget, objectives)


def it_comes_back_from_the_run_folder(folder: Path) -> None:
    from nas.problem import Problem
    from nas.report.network_row import network_row
    from nas.report.networks import cost_of
    from nas.results.run_folder import read_front, write_front
    from nas.results.schema import front_schema
    from nas.results.trials import COLUMNS, TrialRow, read_trials, write_trials
    from nas.search.record.trial import TrialRecord
    from nas.search.result.members import network_costs
    from tests.helpers.run_sample import sample_front

    space = load_space("tiny")
    candidate = Problem(space, PROFILE, Budget()).candidate(space.architecture([0] * 10))
    known = candidate.figures
    record = TrialRecord(0, "complete", {}, candidate.key, candidate.notation, known, (), None, None, None)
    row: TrialRow = record.row()
    assert {"energy_mj", "energy_low_mj", "energy_high_mj"} < set(COLUMNS)
    assert row.figures["energy_mj"] == known["energy_mj"]
    write_trials([row], folder)
    assert read_trials(folder) == [row]

    schema = jsonschema.Draft202012Validator(front_schema())
    without = sample_front()
    member, *others = without.front
    member = replace(member, costs=network_costs(candidate))
    front = replace(without, front=(member, *others))
    for each in (without, front):
        write_front(each, folder)
        assert read_front(folder) == each
        schema.validate(each.to_json())
    written = front.to_json()["front"][0]
    assert written["energy_mj"]["value"] == known["energy_mj"]
    written["energy_mj"] = 5
    assert not schema.is_valid({**front.to_json(), "front": [written]})
    assert cost_of(member, ENERGY).low == known["energy_low_mj"]
    assert [each.heading for each in network_row(member).further] == ["energy, mJ"]


def main() -> None:
    add_to_the_tables()
    a_search_minimises_and_limits_it()
    a_profile_without_it_is_refused()
    with TemporaryDirectory() as folder:
        it_comes_back_from_the_run_folder(Path(folder))


if __name__ == "__main__":
    main()
