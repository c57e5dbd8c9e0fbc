"""nas.report.trackers: what every tracker does, and that none of them stops a search."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nas.errors import ConfigError
from nas.report.trackers import TRACKERS, tracker_settings
from nas.report.trackers.base import Tracked, flat
from nas.report.trackers.guard import Guarded
from tests.helpers.run_sample import sample_front, sample_trials, write_run


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own; no settings of wandb's from outside, and what it keeps in the user's caches in the home."""
    for name in ("WANDB_MODE", "WANDB_DISABLED", "WANDB_DIR", "WANDB_DATA_DIR", "WANDB_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name, folder in (("HOME", "."), ("WANDB_CACHE_DIR", "cache"), ("WANDB_CONFIG_DIR", "config")):
        monkeypatch.setenv(name, str(tmp_path / "home" / folder))
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
    return tmp_path / "home"


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("name", TRACKERS)
class TestEveryTracker:
    """What any entry of TRACKERS promises, with its settings as they are by default."""

    @pytest.fixture(autouse=True)
    def _ended(self) -> Iterator[None]:
        yield
        if "wandb" in sys.modules and sys.modules["wandb"] is not None:
            sys.modules["wandb"].teardown()

    def test_follows_a_search_to_its_end_and_writes_in_its_folder_alone(self, name: str, tmp_path: Path) -> None:
        folder = write_run(tmp_path / "run", sample_front(), sample_trials())
        before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        tracker = tracker_settings({"name": name}).start(Tracked(folder, {"seed": 0, "budget": ["300M"]}))
        for row in sample_trials(complete=2, stopped=2):
            tracker.trial(row, hypervolume=0.5, front_size=1)
        tracker.finish(sample_front(), sample_trials(), folder)
        tracker.close()
        assert {path.name for path in tmp_path.iterdir()} <= {"run", "home"}
        kept = {path.relative_to(tmp_path).parts[1] for path in (tmp_path / "home").rglob("*") if path.is_file()}
        assert kept <= {"cache", "config"}
        results = {path: path.read_bytes() for path in before}
        assert results == before, "a tracker changes no result"

    def test_closes_a_search_that_was_interrupted(self, name: str, tmp_path: Path) -> None:
        tracker = tracker_settings({"name": name}).start(Tracked(tmp_path / "run", {}))
        tracker.trial(sample_trials(1)[0], hypervolume=0.5, front_size=1)
        tracker.close()

    def test_that_cannot_do_its_work_is_a_warning_and_no_more(self, name: str, tmp_path: Path) -> None:
        (tmp_path / "run").write_text("a file where the run folder should be")
        warnings: list[str] = []
        settings = tracker_settings({"name": name})
        tracker = Guarded(lambda: settings.start(Tracked(tmp_path / "run", {})), warnings.append)
        tracker.trial(sample_trials(1)[0], 0.5, 1)
        tracker.finish(sample_front(), [], tmp_path / "run")
        tracker.close()
        assert len(warnings) <= 1
        assert all("\n" not in warning for warning in warnings)

    def test_rejects_options_it_does_not_have(self, name: str) -> None:
        with pytest.raises(ConfigError, match=f"unknown option tracker.colour of tracker={name}; known: "):
            tracker_settings({"name": name, "colour": "blue"})


class Broken:
    calls = 0

    def trial(self, *_: object) -> None:
        self.calls += 1
        raise OSError("the network\nis down")


def test_a_tracker_that_raises_warns_once() -> None:
    warnings: list[str] = []
    broken = Broken()
    tracker = Guarded(lambda: broken, warnings.append)  # type: ignore[arg-type, return-value]
    for row in sample_trials(3):
        tracker.trial(row, 0.5, 1)
    tracker.finish(sample_front(), [], Path("nowhere"))
    tracker.close()
    assert broken.calls == 1
    assert warnings == ["the tracker stopped and the search goes on without it: the network is down"]


def test_a_tracker_that_cannot_be_built_warns_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    warnings: list[str] = []
    monkeypatch.setitem(sys.modules, "wandb", None)  # as if it were not installed
    settings = tracker_settings({"name": "wandb"})
    tracker = Guarded(lambda: settings.start(Tracked(tmp_path, {})), warnings.append)
    tracker.trial(sample_trials(1)[0], 0.5, 1)
    tracker.close()
    assert len(warnings) == 1
    assert "pip install wandb" in warnings[0]


def test_an_interrupt_is_not_a_failure_of_the_tracker() -> None:
    def interrupted() -> Any:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Guarded(interrupted, print)


def test_trackers_by_name() -> None:
    with pytest.raises(ConfigError, match="unknown tracker 'neptune'; known: mlflow, none, tensorboard, wandb"):
        tracker_settings({"name": "neptune"})
    with pytest.raises(ConfigError, match=r"unknown tracker.mode 'onlin'; known: offline, online"):
        tracker_settings({"name": "wandb", "mode": "onlin"})
    with pytest.raises(ConfigError, match=r"option tracker.run of .*; known: entity, mode, project, run_name"):
        tracker_settings({"name": "wandb", "run": "x"})


def test_a_nested_mapping_is_made_flat() -> None:
    nested = {"proxy": {"name": "short", "epochs": 3, "none": {}}, "seed": 0, "widths": (0.25, 1)}
    expected = {"proxy.name": "short", "proxy.epochs": 3, "proxy.none": {}, "seed": 0, "widths": (0.25, 1)}
    assert dict(flat(nested)) == expected
