"""Recording over adb, with a stand-in that runs its commands here: Termux, another Python, onnxruntime_perf_test."""

import json
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra.core.global_hydra import GlobalHydra

from nas.errors import NasError
from nas.latency.profile import load_profile
from nas.recording.devices.base import Reach
from nas.recording.devices.target import Target, open_device
from tests.helpers.calls import call
from tests.helpers.devices import PERF_TEST, script
from tests.helpers.recordings import QUICK, check_measured_once, rows_of, small_bundle


def test_over_adb_termux_measures(phone: Path, here: Path) -> None:
    folder = small_bundle(here / "bundle")
    lines: list[str] = []
    measure = open_device(Target("adb", Reach(serial="XYZ")), "pixel")
    measure(folder, lines.append)
    home = phone / "data" / "data" / "com.termux" / "files" / "home"
    rows = rows_of(folder / "results.jsonl")
    assert rows == rows_of(home / "nas-record" / "pixel" / "results.jsonl")
    check_measured_once([json.loads(row) for row in rows])
    assert lines[-1].startswith("1t_fp32: ")
    assert list((phone / "data" / "local" / "tmp").iterdir()) == []
    measure(folder, lines.append)
    assert rows_of(folder / "results.jsonl") == rows


def test_what_an_unnoticed_loss_left_running_is_stopped_first(phone: Path, here: Path) -> None:
    there = here / "there"
    there.mkdir()
    code = "import fcntl, os, time; f = open('.lock', 'w'); fcntl.flock(f, 2); f.write(str(os.getpid())); f.flush(); "
    line = [sys.executable, "-c", code + "print(flush=True); time.sleep(600)"]
    with subprocess.Popen(line, cwd=there, stdout=subprocess.PIPE) as left:
        assert left.stdout is not None
        left.stdout.readline()
        measure = open_device(Target("adb", Reach(python=sys.executable, remote=str(there))), "x")
        measure(small_bundle(here / "bundle"), lambda text: None)
        assert left.wait() == -signal.SIGTERM
    check_measured_once([json.loads(row) for row in rows_of(here / "bundle" / "results.jsonl")])


def test_over_adb_a_perf_test_measures(phone: Path, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    binary = script(here / "build" / "onnxruntime_perf_test", PERF_TEST)
    (here / "build" / "libonnxruntime.so").write_bytes(b"library")
    arguments = ("hardware=pixel", *QUICK, "device=adb", f"perf_test={binary}", "threads=2", "cores=[4,6]")
    assert call(monkeypatch, "record", *arguments) == 0, capsys.readouterr().err
    there = phone / "data" / "local" / "tmp" / "nas-record" / "pixel"
    assert (there / "libonnxruntime.so").read_bytes() == b"library"
    calls = (there / "calls.txt").read_text().splitlines()
    begins = r"-e cpu -I -S 1 -m times -r \d+ -x 2 -y 1 -o 99 (-p profile )?models/fp32/\w+\.onnx times\.csv"
    assert all(re.fullmatch(begins, line) for line in calls), calls[0]
    profile = load_profile(here / "hardware_profiles" / "pixel")
    assert (profile.configuration, profile.threads, profile.cores) == ("2t_fp32_cores4-6", 2, "4, 6")
    for row in profile.measurements:
        size = (there / "models" / "fp32" / f"{row.name}.onnx").stat().st_size
        assert row.ms == pytest.approx(size / 1e3, rel=1e-3)
        assert row.layers_ms[0] == pytest.approx(size / 1e3, rel=1e-3)
    facts = yaml.safe_load((here / "hardware_profiles" / "pixel" / "profile.yaml").read_text())
    assert facts["soc"] == "Tensor"
    assert facts["runtime_version"].startswith("onnxruntime_perf_test ")
    check_measured_once([json.loads(row) for row in rows_of(here / "runs" / "record-pixel" / "results.jsonl")])
    GlobalHydra.instance().clear()
    monkeypatch.setattr(sys.modules["nas.recording.bundle"], "graph_bytes", None)  # no graph is to be written
    assert call(monkeypatch, "record", *arguments) == 0
    assert (there / "calls.txt").read_text().splitlines() == calls


def test_a_perf_test_that_fails_is_one_line(phone: Path, here: Path) -> None:
    binary = script(here / "build" / "perf", "#!/bin/sh\necho 'Load model failed'; exit 255\n")
    measure, folder = open_device(Target("adb", Reach(serial="XYZ", perf_test=str(binary))), "x"), here / "bundle"
    with pytest.raises(NasError, match="XYZ: Load model failed"):
        measure(small_bundle(folder), print)
    assert [row["type"] for row in map(json.loads, rows_of(folder / "results.jsonl"))] == ["plan", "begin"]


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ("serial", "nix: `adb devices` must list it as `device`: connect it, allow USB debugging"),
        ("release", "XYZ: adb may enter Termux only if that is a debug build"),
        ("termux", "XYZ: it has no Termux; install that, or give python=… or perf_test=…"),
        ("python", "XYZ lacks Python: no .*/usr/bin/python; install there with `pkg install python-numpy python-onnxr"),
        ("adb", "adb was not found here; install it, and have it on the PATH"),
    ],
)
def test_what_is_wrong_with_a_phone_is_one_line(
    case: str, message: str, phone: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = phone / "data" / "data" / "com.termux"
    breaking: dict[str, Callable[[], Any]] = {
        "serial": lambda: None,
        "release": (phone / "release").touch,
        "termux": lambda: shutil.rmtree(package),
        "python": (package / "files" / "usr" / "bin" / "python").unlink,
        "adb": (here / "bin" / "adb").unlink,
    }
    breaking[case]()
    if case == "adb":
        monkeypatch.setenv("PATH", str(here / "bin"))
    with pytest.raises(NasError) as caught:
        open_device(Target("adb", Reach(serial="nix" if case == "serial" else "XYZ")), "x")(
            small_bundle(here / "bundle"), print
        )
    assert re.match(message, str(caught.value)), str(caught.value)
