"""How many trainings run at a time, by the memory of the machine: fewer than cores, or as many as asked for."""

from pathlib import Path

import pytest

from nas.search.checks import check_settings
from nas.search.dry_run import memory
from nas.search.dry_run.memory import WorkerCount, workers_for
from nas.search.executors import machine
from tests.helpers.calls import call
from tests.whole.test_run_folder import settings_of

PHOTOS = ("search_space=mobilenet_v2", "data=digits", "budget=300M")
"""Trainings of up to 2.7 GB: MobileNetV2 at 224 pixels."""


def workers(*words: str) -> WorkerCount:
    settings = settings_of(*PHOTOS, *words)
    return workers_for(settings, check_settings(settings))


@pytest.fixture(autouse=True)
def of_16_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "usable_cores", lambda: 16)


def gigabytes(monkeypatch: pytest.MonkeyPatch, count: float) -> None:
    monkeypatch.setattr(memory, "usable_memory", lambda: int(count * 1e9))


def test_left_open_they_are_as_many_as_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    gigabytes(monkeypatch, 64)
    assert workers() == WorkerCount(None)
    gigabytes(monkeypatch, 16)
    found = workers()
    assert found.count in (4, 5)
    assert found.said.startswith("a training takes up to 2.")
    assert found.said.endswith(f"there are 16.0 GB: so {found.count} of 16 cores work at a time; workers=N takes N")
    assert not found.doubtful


def test_asked_for_they_are_as_many_and_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    gigabytes(monkeypatch, 16)
    assert workers("workers=2") == WorkerCount(2)
    found = workers("workers=12")
    assert (found.count, found.doubtful) == (12, True)
    assert found.said.endswith(" fit, and workers=12 may run out of it")


def test_where_there_is_room_for_none_there_is_one_and_what_helps_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    gigabytes(monkeypatch, 3)
    found = workers()
    assert (found.count, found.doubtful) == (1, True)
    assert "lower confirm.batch_size" in found.said
    helped = workers("confirm.batch_size=4", "confirm.resolution=112")
    assert (helped.count, helped.doubtful) == (2, False)


def test_where_the_machine_does_not_say_cores_alone_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "usable_memory", lambda: None)
    assert workers() == WorkerCount(None)


def test_a_limit_of_a_container_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = machine.usable_memory()
    assert whole is None or whole > 2**30
    for text, found in (("2147483648\n", 2**31), ("max\n", whole)):
        (tmp_path / "memory.max").write_text(text)
        monkeypatch.setattr(machine, "_LIMITS", (tmp_path / "memory.max", tmp_path / "missing"))
        assert machine.usable_memory() == found


def test_a_dry_run_says_it(here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    gigabytes(monkeypatch, 3)
    words = ["search_space=tiny", "data.limit=60", "proxy.correction=0", "proxy.epochs=1", "baselines=[]"]
    assert call(monkeypatch, "search", "dry_run=true", *words) == 0
    said = capsys.readouterr().out
    assert "with 2 workers" in said
    assert said.splitlines()[-1].startswith("a training takes up to 0.7 GB of memory, and there are 3.0 GB: so 2 of 16")
