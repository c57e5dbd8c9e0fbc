"""nas.report.trackers.wandb: a real offline run, read back from disk."""

import json
import struct
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from nas.report.html import write_report
from nas.report.trackers import tracker_settings
from nas.report.trackers.guard import Guarded
from nas.report.trackers.wandb import METRICS
from nas.results.trials import COLUMNS
from tests.helpers.run_sample import sample_front, sample_trials, write_run


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    return write_run(tmp_path / "run", sample_front(), sample_trials())


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


@pytest.fixture
def offline_run(run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run folder tracked from beginning to end, as the search does it."""
    for name in ("WANDB_CACHE_DIR", "WANDB_CONFIG_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("WANDB_MODE", "WANDB_DISABLED", "WANDB_DIR", "WANDB_DATA_DIR", "WANDB_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    write_report(run_folder)
    (run_folder / "study.journal").write_text("{}\n")
    warnings: list[str] = []
    settings = tracker_settings({"name": "wandb", "mode": "offline", "project": "tests", "run_name": "pixel4"})
    config = {"budget": ["300M"], "seed": 0}
    tracker = Guarded(lambda: settings.start(run_folder, config), warnings.append)
    for row in sample_trials(stopped=2):
        tracker.trial(row, hypervolume=0.5, front_size=3)
    tracker.finish(sample_front(), sample_trials(), run_folder)
    tracker.close()
    assert warnings == []
    import wandb

    wandb.teardown()  # ends the process that writes, so that the files are whole
    return run_folder


def test_wandb_offline_run_read_back_from_disk(offline_run: Path) -> None:
    [path] = offline_run.glob("wandb/offline-run-*/run-*.wandb")
    kinds: dict[str, list[Any]] = {}
    for record in records(path):
        kinds.setdefault(record.WhichOneof("record_type"), []).append(record)

    run = kinds["run"][0].run
    assert (run.project, run.display_name) == ("tests", "pixel4")
    config = values(run.config.update)
    assert (config["budget"], config["seed"]) == (["300M"], 0)

    history = [values(record.history.item) for record in kinds["history"]]
    trials = [row for row in history if "state" in row]
    for logged, row in zip(trials, sample_trials(stopped=2), strict=True):
        expected = {**row.figures, "seconds": row.seconds}
        expected = {name: expected[name] for name in METRICS if expected.get(name) is not None}
        assert {name: logged[name] for name in expected} == expected
        assert (logged["trial"], logged["state"], logged["hypervolume"]) == (row.number, row.state, 0.5)
        assert ("accuracy" in logged) == (row.accuracy is not None)

    by_score = next(row for row in trials if row["state"] == "stopped" and "accuracy" not in row)
    assert by_score["rung/score/naswot"] == 301.5
    assert trials[0]["rung/short"] == trials[0]["accuracy"]

    summary: dict[str, Any] = {}
    for record in kinds["summary"]:
        summary |= values(record.summary.update)
    assert summary["final_hypervolume"] == 0.712
    assert summary["final_front_size"] == 6
    assert (summary["evaluated"], summary["rejected_by_budget"], summary["proxy_kendall_tau"]) == (30, 38, 0.5)
    assert summary["front_figure/_type"] == "image-file"

    charts = [values(record.config.update) for record in kinds["config"]]
    assert any("pareto" in key for chart in charts for key in chart), "the scatter is a chart of the run"

    for name, rows in (("trials", 38), ("front", 6)):
        files = offline_run.glob(f"wandb/offline-run-*/files/media/table/{name}_*.table.json")
        table = json.loads(next(files).read_text())
        assert len(table["data"]) == rows
        assert {"key", "notation", *METRICS} - {"seconds"} <= set(table["columns"])
        assert name == "front" or set(table["columns"]) == set(COLUMNS) - {"rungs"}

    [artifact] = [record.artifact for record in kinds["artifact"] if record.artifact.type == "search"]
    contents = {entry.path: entry for entry in artifact.manifest.contents}
    models = {str(member.onnx) for member in sample_front().front}
    assert set(contents) == {"front.json", "trials.csv", "report.html", "front.png", "study.journal"} | models
    assert all(Path(entry.local_path) == offline_run / name for name, entry in contents.items()), "not copied"


def test_wandb_leaves_nothing_outside_the_run_folder(offline_run: Path, tmp_path: Path) -> None:
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
    tracker = Guarded(lambda: settings.start(tmp_path / "run", {}), warnings.append)
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
    assert tracker_settings({"name": "wandb"}).start(run_folder, {}) == "started"
