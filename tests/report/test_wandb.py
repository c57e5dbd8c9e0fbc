"""nas.report.trackers.wandb: a real offline run, read back from disk."""

import json
import re
import struct
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib import import_module
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from nas.measures import MEASURES
from nas.report.html import write_report
from nas.report.trackers import tracker_settings
from nas.report.trackers.base import Tracked
from nas.report.trackers.guard import Guarded
from nas.report.trackers.wandb import METRICS
from nas.report.trackers.wandb_charts import (
    FIELDS,
    SPECIFICATIONS,
    choices_chart,
    fidelity_chart,
    front_chart,
    hypervolume_lines,
    measured_chart,
)
from nas.report.trackers.wandb_files import aliases
from nas.resources import data_dir
from nas.results.front import Front
from nas.results.ordering import ordered
from nas.results.trials import COLUMNS, TrialRow
from tests.helpers.run_sample import sample_front, sample_trials, with_measured, write_run


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    return write_run(tmp_path / "run", FRONT, sample_trials())


def records(path: Path) -> Iterator[Any]:
    """The records of a .wandb file: LevelDB's log format behind a header of 7 bytes."""
    record: Any = import_module("wandb.proto.wandb_internal_pb2").Record

    data, position, parts, block = path.read_bytes(), 7, b"", 32768
    while position + 7 <= len(data):
        left = block - position % block
        if left < 7:
            position += left
            continue
        _, size, kind = struct.unpack("<IHB", data[position : position + 7])
        parts += data[position + 7 : position + 7 + size]
        position += 7 + size
        if kind in (1, 4):  # whole, or last part
            yield record.FromString(parts)
            parts = b""


def values(items: Any) -> dict[str, Any]:
    return {"/".join(item.nested_key) or item.key: json.loads(item.value_json) for item in items}


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of wandb's from outside; what it keeps for a user goes into the test's folder."""
    for name in ("WANDB_CACHE_DIR", "WANDB_CONFIG_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("WANDB_MODE", "WANDB_DISABLED", "WANDB_DIR", "WANDB_DATA_DIR", "WANDB_API_KEY"):
        monkeypatch.delenv(name, raising=False)


FRONT = with_measured(sample_front())
CONFIG = {"budget": ["300M"], "seed": 0, "proxy.epochs": 3}
TRIALS = [
    replace(row, key=member.key) if row.state == "complete" else row
    for row, member in zip(sample_trials(stopped=2), cycle(FRONT.confirmed), strict=False)
]


def choices(row: TrialRow) -> dict[str, Any]:
    return {"resolution": 160 + 32 * (row.number % 3), "stage2.op": ("sep", "mbconv")[row.number % 2]}


def follow(folder: Path, rows: Sequence[TrialRow], front: Front | None = None, **settings: Any) -> None:
    """As one process of a search does; with a `front` to the end."""
    warnings: list[str] = []
    options = {"name": "wandb", "mode": "offline", "project": "tests", "run_name": "pixel4", **settings}
    profile = data_dir("hardware_profiles") / "pixel4"
    tags = ("pixel4", "digits", "x" * 100)
    tracked = Tracked(folder, CONFIG, choices, tags, "multirun-1", "python -m nas.search", (profile,))
    tracker = Guarded(lambda: tracker_settings(options).start(tracked), warnings.append)
    for row in rows:
        tracker.trial(row, hypervolume=0.5, front_size=3)
    if front:
        tracker.finish(front, TRIALS, folder)
    tracker.close()
    assert warnings == []
    import wandb

    wandb.teardown()  # ends the process that writes, so that the files are whole


@pytest.fixture
def offline_run(run_folder: Path) -> Path:
    """A run folder tracked from beginning to end by two processes, as a search that is resumed does it."""
    write_report(run_folder)
    (run_folder / "study.journal").write_text("{}\n")
    follow(run_folder, TRIALS[:10])
    time.sleep(1.1)  # wandb names its folders by the second
    follow(run_folder, TRIALS[10:], replace(FRONT, learned=False))
    return run_folder


def kinds_in(folder: Path) -> list[dict[str, list[Any]]]:
    """The records of each process, by kind."""
    found = []
    for path in sorted(folder.glob("wandb/offline-run-*/run-*.wandb")):
        kinds: dict[str, list[Any]] = {}
        for record in records(path):
            kinds.setdefault(record.WhichOneof("record_type"), []).append(record)
        found.append(kinds)
    return found


def test_a_resumed_run_is_one_run_offline_too(offline_run: Path) -> None:
    first, second = kinds_in(offline_run)
    runs = [kinds["run"][0].run for kinds in (first, second)]
    assert runs[0].run_id == runs[1].run_id == (offline_run / "wandb" / "run-id").read_text()
    for run in runs:
        assert (run.project, run.display_name, run.run_group, run.job_type) == (
            *("tests", "pixel4", "multirun-1", "search"),
        )
        assert {"pixel4", "digits"} <= set(run.tags)
        assert all(len(tag) <= 64 for tag in run.tags)
        assert run.notes == "python -m nas.search"
        config = values(run.config.update)
        assert {name: config[name] for name in CONFIG} == CONFIG
    steps = [record.history.step.num for kinds in (first, second) for record in kinds["history"]]
    assert steps == list(range(len(steps))), "the second goes on where the first ended"
    assert len(first["history"]) == 10


def test_every_trial_is_logged_once_with_what_is_known(offline_run: Path) -> None:
    history = [values(record.history.item) for kinds in kinds_in(offline_run) for record in kinds["history"]]
    logged = [row for row in history if "state" in row]
    for found, row in zip(logged, TRIALS, strict=True):
        expected = {**row.figures, "seconds": row.seconds, "worth": row.worth}
        expected = {name: expected[name] for name in METRICS if expected.get(name) is not None}
        assert {name: found[name] for name in expected} == expected
        assert (found["trial"], found["state"], found["hypervolume"]) == (row.number, row.state, 0.5)
        assert ("accuracy" in found) == (row.accuracy is not None)
    by_score = next(row for row in logged if row["state"] == "stopped" and "accuracy" not in row)
    assert by_score["rung/score/naswot"] == 301.5
    assert logged[0]["rung/short"] == logged[0]["accuracy"]


def table(folder: Path, name: str) -> dict[str, Any]:
    [path] = folder.glob(f"wandb/offline-run-*/files/media/table/{name}*.table.json")
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def test_tables_charts_and_summary(offline_run: Path) -> None:
    summary: dict[str, Any] = {}
    [_, kinds] = kinds_in(offline_run)
    for record in kinds["summary"]:
        summary |= values(record.summary.update)
    assert (summary["final_hypervolume"], summary["final_front_size"]) == (0.712, 6)
    assert (summary["evaluated"], summary["rejected_by_budget"], summary["proxy_kendall_tau"]) == (30, 38, 0.5)
    assert summary["front_figure/_type"] == "image-file"
    config = [values(record.config.update) for record in kinds["config"]]
    for chart in ("front", "choices", "fidelity", "measured", "hypervolume"):
        assert any(f"chart/{chart}" in key for each in config for key in each), chart

    trials, front = table(offline_run, "trials_"), table(offline_run, "front_")
    assert (len(trials["data"]), len(front["data"])) == (len(TRIALS), 6)
    assert set(trials["columns"]) == set(COLUMNS) - {"rungs"} | {"resolution", "stage2.op"}
    place = trials["columns"].index("stage2.op")
    expected = [choices(row)["stage2.op"] if row.notation else None for row in TRIALS]
    assert [row[place] for row in trials["data"]] == expected
    assert {"name", "key", "notation", *METRICS} - {"seconds", "worth"} <= set(front["columns"])
    assert [row[0] for row in front["data"]] == [f"m{number}" for number in range(1, 7)]


def test_those_who_wait_are_told_of_the_end_and_of_nothing_learned(offline_run: Path) -> None:
    [first, second] = kinds_in(offline_run)
    assert "alert" not in first
    alerts = {record.alert.title: record.alert for record in second["alert"]}
    assert set(alerts) == {"Search finished", "Nothing learned"}
    assert (alerts["Search finished"].level, alerts["Nothing learned"].level) == ("INFO", "WARN")
    assert "6 networks on the front of run" in alerts["Search finished"].text


def test_files_are_artifacts_with_aliases(offline_run: Path) -> None:
    [_, kinds] = kinds_in(offline_run)
    found = [record.artifact for record in kinds["artifact"]]
    [results] = [each for each in found if each.type == "search"]
    charts = {f"wandb/charts/{name}.json" for name in SPECIFICATIONS}
    contents = {entry.path: entry for entry in results.manifest.contents}
    assert set(contents) == {"front.json", "trials.csv", "report.html", "front.png", "study.journal"} | charts
    assert all(Path(entry.local_path) == offline_run / name for name, entry in contents.items()), "not copied"

    members = ordered(FRONT.front, MEASURES["latency"])
    models = [each for each in found if each.type == "model"]
    assert len(models) == len(members)
    assert len({each.name for each in models}) == 1, "versions of one artifact"
    for number, (member, model) in enumerate(zip(members, models, strict=True), start=1):
        assert {f"m{number}", *aliases(FRONT, member)} <= set(model.aliases)
        assert json.loads(model.metadata)["notation"] == member.notation
        assert Path(str(member.onnx)).name in {entry.path for entry in model.manifest.contents}
    named = [alias for model in models for alias in model.aliases if alias in ("fastest", "most-accurate", "knee")]
    assert sorted(named) == ["fastest", "knee", "most-accurate"]

    [device] = [each for each in found if each.type == "profile"]
    assert "profile.yaml" in {entry.path for entry in device.manifest.contents}


@pytest.mark.usefixtures("offline_run")
def test_wandb_leaves_nothing_outside_the_run_folder(tmp_path: Path) -> None:
    left = {path.name for path in tmp_path.iterdir()}
    assert left <= {"run", "wandb_cache_dir", "wandb_config_dir"}


@pytest.mark.parametrize(
    ("name", "value"), [("WANDB_MODE", "disabled"), ("WANDB_DISABLED", "true"), ("WANDB_DISABLED", "1")]
)
def test_the_environment_switches_wandb_off_in_one_line(
    name: str, value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    warnings: list[str] = []
    settings = tracker_settings({"name": "wandb", "mode": "online"})
    tracker = Guarded(lambda: settings.start(Tracked(tmp_path / "run", {})), warnings.append)
    tracker.trial(sample_trials(1)[0], hypervolume=0.5, front_size=1)
    tracker.close()
    assert warnings == [
        "the tracker stopped and the search goes on without it: "
        f"{name}={value} in the environment switches Weights & Biases off"
    ]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("value", ["", "false", "0"])
def test_wandb_disabled_may_say_no(value: str, monkeypatch: pytest.MonkeyPatch, run_folder: Path) -> None:
    monkeypatch.setenv("WANDB_DISABLED", value)
    monkeypatch.setattr("nas.report.trackers.wandb.WandbTracker", lambda *_: "started")
    assert tracker_settings({"name": "wandb"}).start(Tracked(run_folder, {})) == "started"


# The data of charts


def test_the_chart_of_the_front_holds_trials_members_and_baselines_with_intervals() -> None:
    front = FRONT
    chart = front_chart(front, TRIALS)
    kinds = [row[0] for row in chart.rows]
    assert kinds.count("front") == len(front.front)
    assert kinds.count("baseline") == len(front.baselines)
    shown = [row for row in TRIALS if row.accuracy is not None and row.state in ("complete", "stopped")]
    assert kinds.count("trial") == len(shown)
    for kind, _, cost, low, high, accuracy, least, most in chart.rows:
        assert low <= cost <= high
        assert least <= accuracy <= most
        assert kind != "trial" or low == high


def test_choices_stand_between_the_least_and_the_most() -> None:
    chart = choices_chart(TRIALS, choices)
    complete = [row for row in TRIALS if row.state == "complete"]
    assert len(chart.rows) == 2 * len(complete)
    places = {(name, value): place for _, name, value, place, _ in chart.rows}
    assert [places["resolution", pixels] for pixels in ("160", "192", "224")] == [0, 0.5, 1]
    assert (places["stage2.op", "mbconv"], places["stage2.op", "sep"]) == (0, 1)
    many = [replace(complete[0], number=number, worth=number / 2000) for number in range(2000)]
    lines = {row[0] for row in choices_chart(many, choices).rows}
    assert 200 <= len(lines) <= 300
    assert 1999 in lines, "the best"
    assert choices_chart([], choices).rows == []
    drawn = [row[4] for row in choices_chart(many, choices).rows]
    assert drawn == sorted(drawn), "the best on top"


def test_fidelity_predictions_and_hypervolume() -> None:
    trials = [replace(row, worth=0.1) for row in TRIALS]
    rows = fidelity_chart(FRONT, trials).rows
    assert [row[3] for row in rows] == [member.val_accuracy.value for member in FRONT.confirmed]
    assert {row[1] for row in rows} == {0.1}
    found = measured_chart(FRONT).rows
    assert [row[4] for row in found] == [member.latency_ms.value for member in FRONT.confirmed]
    assert all(row[2] <= row[1] <= row[3] for row in found)
    lines = hypervolume_lines(FRONT)
    assert len({len(values) for values in lines.values()}) == 1
    assert set(lines) >= {"this search"}


@pytest.mark.parametrize("name", SPECIFICATIONS)
def test_every_field_of_a_chart_of_our_own_is_a_column(name: str) -> None:
    fields = set(re.findall(r"\$\{field:(\w+)\}", json.dumps(SPECIFICATIONS[name])))
    assert fields == set(FIELDS[name])
    chart = front_chart(FRONT, TRIALS) if name == "nas-front" else choices_chart(TRIALS, choices)
    assert set(FIELDS[name].values()) <= set(chart.columns)
    assert set(re.findall(r"\$\{string:(\w+)\}", json.dumps(SPECIFICATIONS[name]))) == {"title"}, "all that is sent"


def test_the_layers_of_the_front_share_axes_and_tell_every_kind_apart() -> None:
    encodings = [layer["encoding"] for layer in SPECIFICATIONS["nas-front"]["layer"]]
    for axis, title in (("x", "cost"), ("y", "accuracy")):
        assert {each[axis]["title"] for each in encodings} == {title}, "else the axis is called after every field"
        assert len({json.dumps(each[axis]["scale"]) for each in encodings}) == 1
    kinds = {row[0] for row in front_chart(FRONT, TRIALS).rows}
    for scale in (encodings[0]["color"]["scale"], encodings[-1]["shape"]["scale"]):
        assert kinds <= set(scale["domain"])
        assert len(set(scale["range"])) == len(scale["domain"])
