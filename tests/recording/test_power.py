"""Energy of a recording: the processor's own counters, and what becomes of the watts that bursts note."""

import json
import time
from pathlib import Path

import pytest

from nas.latency.energy import energy_profile
from nas.latency.profile import load_profile
from nas.recording.bundle import configuration
from nas.recording.profile_writer import write_profile
from nas.recording.recordings import read_results
from nas.recording.runner.power import Power
from tests.helpers.recordings import made_up

MOST = 262_143_328_850


def counter(root: Path, name: str, microjoules: int) -> Path:
    folder = root / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "max_energy_range_uj").write_text(f"{MOST}\n")
    (folder / "energy_uj").write_text(f"{microjoules}\n")
    return folder / "energy_uj"


def test_watts_are_those_of_all_packages_and_of_no_part_of_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [counter(tmp_path, name, 1000) for name in ("intel-rapl:0", "intel-rapl:1", "intel-rapl:0:0")]
    clock = iter((10.0, 12.0))
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    found = Power(tmp_path)
    found.begin()
    for file, used in zip(files, (6_000_000, 2_000_000, 5_000_000), strict=True):
        file.write_text(str(1000 + used))
    assert found.watts() == pytest.approx(4.0)


def test_a_counter_that_began_anew_is_read_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = counter(tmp_path, "intel-rapl:0", MOST - 1_000_000)
    clock = iter((0.0, 1.0))
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    found = Power(tmp_path)
    found.begin()
    file.write_text("2000000")
    assert found.watts() == pytest.approx(3.0)


@pytest.mark.parametrize("content", ["", "secret"])
def test_where_nothing_can_be_read_nothing_is_known(tmp_path: Path, content: str) -> None:
    counter(tmp_path, "intel-rapl:0", 0).write_text(content)
    found = Power(tmp_path)
    found.begin()
    assert (found.known, found.watts(), found.idle()) == (False, None, None)


@pytest.mark.parametrize(("idle", "net"), [(1.5, 2.5), (3.9, 4.0), (None, 4.0)])
def test_watts_of_bursts_become_millijoules_net_of_what_an_idle_machine_draws(
    tmp_path: Path, idle: float | None, net: float
) -> None:
    way = configuration(1, "fp32")
    path = made_up(tmp_path / "results.jsonl", way, idle_watts=idle)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    rows = [{**row, "watts": 4.0} if row["type"] == "burst" else row for row in rows]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    write_profile(tmp_path / "box", read_results(path))
    profile = load_profile(tmp_path / "box")
    joules = energy_profile(profile)
    assert joules is not None
    assert [row.ms for row in joules.measurements] == pytest.approx([net * row.ms for row in profile.measurements])


def test_a_recording_without_counters_has_no_table_of_energy(tmp_path: Path) -> None:
    write_profile(tmp_path / "box", read_results(made_up(tmp_path / "results.jsonl", configuration(1, "fp32"))))
    assert energy_profile(load_profile(tmp_path / "box")) is None
    assert not (tmp_path / "box" / "energy.csv").exists()
