"""nas.results: front.json and trials.csv come back as they were, and what cannot be read is said in one line."""

import csv
import json
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from nas.errors import RunError
from nas.measures import COSTS, MEASURES
from nas.results.costs import NETWORK_COSTS, TRIAL_COSTS
from nas.results.front import SCHEMA, Front
from nas.results.run_folder import read_front, write_front, write_text
from nas.results.trials import COLUMNS, TrialRow, read_trials, write_trials
from tests.helpers.run_sample import (
    bare_front,
    check_run,
    climbed_front,
    sample_front,
    sample_trials,
    with_measured,
    write_run,
)

FRONTS: dict[str, Callable[[], Front]] = {
    "sample": sample_front,
    "climbed": climbed_front,
    "measured": lambda: with_measured(sample_front()),
    "bare": bare_front,
}


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    return write_run(tmp_path / "run", sample_front(), sample_trials())


@pytest.mark.parametrize("name", FRONTS)
def test_a_front_comes_back_as_it_was(name: str, tmp_path: Path) -> None:
    front = FRONTS[name]()
    assert write_front(front, tmp_path) == tmp_path / "front.json"
    assert read_front(tmp_path) == front


@pytest.mark.parametrize("name", FRONTS)
def test_a_front_meets_the_schema(name: str, tmp_path: Path) -> None:
    assert check_run(write_run(tmp_path / "run", FRONTS[name](), sample_trials(stopped=4))) == FRONTS[name]()


def test_trials_come_back_as_they_were(run_folder: Path) -> None:
    rows = read_trials(run_folder)
    assert rows == sample_trials()
    assert [row.state for row in rows].count("failed") == 2
    with (run_folder / "trials.csv").open(newline="") as file:
        header = next(csv.reader(file))
    assert [*dict.fromkeys("costs" if name in TRIAL_COSTS.names else name for name in header)] == [
        field.name for field in fields(TrialRow)
    ]


def test_what_rungs_gave_comes_back_too(tmp_path: Path) -> None:
    rows = read_trials(write_run(tmp_path / "run", sample_front(), sample_trials(stopped=4)))
    assert rows == sample_trials(stopped=4)
    stopped = [row.rungs or {} for row in rows if row.state == "stopped"]
    assert [list(rungs) for rungs in stopped] == [["score", "short"], ["score"]] * 2
    (tmp_path / "trials.csv").write_text("number,state,rungs\n0,complete,{broken\n")
    with pytest.raises(RunError, match="is not a table of trials"):
        read_trials(tmp_path)


def test_ragged_rows_are_read(tmp_path: Path) -> None:
    (tmp_path / "trials.csv").write_text("number,state,key\n0,complete\n1,complete,0123,more\n")
    short, long = read_trials(tmp_path)
    assert short.key is None
    assert long.key == "0123"


def test_a_cell_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "trials.csv").write_text("number,state,macs\n0,complete,7\n1,complete,many\n")
    with pytest.raises(RunError, match=r"trials.csv:3: macs: input should be a valid integer.*, got \"many\""):
        read_trials(tmp_path)
    (tmp_path / "trials.csv").write_text("state\ncomplete\n")
    with pytest.raises(RunError, match=r"trials.csv:2: number: "):
        read_trials(tmp_path)


def test_what_is_no_front_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"cannot read .*front.json.*give the folder of a finished search"):
        read_front(tmp_path)
    for content, says in (
        ("{", "front.json is not JSON"),
        ("[]", "front.json has no 'schema'"),
        ('{"front": []}', "front.json has no 'schema'"),
        ('{"schema": 0}', f"has schema 0, of an older version; this one reads {SCHEMA}"),
        ('{"schema": 9}', f"has schema 9, of a newer or another version; this one reads {SCHEMA}"),
        ('{"schema": "x"}', "has schema 'x', of a newer or another version"),
        ('{"schema": 1}', "front.json: hardware: field required"),
    ):
        (tmp_path / "front.json").write_text(content)
        with pytest.raises(RunError) as caught:
            read_front(tmp_path)
        assert says in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (lambda front: front["counts"].pop("failed"), "counts.failed: field required"),
        (lambda front: front["front"][1].update(macs="many"), "front.1.macs: input should be a valid integer"),
        (lambda front: front["front"][0]["accuracy"].update(value=1.5), "front.0.accuracy.value: input should be less"),
        (lambda front: front["front"][0]["architecture"].update(blocks=[]), "front.0.architecture: "),
        (lambda front: front["budget"].update(macs="a lot"), "budget.macs: input should be a valid number"),
        (lambda front: front["proxy_fidelity"].update(kendall_tau=float("nan")), "proxy_fidelity.kendall_tau: "),
    ],
)
def test_a_wrong_key_is_named_with_the_file(edit: Callable[[Any], Any], says: str, run_folder: Path) -> None:
    content = sample_front().to_json()
    edit(content)
    (run_folder / "front.json").write_text(json.dumps(content))
    with pytest.raises(RunError) as caught:
        read_front(run_folder)
    assert str(caught.value).startswith(f"{run_folder / 'front.json'}: {says}")
    assert "\n" not in str(caught.value)


def test_keys_of_a_later_version_are_left_out(run_folder: Path) -> None:
    content = sample_front().to_json()
    content["colour"] = content["front"][0]["colour"] = "blue"
    (run_folder / "front.json").write_text(json.dumps(content))
    assert read_front(run_folder) == sample_front()


def test_nothing_that_is_no_json_is_written(tmp_path: Path) -> None:
    front = sample_front()
    broken = replace(front, hypervolume=replace(front.hypervolume, reference={"latency": float("inf")}))
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_front(broken, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_said_in_one_line(tmp_path: Path) -> None:
    nowhere, says = tmp_path / "nowhere", r"cannot write .*: No such file or directory"
    with pytest.raises(RunError, match=says):
        write_front(sample_front(), nowhere)
    with pytest.raises(RunError, match=says):
        write_trials(sample_trials(), nowhere)
    with pytest.raises(RunError, match=says):
        write_text(nowhere / "x.html", "x")


def test_every_measure_has_its_field() -> None:
    front, row = sample_front(), sample_trials()[0]
    for measure in COSTS.values():
        for network in (front.front[0], front.baselines[0], row):
            assert measure.field in network.costs, measure.name
        assert {measure.field} <= set(COLUMNS) & set(NETWORK_COSTS.names)
    assert set(row.figures) >= {measure.field for measure in MEASURES.values()}
