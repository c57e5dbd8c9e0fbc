"""nas.report.trackers.tensorboard and mlflow: a run followed twice, read back from disk."""

from pathlib import Path
from typing import Any

import pytest

from nas.report.html import write_report
from nas.report.trackers import tracker_settings
from nas.report.trackers.base import Tracked
from nas.report.trackers.guard import Guarded
from nas.results.trials import TrialRow
from tests.helpers.run_sample import sample_front, sample_trials, write_run

FIRST, LATER = sample_trials(3, 1, 0), sample_trials(6, 0, 0, stopped=1)[4:]
CONFIG = {"seed": 0, "proxy.epochs": 3, "budget": ["300M"]}


def follow(folder: Path, name: str, rows: list[TrialRow], *, to_the_end: bool) -> None:
    """As one process of a search does."""
    warnings: list[str] = []
    tracked = Tracked(folder, CONFIG, tags=("pixel4", "digits"), notes="python -m nas.search")
    tracker = Guarded(lambda: tracker_settings({"name": name}).start(tracked), warnings.append)
    for row in rows:
        tracker.trial(row, hypervolume=0.25, front_size=2)
    if to_the_end:
        tracker.finish(sample_front(), rows, folder)
    tracker.close()
    assert warnings == []


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    folder = write_run(tmp_path / "pixel4-run", sample_front(), sample_trials())
    write_report(folder)
    return folder


def test_tensorboard_has_the_curves_of_all_processes_of_a_run(run_folder: Path) -> None:
    follow(run_folder, "tensorboard", FIRST, to_the_end=False)
    follow(run_folder, "tensorboard", LATER, to_the_end=True)
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(run_folder / "tensorboard"))
    found.Reload()
    expected = [(row.number, row.accuracy) for row in (*FIRST, *LATER) if row.accuracy is not None]
    logged = [(event.step, event.value) for event in found.Scalars("accuracy")]
    assert [step for step, _ in logged] == [step for step, _ in expected]
    assert [value for _, value in logged] == pytest.approx([value for _, value in expected])
    assert {event.value for event in found.Scalars("hypervolume")} == {0.25}
    assert found.Scalars("final/front_size")[-1].value == 6
    assert len(found.Images("front")) == 1
    texts = found.Tags()["tensors"]
    assert {"settings/text_summary", "front/text_summary"} <= set(texts)
    front = found.Tensors("front/text_summary")[0].tensor_proto.string_val[0].decode()
    assert sample_front().front[0].notation in front
    assert "proxy.epochs | 3" in found.Tensors("settings/text_summary")[0].tensor_proto.string_val[0].decode()


def test_mlflow_has_one_run_of_all_processes(run_folder: Path) -> None:
    follow(run_folder, "mlflow", FIRST, to_the_end=False)
    follow(run_folder, "mlflow", LATER, to_the_end=True)
    [run] = _runs(run_folder)
    assert (run.info.run_name, run.info.status) == ("pixel4-run", "FINISHED")
    assert run.data.params == {"seed": "0", "proxy.epochs": "3", "budget": "['300M']"}
    assert run.data.metrics["final/front_size"] == 6
    assert {"pixel4", "digits"} <= set(run.data.tags.values())
    notations = {member.notation for member in sample_front().front}
    assert {run.data.tags[name] for name in ("fastest", "most-accurate")} <= notations
    history = _client(run_folder).get_metric_history(run.info.run_id, "accuracy")
    expected = [row.number for row in (*FIRST, *LATER) if row.accuracy is not None]
    assert sorted(metric.step for metric in history) == expected
    files = {path.name for path in (run_folder / "mlflow" / "artifacts").rglob("*") if path.is_file()}
    assert {"front.json", "trials.csv", "report.html", "front.png"} <= files
    assert {Path(str(member.onnx)).name for member in sample_front().front} <= files


def test_mlflow_says_what_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("mlflow", "tensorboard"):
        monkeypatch.setattr(f"nas.report.trackers.{name}.find_spec", lambda _: None)
        warnings: list[str] = []
        settings = tracker_settings({"name": name})
        Guarded(lambda settings=settings: settings.start(Tracked(tmp_path, {})), warnings.append)  # type: ignore[misc]
        assert len(warnings) == 1
        assert f"pip install 'sepconv-nas[{name}]'" in warnings[0]


def _client(folder: Path) -> Any:
    from mlflow.tracking import MlflowClient

    return MlflowClient(f"sqlite:///{(folder / 'mlflow' / 'mlflow.db').resolve()}")


def _runs(folder: Path) -> list[Any]:
    client = _client(folder)
    experiment = client.get_experiment_by_name("sepconv-nas")
    return list(client.search_runs([experiment.experiment_id]))
