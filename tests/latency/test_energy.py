"""Energy: millijoules beside milliseconds, in a profile's files, predictions, a search and its files."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from nas.errors import ProfileError
from nas.latency.batch import costs
from nas.latency.energy import energy_predictor, energy_profile
from nas.latency.few_shot import few_shot, read_rows, write_few_shot
from nas.latency.profile import known_profiles, load_profile
from nas.latency.validation import leave_one_out
from nas.predict import PredictSettings
from nas.predict import main as predict
from nas.problem import Problem, reference_point
from nas.report.network_row import network_row
from nas.results.run_folder import read_front, write_front
from nas.results.schema import front_schema
from nas.search.result.members import network_costs
from nas.spaces.baselines import load_architecture
from nas.spaces.budget import Budget
from nas.spaces.load import load_space
from tests.helpers.run_sample import sample_front

POWERED = ("khadas_vim4", "jetson_orin")
SPACE = load_space("tiny")


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    return Path(shutil.copytree(known_profiles()["khadas_vim4"], tmp_path / "board"))


@pytest.mark.parametrize("name", POWERED)
def test_energy_of_networks_never_seen_is_predicted_within_6_percent(name: str) -> None:
    joules = energy_profile(load_profile(name))
    assert joules is not None
    table = leave_one_out(joules)
    assert table.n >= 18
    assert table.mape_percent <= 6
    assert table.coverage_percent >= 80
    assert table.mape_percent < table.macs_mape_percent


def test_watts_times_milliseconds_are_millijoules_less_the_idle_power(copied: Path) -> None:
    gross = load_profile(copied).measurements
    lines = (line.split(",") for line in (copied / "energy.csv").read_text().splitlines())
    watts = {name: value for configuration, name, value in lines if configuration == "ruy_int8"}
    assert [row.mj for row in gross] == pytest.approx([float(watts[row.name]) * row.ms for row in gross])
    assert "not told apart" in load_profile(copied).notes[-1]
    text = (copied / "profile.yaml").read_text()
    (copied / "profile.yaml").write_text(text.replace("threads: 4,", "threads: 4, idle_watts: 2.5,"))
    net = load_profile(copied)
    assert [row.mj for row in net.measurements] == pytest.approx([row.mj - 2.5 * row.ms for row in gross])
    assert "net of the 2.5 W" in net.notes[-1]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("configuration,name,watts\nruy_int8,nobody,3\n", "energy.csv:2: network 'nobody' has no milliseconds"),
        ("configuration,name,watts\nruy_int8,mobilenet_v1_w1_r224,-3\n", "energy.csv:2: watts must be watts from 0"),
        ("configuration,name,watts\nruy_int8,mobilenet_v1_w1_r224,0\n", "energy.csv:2: watts must be above"),
        ("configuration,name,watts\n" + 2 * "ruy_int8,mobilenet_v1_w1_r224,3\n", "energy.csv:3: .* is given twice"),
        ("configuration,name,mean_mj\nruy_int8,mobilenet_v1_w1_r224,3\n", "energy.csv:1: the columns must be"),
        (
            "configuration,name,mean_mj,spread_mj\nruy_int8,mobilenet_v1_w1_r224,nan,0\n",
            "energy.csv:2: mean_mj must be millijoules from 1e-06",
        ),
    ],
)
def test_a_wrong_table_is_refused_at_its_place(copied: Path, table: str, said: str) -> None:
    (copied / "energy.csv").write_text(table)
    with pytest.raises(ProfileError, match=said):
        load_profile(copied)


def test_too_few_networks_with_energy_are_no_fit(copied: Path) -> None:
    lines = (copied / "energy.csv").read_text().splitlines()
    (copied / "energy.csv").write_text("\n".join(lines[:4]) + "\n")
    with pytest.raises(ProfileError, match="energy of 3 networks; a fit needs 4"):
        energy_profile(load_profile(copied))


def test_arrays_and_networks_have_the_same_millijoules_to_the_last_bit() -> None:
    profile = load_profile("khadas_vim4")
    predictor = energy_predictor(profile)
    assert predictor is not None
    rows = SPACE.sample(np.random.default_rng(0), 20)
    found = costs(SPACE, rows, profile)
    assert found.energy_mj is not None
    assert found.energy_mj.tolist() == [predictor(SPACE.architecture(row)).ms for row in rows]
    assert costs(SPACE, rows, load_profile("pixel4")).energy_mj is None


def test_a_search_minimises_and_limits_it() -> None:
    free = Problem(SPACE, load_profile("khadas_vim4"), Budget(), ("accuracy", "latency", "energy"))
    limit = float(np.median(free.cost_arrays(np.array(list(SPACE.genotypes())))["energy_mj"]))
    wanted = replace(free, budget=Budget.parse([f"{limit!r}mJ", "25ms"]))
    wanted.require_feasible()
    drawn = wanted.draw(np.random.default_rng(0), 50, evenly="energy_mj")
    assert wanted.cost_arrays(drawn)["energy_mj"].max() <= limit
    assert reference_point(wanted, 0.1) == {"accuracy": 0.1, "latency": 25.0, "energy": limit}


@pytest.mark.parametrize(("budget", "objectives"), [("5mJ", ("accuracy", "latency")), (None, ("accuracy", "energy"))])
def test_a_profile_without_it_is_refused(budget: str | None, objectives: tuple[str, ...]) -> None:
    with pytest.raises(ProfileError, match="the profile pixel4:1large_fp32 has no figures of the energy"):
        Problem(SPACE, load_profile("pixel4"), Budget.parse(budget), objectives)


def test_it_comes_back_from_the_run_folder(tmp_path: Path) -> None:
    candidate = Problem(SPACE, load_profile("khadas_vim4"), Budget()).candidate(SPACE.architecture([0] * 10))
    member, *others = sample_front().front
    front = replace(sample_front(), front=(replace(member, costs=network_costs(candidate)), *others))
    write_front(front, tmp_path)
    assert read_front(tmp_path) == front
    jsonschema.Draft202012Validator(front_schema()).validate(front.to_json())
    assert front.to_json()["front"][0]["energy_mj"]["value"] == candidate.figures["energy_mj"]
    assert [each.heading for each in network_row(front.front[0]).further] == ["energy, mJ"]
    assert network_row(member).further == ()


def test_predict_says_it_where_the_profile_has_it(capsys: pytest.CaptureFixture[str]) -> None:
    for hardware in ("khadas_vim4", "pixel4"):
        predict(PredictSettings(hardware, "mobilenet_v2", "json"), None)
        predict(PredictSettings(hardware, "mobilenet_v2", "text"), None)
    board, text, phone, plain = capsys.readouterr().out.splitlines()
    joules = json.loads(board)["energy_mj"]
    assert 0 < joules["low"] < joules["value"] < joules["high"]
    assert f"{joules['value']:.3g} mJ" in text
    assert "energy_mj" not in json.loads(phone)
    assert "mJ" not in plain


def test_a_users_meter_comes_in_by_a_column(tmp_path: Path) -> None:
    known = load_profile("khadas_vim4").measurements[:8]
    table = tmp_path / "rows.csv"
    table.write_text("arch,ms,mj\n" + "".join(f'"{row.architecture.notation}",{row.ms},{row.mj}\n' for row in known))
    profile = few_shot("mine", read_rows(table), like="khadas_vim4")
    write_few_shot(tmp_path / "mine", profile)
    again = load_profile(tmp_path / "mine")
    assert [row.mj for row in again.measurements] == [row.mj for row in known]
    joules = energy_predictor(again)
    assert joules is not None
    assert joules(load_architecture("mobilenet_v1")).ms > 0
    table.write_text(f'arch,ms,mj\n"{known[0].architecture.notation}",3,lots\n')
    with pytest.raises(ProfileError, match=r"rows.csv:2: mj must be millijoules from 1e-06 to 1e\+09, got 'lots'"):
        read_rows(table)
