"""The benchmark of devices known by few networks: what it holds back, and that it goes on where it was stopped."""

import json
import sys
from pathlib import Path

import pytest

from benchmarks import few_networks
from benchmarks.few_networks import Target, drawn, read_results, report, targets, write_result
from nas.latency.profile import load_profile
from tests.helpers.paths import shared_data

DRAW = {"target": "a:1", "networks": 10, "draw": 0, "like": "pixel4:1large_fp32", "mape": 2.0, "covered": 100.0}


def target(label: str) -> Target:
    """A configuration of the shelf as a new device."""
    profile = load_profile(label)
    return Target(label, profile.device, profile.precision, profile.measurements)


def test_a_draw_adapts_no_profile_of_the_device_and_predicts_the_others() -> None:
    phone = target("iphone7:1large_fp32")
    found = drawn(phone, 10, 0)
    assert found["target"] == "iphone7:1large_fp32"
    assert not found["like"].startswith("iphone7")
    assert found["like"].endswith("fp32")
    assert found["kept_back"] == 8
    assert 0 < found["mape"] < 10
    assert drawn(phone, 10, 0) == found


def test_all_configurations_of_five_phones_are_targets() -> None:
    found = list(targets(shared_data("phones").parent))
    assert len(found) == len({each.label for each in found}) == 66
    assert {len(each.rows) for each in found} == {18}
    assert not any("gpu" in each.label for each in found)


def test_draws_that_are_there_are_not_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = []

    def draw(chosen: Target, networks: int, number: int) -> dict[str, object]:
        made.append((chosen.label, networks, number))
        return {**DRAW, "target": chosen.label, "networks": networks, "draw": number, "kept_back": 8}

    monkeypatch.setattr(few_networks, "drawn", draw)
    monkeypatch.setattr(
        few_networks, "targets", lambda data: [target("pixel4:1large_fp32"), target("iphone7:1large_fp32")]
    )
    (tmp_path / "draws.jsonl").write_text('{"target": "pixel4:1large_fp32", "netw')  # cut short by a kill
    arguments = ["few_networks", "data", "--networks", "10", "--results", str(tmp_path), "--draws"]
    for draws, new in (("1", 2), ("1", 0), ("2", 2)):
        monkeypatch.setattr(sys, "argv", [*arguments, draws])
        made.clear()
        few_networks.main()
        assert len(made) == new
    assert len(read_results(tmp_path / "draws.jsonl")) == 4
    assert capsys.readouterr().out.splitlines()[-1].startswith("| 10 | the shelf's | 2 | 2 | 2.0 |")


def test_the_table_takes_the_mean_over_configurations_and_names_the_worst(tmp_path: Path) -> None:
    rows = [("a:1", 0, 2.0, 100.0), ("a:1", 1, 4.0, 75.0), ("b:2", 0, 9.0, 50.0)]
    for label, number, mape, covered in rows:
        found = {"target": label, "draw": number, "mape": mape, "covered": covered, "kept_back": 8}
        write_result(tmp_path / "draws.jsonl", {**DRAW, **found})
    table = report(read_results(tmp_path / "draws.jsonl"), ["a:1"]).splitlines()[2:]
    assert table == [
        "| 10 | all | 2 | 2 | 6.0 | 9.0 (b:2) | 75 |",
        "| 10 | the shelf's | 1 | 2 | 3.0 | 3.0 (a:1) | 88 |",
    ]
    assert json.loads((tmp_path / "draws.jsonl").read_text().splitlines()[0])["target"] == "a:1"
