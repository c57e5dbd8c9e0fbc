"""What nas.record says of its profile while it measures and in the end, and when it stops by itself."""

import os
import time
from pathlib import Path

import pytest

from nas.latency.profile import load_profile
from nas.latency.validation import leave_one_out
from nas.recording import busy
from nas.recording.bundle import configuration
from nas.recording.busy import busy_cores, busy_warning
from nas.recording.profile_writer import write_profile
from nas.recording.quality import LEAST, Judging, errors, good_enough, stages
from nas.recording.recordings import pace, read_results
from nas.report.profiles.recorded import counts, quality
from tests.helpers.calls import check_refused
from tests.helpers.recordings import made_up

WAY = configuration(1, "fp32")
NAME = WAY["name"]


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return made_up(tmp_path / "results.jsonl", WAY, count=60)


def test_the_error_so_far_is_that_of_the_profile_that_the_rows_make(results: Path, tmp_path: Path) -> None:
    write_profile(tmp_path / "box", read_results(results))
    table = errors(results, [NAME])[NAME]
    assert table is not None
    assert table == leave_one_out(load_profile(tmp_path / "box"))
    assert table.n >= LEAST
    assert good_enough(results, [NAME], table.mape_percent + 0.1)
    assert not good_enough(results, [NAME], max(0.0, table.mape_percent - 0.1))
    assert not good_enough(results, [NAME, "2t_fp32"], 100)


def test_of_few_networks_nothing_is_said(tmp_path: Path) -> None:
    few = made_up(tmp_path / "results.jsonl", WAY, count=6)
    assert errors(few, [NAME]) == {NAME: None}
    assert errors(tmp_path / "none.jsonl", [NAME]) == {NAME: None}
    assert not good_enough(few, [NAME], 100)


def test_a_line_of_progress_says_what_is_left_and_how_good_the_profile_is(results: Path) -> None:
    lines: list[str] = []
    judging = Judging(lines.append, results, minutes=3)
    for line in ("copying", "30 of 60 s: 3 networks, 1 layers, 0 not settled", "70 of 60 s: 20 networks"):
        judging(line if line == "copying" else f"{NAME}: {line}")
    table = errors(results, [NAME])[NAME]
    assert table is not None
    assert lines == [
        "copying",
        f"{NAME}: 30 of 180 s: 3 networks, 1 layers, 0 not settled, 150 s left",
        f"{NAME}: 70 of 180 s: 20 networks, 110 s left, error {table.mape_percent:.1f} %",
    ]


def test_in_the_end_errors_and_pace_are_said_and_the_profile_has_the_pace(results: Path, tmp_path: Path) -> None:
    recording = read_results(results)[NAME]
    write_profile(tmp_path / "box", {NAME: recording})
    table = leave_one_out(load_profile(tmp_path / "box"))
    assert f"errs by {table.mape_percent:.1f} % in the mean" in quality(tmp_path / "box", NAME)
    low, high = recording.settings["recorded"]["pace"]
    assert low <= 1 <= high
    assert f"pace {low:.2f} to {high:.2f} of its median" in counts(tmp_path / "box", recording)
    assert "pace:" in (tmp_path / "box" / "profile.yaml").read_text()


def test_pace_tells_a_machine_that_grew_slower() -> None:
    def bursts(slower: float) -> list[dict[str, object]]:
        factors = [1 + slower * (at / 100) for at in range(100)]
        times = [(str(at % 5), (1 + at % 5) * factor) for at, factor in enumerate(factors)]
        return [{"id": key, "kept": 9, "ms": [0, ms, 0, 0]} for key, ms in times]

    assert pace(bursts(0.0)) == [1.0, 1.0]
    found = pace(bursts(0.5))
    assert found is not None
    assert found[0] < 0.85
    assert found[1] > 1.15
    assert pace(bursts(0.5)[:10]) is None


def test_stages_go_up_to_the_minutes() -> None:
    assert stages(1) == [1]
    assert stages(20)[0] == 2
    assert stages(20)[-1] == 20
    assert all(a < b for a, b in zip(stages(20), stages(20)[1:], strict=False))


@pytest.mark.parametrize(("used", "warned"), [(0, False), (100, True)])
def test_a_busy_machine_is_warned_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, used: int, warned: bool) -> None:
    stat = tmp_path / "stat"
    stat.write_text("cpu  100 0 0 1000 0 0 0\n")
    later = f"cpu  {100 + used} 0 0 {1100 - used} 0 0 0\n"
    monkeypatch.setattr(time, "sleep", lambda _: stat.write_text(later))
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    found = busy_cores(stat)
    assert found == pytest.approx(4 * used / 100)
    monkeypatch.setattr(busy, "busy_cores", lambda: found)
    said = busy_warning(threads=1)
    assert (said is not None) is warned
    assert not warned or "others use 4.0 of its 4 cores" in str(said)


@pytest.mark.parametrize("until", ["0", "-3%", "much", "200%"])
def test_a_wrong_goal_is_refused(
    until: str, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    check_refused(monkeypatch, capsys, "record", ("hardware=x", f"until={until}"), "until must be from 0.1% to 100%")
