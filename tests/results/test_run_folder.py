"""nas.results: front.json and trials.csv come back as they were, and what cannot be read is said in one line."""

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from nas.errors import RunError
from nas.measures import COSTS, MEASURES
from nas.results.costs import NETWORK_COSTS, TRIAL_COSTS
from nas.results.front import SCHEMA, Front, NetworkCount
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


def test_a_space_of_astronomic_size_comes_back(tmp_path: Path) -> None:
    front = sample_front()
    large = replace(front, budget=replace(front.budget, networks=NetworkCount(10**60, 10**40, 10**61, 10**70 + 1)))
    networks = check_run(write_run(tmp_path / "run", large, sample_trials())).budget.networks
    assert networks.inside == pytest.approx(10**60)
    assert networks.of == pytest.approx(10**70)


def test_names_of_files_that_are_not_utf8_are_kept_apart(tmp_path: Path) -> None:
    front = sample_front()
    latin = ("caf\udce9", "caf\udce8")
    data = replace(front.data, classes=latin, path="d\udcff/x")
    failed = replace(sample_trials()[0], state="failed", error="no\0 \udce9\nfile")
    folder = write_run(tmp_path / "run", replace(front, data=data), [failed])
    (folder / "front.json").read_text(encoding="utf-8").encode("ascii")
    assert read_front(folder).data.classes == (r"caf\xe9", r"caf\xe8")
    assert read_trials(folder)[0].error == r"no  \xe9 file"


def test_trials_come_back_as_they_were(run_folder: Path) -> None:
    rows = read_trials(run_folder)
    assert rows == sample_trials()
    assert [row.state for row in rows].count("failed") == 2
    with (run_folder / "trials.csv").open(newline="") as file:
        header = next(csv.reader(file))
    assert [*dict.fromkeys("costs" if name in TRIAL_COSTS.names else name for name in header)] == [
        field.name for field in fields(TrialRow) if field.name != "on_devices"
    ]


def test_what_rungs_gave_comes_back_too(tmp_path: Path) -> None:
    rows = read_trials(write_run(tmp_path / "run", sample_front(), sample_trials(stopped=4)))
    assert rows == sample_trials(stopped=4)
    stopped = [row.rungs or {} for row in rows if row.state == "stopped"]
    assert [list(rungs) for rungs in stopped] == [["score", "short"], ["score"]] * 2


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        ({"macs": "many"}, r"3: macs: input should be a valid integer, got 'many'"),
        ({"macs": "7.5"}, r"3: macs: input should be a valid integer.*, got 7.5"),
        ({"macs": "1_0"}, r"3: macs: input should be a valid integer, got '1_0'"),
        ({"macs": "9" * 5000}, r"3: macs: input should be a valid integer, got '999"),
        ({"number": ""}, r"3: number: is missing"),
        ({"number": "-1"}, r"3: number: input should be greater than or equal to 0, got -1"),
        ({"accuracy": "nan"}, r"3: accuracy: input should be a valid number, got 'nan'"),
        ({"seconds": "1e300"}, r"3: seconds: must be at most 1e\+30 in size, got 1e\+300"),
        ({"rungs": "{broken"}, r"3: rungs: not JSON: "),
        ({"rungs": "[" * 100_000}, r"3: rungs: nested deeper than"),
        ({"rungs": '{"short": true}'}, r"3: rungs\.short.*: input should be a valid number"),
        ({"rungs": "7"}, r"3: rungs: input should be a valid dictionary, got 7"),
    ],
)
def test_a_cell_that_cannot_be_read_is_named(cells: dict[str, str], says: str, tmp_path: Path) -> None:
    write_table(tmp_path, {"number": "0", "state": "complete"}, {"number": "1", "state": "complete", **cells})
    with pytest.raises(RunError, match=rf"trials.csv:{says}") as caught:
        read_trials(tmp_path)
    assert len(str(caught.value)) < 450


def write_table(folder: Path, *rows: Mapping[str, str], columns: Sequence[str] = COLUMNS) -> None:
    with (folder / "trials.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


@pytest.mark.parametrize("missing", ["number", "rungs", "macs"])
def test_a_table_without_a_column_is_refused_and_further_ones_are_left_out(missing: str, tmp_path: Path) -> None:
    row = {"number": "0", "state": "complete"}
    write_table(tmp_path, row, columns=[column for column in COLUMNS if column != missing])
    with pytest.raises(RunError, match=rf"trials.csv:1: the column '{missing}' is missing; give the folder of a fini"):
        read_trials(tmp_path)
    write_table(tmp_path, row, columns=("colour", *COLUMNS))
    assert read_trials(tmp_path) == [TrialRow(0, "complete")]
    write_table(tmp_path, row, columns=("macs", *COLUMNS))
    with pytest.raises(RunError, match=r"trials.csv:1: the column 'macs' is given twice"):
        read_trials(tmp_path)


@pytest.mark.parametrize("line", ["0,complete", "0,complete" + "," * 50, '0,"complete'])
def test_a_row_of_more_or_fewer_cells_is_refused(line: str, tmp_path: Path) -> None:
    (tmp_path / "trials.csv").write_text(",".join(COLUMNS) + f"\n{line}\n")
    with pytest.raises(RunError, match=r"trials.csv:2: (the row must have|not CSV)"):
        read_trials(tmp_path)


def test_what_is_no_front_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"front.json: cannot be read: .*; give the folder of a finished search"):
        read_front(tmp_path)
    for content, says in (
        ("{", "front.json: not JSON"),
        ("[" * 100_000, "front.json: nested deeper than"),
        ('{"schema": 1, "schema": 1}', "front.json: the key 'schema' is given twice"),
        ('{"schema": 1e999}', "front.json: a number beyond"),
        ('{"schema": NaN}', "front.json: NaN is no number"),
        ('{"schema": true}', "has schema True, of a newer or another version"),
        (json.dumps({"schema": "x" * 100_000}), "has schema 'xxx"),
        ("[]", "front.json has no 'schema'"),
        ('{"front": []}', "front.json has no 'schema'"),
        ('{"schema": 0}', f"has schema 0, of an older version; this one reads {SCHEMA}"),
        ('{"schema": 9}', f"has schema 9, of a newer or another version; this one reads {SCHEMA}"),
        ('{"schema": "x"}', "has schema 'x', of a newer or another version"),
        ('{"schema": 1}', "front.json: hardware: is missing"),
    ):
        (tmp_path / "front.json").write_text(content)
        with pytest.raises(RunError) as caught:
            read_front(tmp_path)
        assert says in str(caught.value)
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 450


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (lambda front: front["counts"].pop("failed"), "counts.failed: is missing"),
        (lambda front: front["front"][1].update(macs="many"), "front.1.macs: input should be a valid integer"),
        (lambda front: front["front"][0]["accuracy"].update(value=1.5), "front.0.accuracy.value: input should be less"),
        (lambda front: front["front"][0]["architecture"].update(blocks=[]), "front.0.architecture: "),
        (
            lambda front: front["front"][0]["architecture"].update({"\ud800": 1}),
            "front.0.architecture: architecture has",
        ),
        (lambda front: front["budget"].update(macs="a lot"), "budget.macs: input should be a valid number"),
        (lambda front: front["proxy_fidelity"].update(kendall_tau=1e31), "proxy_fidelity.kendall_tau: must be at most"),
        (lambda front: front.update(seed=True), "seed: input should be a valid integer, got True"),
        (lambda front: front["hypervolume"].update(reference={"speed": 1}), "hypervolume.reference.speed"),
        (lambda front: front.update(objectives=["accuracy", "speed"]), "objectives.1: must be one of accuracy, ener"),
        (lambda front: front["front"][0]["files"][0].update(path="//x.org/a"), "front.0.files.0.path: must be the pat"),
        (lambda front: front["front"][0].update(onnx="../../secret"), "front.0.onnx: must be the path of a file in"),
        (lambda front: front["front"][0]["val_accuracy"].update(low="0"), "front.0.val_accuracy: must be an object of"),
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
    for measure in (each for each in COSTS.values() if not each.optional):
        for network in (front.front[0], front.baselines[0], row):
            assert measure.field in network.costs, measure.name
        assert {measure.field} <= set(COLUMNS) & set(NETWORK_COSTS.names)
    assert set(row.figures) >= {measure.field for measure in MEASURES.values() if not measure.optional}
