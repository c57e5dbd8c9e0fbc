"""nas.validate remeasure=…: fresh networks measured on this host, and kept beside the profile."""

import json
import os
import re
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from nas.errors import ProfileError
from nas.latency.profile import load_profile
from nas.recording.remeasure import fresh_networks, plan_remeasure, remeasure
from nas.recording.runner import figures
from nas.recording.runner.machine import environment
from tests.helpers.calls import call, finish, start, wait_for
from tests.helpers.recordings import TINY, rows_of
from tests.helpers.validations import made_profile, names_of, stored

AGAIN = ("hardware=./box", "remeasure=4")


@pytest.fixture(autouse=True)
def bursts_that_disagree_settle(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine none of the networks may settle; what settles has tests of its own."""
    monkeypatch.setattr(figures, "SETTLED", 1e9)
    monkeypatch.setattr(figures, "LEAST_RUNS", 1)


def validate_anew(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    """Run the command; on a machine where every burst was disturbed, again."""
    assert any(call(monkeypatch, "validate", *arguments) == 0 for _ in range(6))


def test_fresh_networks_are_of_the_space_and_in_no_profile(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    profile = made_profile(here / "box")
    found = fresh_networks(profile, TINY, 20, 0)
    assert found == fresh_networks(profile, TINY, 20, 0) != fresh_networks(profile, TINY, 20, 1)
    assert len(set(found)) == 20
    assert all(map(TINY.contains, found))
    assert not {*found} & {row.architecture for row in (*profile.measurements, *profile.held_out)}
    monkeypatch.setattr(sys.modules["nas.recording.remeasure"], "_DRAWS", 1)
    with pytest.raises(ProfileError, match=r"^1600 draws from tiny gave \d+ networks that box:1t_fp32 lacks$"):
        fresh_networks(profile, TINY, 1600, 0)


def test_networks_are_measured_now_and_kept(here: Path, monkeypatch: Any, capsys: pytest.CaptureFixture[str]) -> None:
    profile = made_profile(here / "box")
    validate_anew(monkeypatch, *AGAIN)
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
    assert call(monkeypatch, "validate", "hardware=./box") == 0
    assert "measured now" not in capsys.readouterr().out
    assert (here / "box" / "validation.json").read_bytes() == content
    # a profile that learned more networks predicts them again, one that learned them does without
    known = rows[0]["notation"]
    made_profile(here / "box", extra=[known], date=facts["date"])
    assert call(monkeypatch, "validate", "hardware=./box") == 0
    entry = stored(here / "box")["1t_fp32"]
    assert names_of(entry, "measured_now") == [row["name"] for row in rows[1:]]
    # and one recorded since is not compared with what was measured before
    made_profile(here / "box", date="2999-01-01T00:00:00+00:00")
    assert call(monkeypatch, "validate", "hardware=./box") == 0
    entry = stored(here / "box")["1t_fp32"]
    assert entry["measured_now"] is entry["remeasured"] is None


def test_what_could_not_be_stored_is_not_measured_twice(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made_profile(here / "box")
    (here / "box" / "validation.json").write_text("broken")
    results = here / "runs" / "validate-box-1t_fp32" / "results.jsonl"
    assert any(call(monkeypatch, "validate", *AGAIN) == 2 and results.exists() for _ in range(6))
    begun = [json.loads(line) for line in results.read_text().splitlines()][1]
    (here / "box" / "validation.json").unlink()
    assert call(monkeypatch, "validate", *AGAIN) == 0
    assert stored(here / "box")["1t_fp32"]["remeasured"]["date"] == begun["date"]
    assert not results.exists()


def test_measured_now_as_json_and_another_runtime(
    here: Path, monkeypatch: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    made_profile(here / "box", kept=0, runtime_version="0.1")
    validate_anew(monkeypatch, *AGAIN, "format=json", "seed=3", "search_space=tiny", "store=false")
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
        ({}, ("remeasure=-1",), r"remeasure must be from 0 to 1000, got -1"),
        ({}, ("remeasure=many",), r"remeasure: input should be a valid integer, .*'many'"),
        ({}, ("seed=-1",), r"seed must be from 0 to 1000000000, got -1"),
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
    made_profile(here / "box", **facts)
    settings = dict(argument.split("=") for argument in (*AGAIN, *arguments))
    assert call(monkeypatch, "validate", *(f"{key}={value}" for key, value in settings.items())) == 2
    captured = capsys.readouterr()
    assert re.fullmatch(rf"error: {message}[^\n]*\n", captured.err), captured.err
    assert captured.out == ""
    assert sorted(path.name for path in here.iterdir()) == ["box"]


def test_a_recording_without_its_space_is_named(here: Path) -> None:
    made_profile(here / "box")
    file = here / "box" / "profile.yaml"
    data = yaml.safe_load(file.read_text())
    del data["configurations"]["1t_fp32"]["recorded"]["search_space"]
    file.write_text(yaml.safe_dump(data))
    with pytest.raises(ProfileError, match=r"configurations\.1t_fp32\.recorded: search_space: is missing$"):
        plan_remeasure(load_profile(here / "box"), here / "box", 4, 0, None)


def test_stopped_and_resumed_loses_nothing(here: Path) -> None:
    profile = made_profile(here / "box", minutes=0.05)  # long enough to be stopped
    results = here / "runs" / "validate-box-1t_fp32" / "results.jsonl"

    rows: list[bytes] = []
    for enough in (5, 40):
        process = start(here, "validate", "hardware=./box", "remeasure=6")
        wait_for(lambda enough=enough: len(rows_of(results)) > enough)  # type: ignore[misc]
        os.killpg(process.pid, signal.SIGINT)
        code, _, text = finish(process)
        assert code == 130
        assert text.endswith("To go on:\n  python -m nas.validate hardware=./box remeasure=6\n")
        assert rows_of(results)[: len(rows)] == rows
        rows = rows_of(results)
    assert not (here / "box" / "validation.json").exists()
    plan = plan_remeasure(profile, here / "box", 6, 0, None)
    found = remeasure(plan, lambda line: None)
    assert rows_of(results)[: len(rows)] == rows
    assert found.drawn == 6
    assert 1 <= len(found.rows) <= 6
