"""nas.validate: the tables, and what it stores."""

import json
import math
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nas.latency.predictor import latency
from nas.latency.profile import known_profiles, load_profile
from nas.latency.validation import kendall, kept_back, leave_one_out, spearman, validate_left_out
from nas.recording.validation_file import read_entries, same, to_entry
from tests.helpers.calls import call
from tests.helpers.validations import made_profile, names_of, stored


@pytest.fixture
def here(here: Path) -> Path:
    """The same with a copy of pixel4 in it."""
    shutil.copytree(known_profiles()["pixel4"], here / "phone", ignore=shutil.ignore_patterns("validation.*"))
    return here


# What is printed


def test_the_table_of_networks_left_out(here: Path, monkeypatch: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(monkeypatch, "validate", "hardware=./phone") == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert head == "phone:1large_fp32: each of 18 networks predicted from the others"
    cells = [[cell.strip() for cell in re.split("[│┃]", row)[1:-1]] for row in rows if re.match("[│┃]", row)]
    table = leave_one_out(load_profile("pixel4"))
    assert cells == [
        ["measure", "left out"],
        ["MAPE", f"{table.mape_percent:.1f} %"],
        ["largest error", f"{table.max_percent:.1f} %"],
        ["within 5 %", f"{table.within_5_percent:.0f} %"],
        ["within 10 %", f"{table.within_10_percent:.0f} %"],
        ["covered by the 90 % interval", f"{table.coverage_percent:.0f} %"],
        ["Spearman", f"{table.spearman:.3f}"],
        ["Kendall tau", f"{table.kendall:.3f}"],
        ["MAPE of MACs alone", f"{table.macs_mape_percent:.1f} %"],
        ["MAPE of params alone", f"{table.params_mape_percent:.1f} %"],
    ]


def test_networks_kept_back_get_a_column(here: Path, monkeypatch: Any, capsys: pytest.CaptureFixture[str]) -> None:
    profile = made_profile(here / "box")
    assert call(monkeypatch, "validate", "hardware=./box") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == [
        "box:1t_fp32: each of 12 networks predicted from the others",
        "kept back: 3 networks measured with these, never fitted",
    ]
    left, kept = leave_one_out(profile), kept_back(profile, profile.held_out)
    text = " ".join(" ".join(lines).split())
    assert "measure ┃ left out ┃ kept back" in text
    assert f"│ MAPE │ {left.mape_percent:.1f} % │ {kept.mape_percent:.1f} % │" in text


def test_json_is_one_object(here: Path, monkeypatch: Any, capsys: pytest.CaptureFixture[str]) -> None:
    profile = made_profile(here / "box", kept=1)
    assert call(monkeypatch, "validate", "hardware=./box", "format=json", "store=false") == 0
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert list(found) == ["hardware", "left_out", "kept_back", "measured_now"]
    assert (found["hardware"], found["measured_now"], captured.err) == ("box:1t_fp32", None, "")
    assert found["left_out"] == leave_one_out(profile).to_json()
    assert (found["kept_back"]["n"], found["kept_back"]["spearman"]) == (1, None)  # no rank among one


def test_one_network_kept_back_has_no_rank(here: Path, monkeypatch: Any, capsys: pytest.CaptureFixture[str]) -> None:
    made_profile(here / "box", kept=1)
    assert call(monkeypatch, "validate", "hardware=./box") == 0
    assert re.search(r"│ Spearman +│ +[\d.]+ │ +– │", capsys.readouterr().out)
    for values in ([2.0], [2.0, 2.0]):
        assert math.isnan(spearman(np.array(values), np.array(values)))
        assert math.isnan(kendall(np.array(values), np.arange(float(len(values)))))


def test_a_kind_of_layer_that_was_not_fitted_is_told(
    here: Path, monkeypatch: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    made_profile(here / "box", extra=["32x3 conv3/2-16 sep3/2-24:hswish sep3/2-32 conv1-128 fc1000"])
    assert call(monkeypatch, "validate", "hardware=./box") == 0
    captured = capsys.readouterr()
    assert "kept back: 3 networks" in captured.out
    assert captured.err.startswith(
        "kept back: 1 of 4 networks have a kind of layer that box:1t_fp32 has not measured, and are left out\n"
    )


# What is stored


def test_the_file_holds_the_tables_and_what_they_are_made_of(here: Path, monkeypatch: Any) -> None:
    profile = made_profile(here / "box")
    assert call(monkeypatch, "validate", "hardware=./box") == 0
    entry = stored(here / "box")["1t_fp32"]
    assert entry["left_out"] == leave_one_out(profile).to_json()
    assert entry["kept_back"] == kept_back(profile, profile.held_out).to_json()
    assert entry["measured_now"] is entry["remeasured"] is None
    assert set(entry["versions"]) == {"sepconv-nas", "numpy", "scipy"}
    assert names_of(entry, "left_out") == [row.name for row in profile.measurements]
    assert names_of(entry, "kept_back") == [row.name for row in profile.held_out]
    for row, network in zip(profile.held_out, entry["networks"][12:], strict=True):
        found = latency(row.architecture, profile)
        expected = (row.ms, row.spread_ms, found.ms, found.low, found.high)
        keys = ("measured", "spread", "predicted", "low", "high")
        assert [network[key] for key in keys] == pytest.approx(expected, rel=1e-4)
    for role in ("left_out", "kept_back"):
        networks = [network for network in entry["networks"] if network["role"] == role]
        errors = [abs(network["predicted"] / network["measured"] - 1) for network in networks]
        assert entry[role]["mape_percent"] == pytest.approx(100 * np.mean(errors), abs=0.01)
        covered = [network["low"] <= network["measured"] <= network["high"] for network in networks]
        assert entry[role]["coverage_percent"] == pytest.approx(100 * np.mean(covered), abs=0.01)


def test_configurations_join_and_what_has_not_changed_is_not_written(
    here: Path, monkeypatch: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    phone = here / "phone"
    before = load_profile(phone)
    for name in ("3med_int8", "1large_fp32"):
        assert call(monkeypatch, "validate", f"hardware={phone}:{name}") == 0
        assert capsys.readouterr().err == f"stored in {phone}: validation.json, validation.png\n"
    assert list(stored(phone)) == ["1large_fp32", "3med_int8"]
    assert load_profile(phone) is before  # storing is no change of the profile
    times = {path: path.stat().st_mtime_ns for path in phone.iterdir()}
    for name in ("3med_int8", "1large_fp32"):
        assert call(monkeypatch, "validate", f"hardware={phone}:{name}") == 0
    assert {path: path.stat().st_mtime_ns for path in phone.iterdir()} == times
    assert capsys.readouterr().err == ""
    (phone / "validation.png").unlink()
    assert call(monkeypatch, "validate", "hardware=./phone") == 0
    assert (phone / "validation.png").exists()


def test_a_configuration_that_the_profile_lost_is_dropped(here: Path, monkeypatch: Any) -> None:
    assert call(monkeypatch, "validate", "hardware=./phone:1med_fp32") == 0
    file = here / "phone" / "profile.yaml"
    file.write_text("".join(line for line in file.read_text().splitlines(True) if "1med_fp32: {" not in line))
    assert call(monkeypatch, "validate", "hardware=./phone") == 0
    assert list(stored(here / "phone")) == ["1large_fp32"]


def test_store_false_only_prints(here: Path, monkeypatch: Any, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(here.rglob("*"))
    assert call(monkeypatch, "validate", "hardware=./phone", "store=false") == 0
    assert capsys.readouterr().err == ""
    assert sorted(here.rglob("*")) == before


def test_a_folder_that_cannot_be_written(here: Path, monkeypatch: Any, capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(path: Path, content: bytes) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    with monkeypatch.context() as patch:
        patch.setattr("nas.report.profiles.validation.replace_file", refuse)
        assert call(patch, "validate", "hardware=./phone") == 2
        captured = capsys.readouterr()
        assert "MAPE" in captured.out
        assert captured.err == (
            "error: not stored: cannot write phone/validation.json: Permission denied; store=false only prints, "
            "or copy the folder and give hardware=COPY\n"
        )
    assert call(monkeypatch, "validate", "hardware=./phone") == 0
    with monkeypatch.context() as patch:
        patch.setattr("nas.report.profiles.validation.replace_file", refuse)
        assert call(patch, "validate", "hardware=./phone") == 0  # it says what it said: there is nothing to write


@pytest.mark.parametrize(
    "content",
    [
        *("", "[", "[]", "{}", '{"schema": 2, "configurations": {}}', '{"schema": 1, "configurations": []}'),
        '{"schema": 1, "configurations": {"1large_fp32": {}}}',
        "[" * 100_000,
        '{"schema": 1, "schema": 1, "configurations": {}}',
        '{"schema": 1, "configurations": {"x": {"left_out": {"n": 1}, "kept_back": null, "measured_now": null}}}',
    ],
)
def test_a_file_that_is_no_validation(
    content: str, here: Path, monkeypatch: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "phone" / "validation.json").write_text(content)
    assert call(monkeypatch, "validate", "hardware=./phone") == 2
    captured = capsys.readouterr()
    assert "MAPE" in captured.out
    assert re.fullmatch(
        r"error: phone/validation.json is not a validation of this version \(delete it, or use store=false\): .+\n",
        captured.err,
    )
    assert call(monkeypatch, "validate", "hardware=./phone", "store=false") == 0


SHIPPED = [name for name, folder in known_profiles().items() if (folder / "validation.json").exists()]


@pytest.mark.parametrize("name", SHIPPED)
def test_what_is_shipped_is_what_validate_finds(name: str) -> None:
    folder = known_profiles()[name]
    assert (folder / "validation.png").is_file()
    for configuration, entry in stored(folder).items():
        profile = load_profile(f"{name}:{configuration}")
        assert entry["left_out"] == pytest.approx(leave_one_out(profile).to_json(), abs=1e-3)
        if profile.held_out:
            assert entry["kept_back"] == pytest.approx(kept_back(profile, profile.held_out).to_json(), abs=1e-3)


def test_an_entry_at_another_date_is_the_same() -> None:
    entry = to_entry({"left_out": validate_left_out(load_profile("pixel4"))}, None)
    assert same(entry, json.loads(json.dumps({**entry, "date": "2001-01-01", "versions": {}})))
    assert not same(entry, {**entry, "networks": []})
    assert not same(entry, None)


def test_nothing_is_read_where_nothing_is_stored(here: Path) -> None:
    assert read_entries(here / "phone", ["1large_fp32"]) == {}
