"""Several devices in one search: budget and objectives by device, what a network costs on each, and the result."""

from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from nas.errors import BudgetError, ConfigError, NasError
from nas.latency.profile import load_profile
from nas.problem import Combine, Problem, on_devices, reference_point
from nas.results.costs import DEVICES, cost_values
from nas.results.run_folder import read_front, write_front
from nas.results.schema import front_schema
from nas.results.several import own_front, seen_on
from nas.results.trials import COLUMNS, TrialRow, read_trials, write_trials
from nas.search.record.trial import TrialRecord
from nas.search.result.members import network_costs
from nas.search.samplers.pareto import pareto_sampler
from nas.spaces.budget import Budget
from nas.spaces.load import load_space
from tests.helpers.run_sample import sample_front
from tests.helpers.several_devices import several_front
from tests.whole.test_run_folder import settings_of

SPACE = load_space("tiny")
PHONE, BOARD = load_profile("pixel4"), load_profile("raspberry_pi4")
LIMITS = ("pixel4:0.6ms", "raspberry_pi4:1.2ms")


def problem(combine: Combine = "each", *limits: str, objectives: tuple[str, ...] = ("accuracy", "latency")) -> Problem:
    return on_devices(SPACE, [PHONE, BOARD], Budget.parse(limits or LIMITS), objectives, combine)


def test_each_device_is_an_objective_or_the_worst_share_of_all_is() -> None:
    assert problem("each").objectives == ("accuracy", "latency:pixel4", "latency:raspberry_pi4")
    assert problem("worst").objectives == ("accuracy", "worst_share")
    more = ("accuracy", "macs", "latency")
    each = problem("each", objectives=more).objectives
    assert each == (
        "accuracy",
        "macs",
        "latency:pixel4",
        "latency:raspberry_pi4",
    )
    assert problem("worst", objectives=more).objectives == ("accuracy", "macs", "worst_share")


def test_a_single_device_is_the_problem_that_it_was() -> None:
    budget, objectives = Budget.parse(["300M", "pixel4:25ms"]), ("accuracy", "latency")
    found = on_devices(SPACE, [PHONE], budget, objectives)
    assert found == Problem(SPACE, PHONE, Budget(macs=300e6, latency_ms=25), objectives)
    assert "devices" not in network_costs(found.candidate(SPACE.architecture([0] * 10)))


def test_figures_are_those_of_each_device_for_one_network_and_for_many() -> None:
    wanted, rows = problem(), SPACE.sample(np.random.default_rng(0), 20)
    arrays = wanted.cost_arrays(rows)
    alone = {name: Problem(SPACE, profile, Budget()) for name, profile in wanted.devices.items()}
    for index, row in enumerate(rows):
        figures = wanted.candidate(SPACE.architecture(row)).figures
        assert figures == {field: array[index] for field, array in arrays.items()}
        for name, single in alone.items():
            own = single.candidate(SPACE.architecture(row)).figures
            assert figures[f"latency_ms:{name}"] == own["latency_ms"]
            assert figures[f"in_range:{name}"] == own["in_range"]
        assert figures["latency_ms"] == figures["latency_ms:pixel4"]


@pytest.mark.parametrize("combine", ["each", "worst"])
def test_drawn_and_proposed_networks_are_within_every_devices_budget(combine: Combine) -> None:
    wanted = problem(combine)
    wanted.require_feasible()
    every = np.array(list(SPACE.genotypes()))
    found = wanted.cost_arrays(every)
    truth = (found["latency_ms:pixel4"] <= 0.6) & (found["latency_ms:raspberry_pi4"] <= 1.2)
    assert 0 < truth.sum() < len(truth)
    assert (wanted.inside(every) == truth).all()
    keys = {SPACE.architecture(row).key for row in every[truth]}
    drawn = {SPACE.architecture(row).key for row in wanted.draw(np.random.default_rng(0), 50)}
    assert drawn <= keys
    assert len(drawn) == 50
    assert pareto_sampler(wanted, seed=0, start=4, pool=1000)


def test_the_worst_share_is_that_of_the_device_nearest_to_its_limit() -> None:
    wanted = problem("worst")
    figures = {"accuracy": 0.5, "latency_ms:pixel4": 0.3, "latency_ms:raspberry_pi4": 1.08}
    assert wanted.values(figures) == [0.5, pytest.approx(0.9)]
    assert reference_point(wanted, 0.1) == {"accuracy": 0.1, "worst_share": 1.0}
    rows = SPACE.sample(np.random.default_rng(0), 5)
    arrays = wanted.cost_arrays(rows)
    shares = wanted.value("worst_share", arrays)
    assert shares.tolist() == [
        max(a / 0.6, b / 1.2)
        for a, b in zip(arrays["latency_ms:pixel4"], arrays["latency_ms:raspberry_pi4"], strict=True)
    ]


def test_a_limit_without_a_device_is_one_of_each() -> None:
    assert problem("each", "300M", "25ms").budget.limits == {
        "macs": 300e6,
        "latency_ms:pixel4": 25,
        "latency_ms:raspberry_pi4": 25,
    }


def test_configurations_of_one_device_are_told_apart_by_their_labels() -> None:
    profiles = [PHONE, load_profile("pixel4:1large_int8")]
    found = on_devices(SPACE, profiles, Budget.parse("pixel4:1large_int8:2ms"), ("accuracy", "latency"))
    assert list(found.devices) == ["pixel4:1large_fp32", "pixel4:1large_int8"]
    assert found.budget.of_device("pixel4:1large_int8") == {"latency_ms": 2}
    assert found.objectives[1:] == ("latency:pixel4:1large_fp32", "latency:pixel4:1large_int8")
    assert "latency_ms:pixel4:1large_int8" in found.candidate(SPACE.architecture([0] * 10)).figures


@pytest.mark.parametrize(
    ("limits", "combine", "objectives", "said"),
    [
        (("iphone:20ms",), "each", ("accuracy", "latency"), "limits 'iphone', which is none of the devices"),
        (("pixel4:20ms", "25ms"), "each", ("accuracy", "latency"), "the budget limits latency_ms:pixel4 twice"),
        (("pixel4:20ms",), "worst", ("accuracy", "latency"), "has none on the latency of raspberry_pi4; add"),
        (("pixel4:20ms",), "each", ("accuracy", "latency:iphone"), "unknown device 'iphone'"),
        (
            ("pixel4:20mJ",),
            "each",
            ("accuracy", "latency"),
            "the profile pixel4:1large_fp32 has no figures of the ener",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(
    limits: tuple[str, ...], combine: Combine, objectives: tuple[str, ...], said: str
) -> None:
    with pytest.raises(NasError, match=said):
        problem(combine, *limits, objectives=objectives)


@pytest.mark.parametrize("text", ["pixel4:300M", "pixel4:4MB", ":20ms", "pixel4:", "pixel4:20", {"pixel4": "20ms"}])
def test_a_wrong_limit_of_a_device_is_refused(text: object) -> None:
    with pytest.raises(BudgetError):
        Budget.parse([text])  # type: ignore[list-item]


def test_a_device_twice_and_combine_without_several_are_refused() -> None:
    with pytest.raises(ConfigError, match="hardware lists 'pixel4:1large_fp32' twice"):
        on_devices(SPACE, [PHONE, PHONE], Budget(), ("accuracy", "latency"))
    with pytest.raises(ConfigError, match="combine=worst is for several devices"):
        on_devices(SPACE, [PHONE], Budget(), ("accuracy", "latency"), "worst")
    board = load_profile("raspberry_pi4:4t_int8")
    with pytest.raises(ConfigError, match="weights: bytes are not the same on pixel4:1large_fp32, fp32"):
        on_devices(SPACE, [PHONE, board], Budget.parse("1MB-flash"), ("accuracy", "latency"))


def test_the_run_folder_is_named_after_all_devices() -> None:
    chosen = ("hardware=[pixel4,raspberry_pi4]", "budget=[pixel4:20ms,raspberry_pi4:80ms]")
    settings = settings_of(*chosen)
    assert settings.devices == ("pixel4", "raspberry_pi4")
    assert settings.run_name().startswith("pixel4+raspberry_pi4-20ms_80ms-auto-")
    assert settings.run_name() != settings_of(*chosen, "combine=worst").run_name()
    assert settings_of("hardware=[pixel4]").run_name() == settings_of("hardware=pixel4").run_name()


def test_trials_and_front_come_back_from_the_run_folder(tmp_path: Path) -> None:
    candidate = problem().candidate(SPACE.architecture([0] * 10))
    record = TrialRecord(0, "complete", {}, candidate.key, candidate.notation, candidate.figures, (), None, None, None)
    row: TrialRow = record.row()
    assert row.on_devices == {
        name: candidate.figures[name] for name in ("latency_ms:pixel4", "latency_ms:raspberry_pi4")
    }
    write_trials([row], tmp_path)
    header = (tmp_path / "trials.csv").read_text().splitlines()[0]
    assert header == ",".join([*COLUMNS, *row.on_devices])
    assert read_trials(tmp_path) == [row]

    front = several_front()
    write_front(front, tmp_path)
    assert read_front(tmp_path) == front
    jsonschema.Draft202012Validator(front_schema()).validate(front.to_json())
    costs = network_costs(candidate)
    written = replace(front, front=(replace(front.front[0], costs=costs), *front.front[1:])).to_json()["front"][0]
    assert written[DEVICES]["raspberry_pi4"]["latency_ms"]["value"] == candidate.figures["latency_ms:raspberry_pi4"]
    assert cost_values(costs)["latency_ms:raspberry_pi4"] == candidate.figures["latency_ms:raspberry_pi4"]


def test_the_form_of_a_single_device_has_nothing_of_several() -> None:
    content = sample_front().to_json()
    assert "several" not in content
    assert all(DEVICES not in member for member in content["front"])


def test_a_devices_own_front_is_of_those_no_other_beats_there() -> None:
    front = several_front()
    assert front.several is not None
    for one in front.several.devices:
        seen = [seen_on(member, one.name) for member in front.front]
        truth = {
            each.key
            for each in seen
            if not any(
                other.accuracy.value >= each.accuracy.value and other.latency_ms.value < each.latency_ms.value
                for other in seen
            )
        }
        assert {each.key for each in own_front(front.front, one.name)} == truth == set(one.front)
    first, second = (set(one.front) for one in front.several.devices)
    assert first != second, "the sample must tell the devices apart"
