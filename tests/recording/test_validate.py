"""nas.validate: the tables, what it stores and draws, and networks measured anew on this host."""

import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from nas.commandline import command
from nas.errors import ProfileError
from nas.latency.predictor import latency
from nas.latency.profile import HardwareProfile, known_profiles, load_profile
from nas.latency.validation import ErrorTable, kendall, kept_back, leave_one_out, spearman, validate_left_out
from nas.recording.remeasure import fresh_networks, measure_again, remeasuring
from nas.recording.runner.machine import environment
from nas.recording.validation_file import Entry, read_entries, same, to_entry
from nas.recording.writer import Recording, write_profile
from nas.report.scatter import validation_figure, validation_png
from nas.spaces.architecture import Architecture
from nas.spaces.cost import cost
from nas.spaces.load import load_space
from nas.validate import ValidateSettings
from nas.validate import main as validate

TINY = load_space("tiny")


@pytest.fixture
def here(here: Path) -> Path:
    """The same with a copy of pixel4 in it."""
    shutil.copytree(known_profiles()["pixel4"], here / "phone", ignore=shutil.ignore_patterns("validation.*"))
    return here


def call(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The exit code of `python -m nas.validate <arguments>`, run in this process."""
    monkeypatch.setattr(sys, "argv", ["validate", *arguments])
    with pytest.raises(SystemExit) as ended:
        command("validate", ValidateSettings, validate)
    return int(ended.value.code or 0)


def recorded(
    folder: Path, kept: int = 3, name: str = "1t_fp32", extra: Sequence[str] = (), **facts: Any
) -> HardwareProfile:
    """A profile as nas.record writes it on this host, of 12 networks to fit; milliseconds are made up from MACs."""
    rng = np.random.default_rng(0)
    archs = [TINY.architecture(row) for row in TINY.sample(rng, 40)]
    archs = [*dict.fromkeys(archs)][: 12 + kept] + [Architecture.from_notation(notation) for notation in extra]
    rows = []
    for index, arch in enumerate(archs):
        ms = (0.02 + cost(arch).macs / 1e8) * (1 + 0.02 * rng.standard_normal())
        about = {"low_ms": ms, "high_ms": ms, "bursts": 16, "runs": 99, "role": "fit" if index < 12 else "validate"}
        rows.append({"configuration": name, "name": arch.key, "mean_ms": ms, "spread_ms": ms / 99, **about})
    options = {"optimization": "all", "spinning": True, "search_space": "tiny", "seed": 0, "minutes": 0.02}
    settings = {"threads": 1, "precision": "fp32", "recorded": {**environment(), **options, "unsettled": 0, **facts}}
    tables: dict[str, Any] = {"latency.csv": rows, "kernels.csv": [], "layers.csv": []}
    networks = {arch.key: arch.notation for arch in archs}
    write_profile(folder, {name: Recording(name, {"cores": "all", **settings}, networks, tables, 0)})
    (folder / "kernels.csv").unlink()
    return load_profile(f"{folder}:{name}")


def stored(folder: Path) -> dict[str, Entry]:
    data = json.loads((folder / "validation.json").read_text())
    assert data["schema"] == 1
    return dict(data["configurations"])


def names_of(entry: Entry, role: str) -> list[str]:
    return [network["name"] for network in entry["networks"] if network["role"] == role]


# What is printed


def test_the_table_of_networks_left_out(here: Path, monkeypatch: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(monkeypatch, "hardware=./phone") == 0
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
    profile = recorded(here / "box")
    assert call(monkeypatch, "hardware=./box") == 0
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
    profile = recorded(here / "box", kept=1)
    assert call(monkeypatch, "hardware=./box", "format=json", "store=false") == 0
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert list(found) == ["hardware", "left_out", "kept_back", "measured_now"]
    assert (found["hardware"], found["measured_now"], captured.err) == ("box:1t_fp32", None, "")
    assert found["left_out"] == leave_one_out(profile).to_json()
    assert (found["kept_back"]["n"], found["kept_back"]["spearman"]) == (1, None)  # no rank among one


def test_one_network_kept_back_has_no_rank(here: Path, monkeypatch: Any, capsys: pytest.CaptureFixture[str]) -> None:
    recorded(here / "box", kept=1)
    assert call(monkeypatch, "hardware=./box") == 0
    assert re.search(r"│ Spearman +│ +[\d.]+ │ +– │", capsys.readouterr().out)
    for values in ([2.0], [2.0, 2.0]):
        assert math.isnan(spearman(np.array(values), np.array(values)))
        assert math.isnan(kendall(np.array(values), np.arange(len(values))))


def test_a_kind_of_layer_that_was_not_fitted_is_told(
    here: Path, monkeypatch: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded(here / "box", extra=["32x3 conv3/2-16 sep3/2-24:hswish sep3/2-32 conv1-128 fc1000"])
    assert call(monkeypatch, "hardware=./box") == 0
    captured = capsys.readouterr()
    assert "kept back: 3 networks" in captured.out
    assert captured.err.startswith(
        "kept back: 1 of 4 networks have a kind of layer that box:1t_fp32 has not measured, and are left out\n"
    )


# What is stored


def test_the_file_holds_the_tables_and_what_they_are_made_of(here: Path, monkeypatch: Any) -> None:
    profile = recorded(here / "box")
    assert call(monkeypatch, "hardware=./box") == 0
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
        assert call(monkeypatch, f"hardware={phone}:{name}") == 0
        assert capsys.readouterr().err == f"stored in {phone}: validation.json, validation.png\n"
    assert list(stored(phone)) == ["1large_fp32", "3med_int8"]
    assert load_profile(phone) is before  # storing is no change of the profile
    times = {path: path.stat().st_mtime_ns for path in phone.iterdir()}
    for name in ("3med_int8", "1large_fp32"):
        assert call(monkeypatch, f"hardware={phone}:{name}") == 0
    assert {path: path.stat().st_mtime_ns for path in phone.iterdir()} == times
    assert capsys.readouterr().err == ""
    (phone / "validation.png").unlink()
    assert call(monkeypatch, "hardware=./phone") == 0
    assert (phone / "validation.png").exists()


def test_a_configuration_that_the_profile_lost_is_dropped(here: Path, monkeypatch: Any) -> None:
    assert call(monkeypatch, "hardware=./phone:1med_fp32") == 0
    file = here / "phone" / "profile.yaml"
    file.write_text("".join(line for line in file.read_text().splitlines(True) if "1med_fp32: {" not in line))
    assert call(monkeypatch, "hardware=./phone") == 0
    assert list(stored(here / "phone")) == ["1large_fp32"]


def test_store_false_only_prints(here: Path, monkeypatch: Any, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(here.rglob("*"))
    assert call(monkeypatch, "hardware=./phone", "store=false") == 0
    assert capsys.readouterr().err == ""
    assert sorted(here.rglob("*")) == before


def test_a_folder_that_cannot_be_written(here: Path, monkeypatch: Any, capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(path: Path, content: bytes) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    with monkeypatch.context() as patch:
        patch.setattr("nas.validate.replace_file", refuse)
        assert call(patch, "hardware=./phone") == 2
        captured = capsys.readouterr()
        assert "MAPE" in captured.out
        assert captured.err == (
            "error: not stored: cannot write phone/validation.json: Permission denied; store=false only prints, "
            "or copy the folder and give hardware=COPY\n"
        )
    assert call(monkeypatch, "hardware=./phone") == 0
    with monkeypatch.context() as patch:
        patch.setattr("nas.validate.replace_file", refuse)
        assert call(patch, "hardware=./phone") == 0  # it says what it said: there is nothing to write


@pytest.mark.parametrize(
    "content",
    [
        *("", "[", "[]", "{}", '{"schema": 2, "configurations": {}}', '{"schema": 1, "configurations": []}'),
        '{"schema": 1, "configurations": {"1large_fp32": {}}}',
        '{"schema": 1, "configurations": {"x": {"left_out": {"n": 1}, "kept_back": null, "measured_now": null}}}',
    ],
)
def test_a_file_that_is_no_validation(
    content: str, here: Path, monkeypatch: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "phone" / "validation.json").write_text(content)
    assert call(monkeypatch, "hardware=./phone") == 2
    captured = capsys.readouterr()
    assert "MAPE" in captured.out
    assert captured.err == (
        "error: phone/validation.json is not a validation of this version; delete it, or use store=false\n"
    )
    assert call(monkeypatch, "hardware=./phone", "store=false") == 0


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


# What is drawn


def made_entry(low: float, high: float, error: float, **counts: int) -> Entry:
    """Networks spread from `low` to `high` ms, predicted `error` too high and too low by turns."""
    networks = []
    for role, count in counts.items():
        for number, ms in enumerate(np.geomspace(low, high, count)):
            networks.append({"role": role, "measured": ms, "predicted": ms * (1 + error * (-1) ** number)})
    table = dict.fromkeys(ErrorTable.__dataclass_fields__, 100 * error)
    tables = {role: {**table, "n": counts[role]} if role in counts else None for role in ROLES}
    return {**tables, "networks": networks}


ROLES = ("left_out", "kept_back", "measured_now")
DRAWN = {
    "one of each": [made_entry(5, 5, 0, left_out=1, kept_back=1, measured_now=1)],
    "hundreds": [made_entry(0.1, 900, 0.03, left_out=600, kept_back=120, measured_now=60)],
    "alike": [made_entry(10, 10.2, 0.01, left_out=4)],
    "far off": [made_entry(1, 9, 0.6, left_out=6)],
    "four": [made_entry(1, 10**n, 0.02, left_out=6, kept_back=n) for n in (1, 2, 3, 4)],
    "seven": [made_entry(0.001, 0.02, 0.02, left_out=6) for _ in range(7)],
}


@pytest.mark.parametrize("what", DRAWN)
def test_every_configuration_has_a_panel_with_readable_ticks(what: str) -> None:
    entries = {f"configuration {number}": entry for number, entry in enumerate(DRAWN[what])}
    figure = validation_figure(load_profile("pixel4"), entries)
    figure.canvas.draw()
    assert len(figure.axes) == 2 * len(entries)
    for axes in figure.axes:
        for axis, (low, high) in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
            places = [tick for tick in axis.get_ticklocs() if low <= tick <= high]
            assert 2 <= len(places) <= 10, (what, places)
        for along, labels in ((0, axes.get_xticklabels()), (1, axes.get_yticklabels())):
            boxes = [label.get_window_extent() for label in labels if label.get_visible() and label.get_text()]
            ends = sorted(tuple(box.get_points()[:, along]) for box in boxes)
            assert all(a[1] < b[0] for a, b in pairwise(ends)), (what, ends)
    box = figure.get_tightbbox()
    assert (box.x0 >= 0, box.y0 >= 0, box.x1 <= figure.get_figwidth(), box.y1 <= figure.get_figheight()) == (True,) * 4


def test_a_panel_shows_every_network_and_the_errors() -> None:
    entry = made_entry(1, 10, 0.02, left_out=5, kept_back=3)
    upper, lower = validation_figure(load_profile("pixel4"), {"1t": entry}).axes
    assert upper.get_title(loc="left") == (
        "left out (5): MAPE 2.0 %, 2 % within 5 %\nkept back (3): MAPE 2.0 %, 2 % within 5 %"
    )
    measured, predicted = zip(*((row["measured"], row["predicted"]) for row in entry["networks"]), strict=True)
    points = np.concatenate([found.get_offsets() for found in upper.collections[1:4]])
    assert np.asarray(points) == pytest.approx(np.column_stack([measured, predicted]))
    errors = np.concatenate([found.get_offsets() for found in lower.collections])
    assert np.abs(np.asarray(errors)[:, 1]) == pytest.approx(np.full(8, 2))
    assert (upper.get_xscale(), upper.get_yscale(), lower.get_xscale()) == ("log", "log", "log")


def test_the_picture_is_a_png_and_repeats() -> None:
    profile = load_profile("pixel4")
    entries = {"1large_fp32": to_entry({"left_out": validate_left_out(profile)}, None)}
    content = validation_png(profile, entries)
    assert content == validation_png(profile, entries)
    with Image.open(BytesIO(content)) as image:
        assert image.format == "PNG"
        assert 500 < image.width < 3000


# Measuring anew

AGAIN = ("hardware=./box", "remeasure=4")


def remeasure(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    """Run the command; on a busy machine none of its networks may settle, then again."""
    assert any(call(monkeypatch, *arguments) == 0 for _ in range(6))


def test_fresh_networks_are_of_the_space_and_in_no_profile(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    profile = recorded(here / "box")
    found = fresh_networks(profile, TINY, 20, 0)
    assert found == fresh_networks(profile, TINY, 20, 0) != fresh_networks(profile, TINY, 20, 1)
    assert len(set(found)) == 20
    assert all(map(TINY.contains, found))
    assert not {*found} & {row.architecture for row in (*profile.measurements, *profile.held_out)}
    monkeypatch.setattr(sys.modules["nas.recording.remeasure"], "_DRAWS", 1)
    with pytest.raises(ProfileError, match=r"^1600 draws from tiny gave \d+ networks that box:1t_fp32 lacks$"):
        fresh_networks(profile, TINY, 1600, 0)


def test_networks_are_measured_now_and_kept(here: Path, monkeypatch: Any, capsys: pytest.CaptureFixture[str]) -> None:
    profile = recorded(here / "box")
    remeasure(monkeypatch, *AGAIN)
    captured = capsys.readouterr()
    text = " ".join(captured.out.split())
    assert re.search(
        r"measured now: [1-4] fresh networks of tiny, seed 0(; [1-3] more did not settle)? this host", text
    )
    assert re.search(
        r"this host now: [1-4] networks of the profile took [\d.]+ times as long as when recorded; with", text
    )
    assert re.search(r"with that taken out, MAPE [\d.]+ %, \d+ % within 5 % ┏", text)
    assert "left out ┃ kept back ┃ measured now" in text
    assert re.search(r"^1t_fp32: \d+ of \d+ s: ", captured.err, re.MULTILINE)
    entry = stored(here / "box")["1t_fp32"]
    rows = [network for network in entry["networks"] if network["role"] == "measured_now"]
    drawn = {arch.key: arch.notation for arch in fresh_networks(profile, TINY, 4, 0)}
    assert entry["measured_now"]["n"] == len(rows)
    assert {row["name"]: row["notation"] for row in rows}.items() <= drawn.items()
    assert all(row["measured"] > 0 for row in rows)
    facts = entry["remeasured"]
    assert (facts["drawn"], facts["search_space"], facts["seed"]) == (4, "tiny", 0)
    assert facts["runtime_version"] == environment()["runtime_version"]
    assert 1 <= facts["known"] <= 4
    assert facts["pace"] > 0
    assert os.listdir(here / "runs") == []  # the next time everything is measured anew

    # without remeasure they stay, and are not shown
    content = (here / "box" / "validation.json").read_bytes()
    assert call(monkeypatch, "hardware=./box") == 0
    assert "measured now" not in capsys.readouterr().out
    assert (here / "box" / "validation.json").read_bytes() == content
    # a profile that learned more networks predicts them again, one that learned them does without
    known = rows[0]["notation"]
    recorded(here / "box", extra=[known], date=facts["date"])
    assert call(monkeypatch, "hardware=./box") == 0
    entry = stored(here / "box")["1t_fp32"]
    assert names_of(entry, "measured_now") == [row["name"] for row in rows[1:]]
    # and one recorded since is not compared with what was measured before
    recorded(here / "box", date="2999-01-01T00:00:00+00:00")
    assert call(monkeypatch, "hardware=./box") == 0
    entry = stored(here / "box")["1t_fp32"]
    assert entry["measured_now"] is entry["remeasured"] is None


def test_what_could_not_be_stored_is_not_measured_twice(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded(here / "box")
    (here / "box" / "validation.json").write_text("broken")
    results = here / "runs" / "validate-box-1t_fp32" / "results.jsonl"
    assert any(call(monkeypatch, *AGAIN) == 2 and results.exists() for _ in range(6))
    begun = [json.loads(line) for line in results.read_text().splitlines()][1]
    (here / "box" / "validation.json").unlink()
    assert call(monkeypatch, *AGAIN) == 0
    assert stored(here / "box")["1t_fp32"]["remeasured"]["date"] == begun["date"]
    assert not results.exists()


def test_measured_now_as_json_and_another_runtime(
    here: Path, monkeypatch: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded(here / "box", kept=0, runtime_version="0.1")
    remeasure(monkeypatch, *AGAIN, "format=json", "seed=3", "search_space=tiny", "store=false")
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert found["kept_back"] is None
    assert 1 <= found["measured_now"]["n"] <= 4
    here_version = environment()["runtime_version"]
    assert captured.err.startswith(f"measured with ONNX Runtime {here_version}, recorded with 0.1\n")
    assert not (here / "box" / "validation.json").exists()


@pytest.mark.parametrize(
    ("facts", "arguments", "message"),
    [
        ({"cpu": "Fast CPU"}, (), r"box:1t_fp32 was recorded on Fast CPU, .* cores, .*; this host is .*: remeasure on"),
        ({"logical_cores": 4096}, (), r"box:1t_fp32 was recorded on .*, 4096 cores, .*; this host is "),
        ({"search_space": "mine"}, (), r"unknown search space 'mine'; known: .* A path works too"),
        ({}, ("remeasure=-1",), r"remeasure must be 0 or above, got -1"),
        ({}, ("remeasure=many",), r"remeasure: input should be a valid integer, .*'many'"),
        ({}, ("seed=-1",), r"seed must be 0 or above, got -1"),
        (
            {},
            ("remeasure=0", "search_space=tiny"),
            r"search_space goes with remeasure=20, the networks to draw from it",
        ),
        ({}, ("hardware=pixel4",), r"pixel4:1large_fp32 was not recorded by nas\.record but is known from elsewhere"),
        ({}, ("store=perhaps",), r"store: input should be a valid boolean"),
        ({}, ("format=xml",), r"format: .*'text' or 'json'.*'xml'"),
    ],
)
def test_what_cannot_be_measured_anew_is_one_line(
    facts: dict[str, Any],
    arguments: tuple[str, ...],
    message: str,
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    recorded(here / "box", **facts)
    settings = dict(argument.split("=") for argument in (*AGAIN, *arguments))
    assert call(monkeypatch, *(f"{key}={value}" for key, value in settings.items())) == 2
    captured = capsys.readouterr()
    assert re.fullmatch(rf"error: {message}[^\n]*\n", captured.err), captured.err
    assert captured.out == ""
    assert sorted(path.name for path in here.iterdir()) == ["box", "phone"]


def test_a_recording_without_its_space_is_named(here: Path) -> None:
    recorded(here / "box")
    file = here / "box" / "profile.yaml"
    data = yaml.safe_load(file.read_text())
    del data["configurations"]["1t_fp32"]["recorded"]["search_space"]
    file.write_text(yaml.safe_dump(data))
    with pytest.raises(ProfileError, match=r"profile\.yaml:configurations\.1t_fp32\.recorded lacks 'search_space'$"):
        remeasuring(load_profile(here / "box"), here / "box", 4, 0, None)


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait for what must come; the limit is a safety net."""
    for _ in range(6000):
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError("it never came")


def test_stopped_and_resumed_loses_nothing(here: Path) -> None:
    profile = recorded(here / "box", minutes=0.05)  # long enough to be stopped
    results = here / "runs" / "validate-box-1t_fp32" / "results.jsonl"

    def lines() -> list[bytes]:
        return results.read_bytes().split(b"\n")[:-1] if results.exists() else []

    def start() -> subprocess.Popen[str]:
        line = [sys.executable, "-m", "nas.validate", "hardware=./box", "remeasure=6"]
        return subprocess.Popen(line, cwd=here, text=True, start_new_session=True, stderr=subprocess.PIPE)

    rows: list[bytes] = []
    for enough in (5, 40):
        process = start()
        wait_for(lambda enough=enough: len(lines()) > enough)  # type: ignore[misc]
        os.killpg(process.pid, signal.SIGINT)
        _, text = process.communicate()
        assert process.returncode == 130
        assert text.endswith("To go on:\n  python -m nas.validate hardware=./box remeasure=6\n")
        assert lines()[: len(rows)] == rows
        rows = lines()
    assert not (here / "box" / "validation.json").exists()
    plan = remeasuring(profile, here / "box", 6, 0, None)
    found = measure_again(plan, lambda line: None)
    assert lines()[: len(rows)] == rows
    assert found.drawn == 6
    assert 1 <= len(found.rows) <= 6


def test_an_entry_at_another_date_is_the_same() -> None:
    entry = to_entry({"left_out": validate_left_out(load_profile("pixel4"))}, None)
    assert same(entry, json.loads(json.dumps({**entry, "date": "2001-01-01", "versions": {}})))
    assert not same(entry, {**entry, "networks": []})
    assert not same(entry, None)


def test_nothing_is_read_where_nothing_is_stored(here: Path) -> None:
    assert read_entries(here / "phone", ["1large_fp32"]) == {}
