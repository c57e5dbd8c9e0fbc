"""What a device is given: a folder that runs alone, on any machine."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from nas.errors import NasError
from nas.latency.profile import load_profile
from nas.recording.bundle import configuration, write_bundle
from nas.recording.devices.host import measure_here
from tests.helpers.calls import call
from tests.helpers.recordings import MACHINE, PLAN, QUICK


def models_of(folder: Path) -> set[str]:
    return {path.relative_to(folder / "models").with_suffix("").as_posix() for path in folder.rglob("*.onnx")}


def test_a_bundle_has_the_models_that_its_results_leave(tmp_path: Path) -> None:
    ways = [configuration(1, "fp32"), configuration(2, "fp32"), configuration(1, "int8")]
    planned = {**PLAN, "configurations": ways, "chunks": [chunk[:3] for chunk in PLAN["chunks"]]}
    first, second = ([model["id"] for model in chunk] for chunk in planned["chunks"])
    write_bundle(tmp_path / "a", planned)
    assert models_of(tmp_path / "a") == {f"{kind}/{model}" for kind in ("fp32", "int8") for model in (*first, *second)}

    def done(way: int, models: list[str], seconds: float) -> str:
        name = ways[way]["name"]
        about = {"type": "profile", "configuration": name, "kernels": [], "seconds": seconds}
        entries = (entry for chunk in planned["chunks"] for entry in chunk if entry["id"] in models)
        rows = [{"type": "begin", "configuration": name, **ways[way], **MACHINE, "cores": [0]}]
        rows += [{**about, "id": entry["id"], "model": entry} for entry in entries]
        return "".join(json.dumps(row) + "\n" for row in rows)

    header = {"type": "plan", "schema": 1} | {key: planned[key] for key in ("search_space", "seed", "burst_s")}
    some = json.dumps(header) + "\n" + done(0, first, 0.1) + done(1, second, 0.1) + done(2, second[:1], 0.1)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "results.jsonl").write_text(some)
    write_bundle(tmp_path / "b", planned)
    # one thread still lacks the second chunk in fp32, two threads the first
    assert models_of(tmp_path / "a") - models_of(tmp_path / "b") == {f"int8/{second[0]}"}
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "results.jsonl").write_text(some + done(1, first, 0.1) + done(2, first, 1.0))
    write_bundle(tmp_path / "c", planned)
    # the minutes of int8 are used up
    assert models_of(tmp_path / "c") == {f"fp32/{model}" for model in second}
    with pytest.raises(NasError, match="has seed 0, not 1; move it away"):
        write_bundle(tmp_path / "c", {**planned, "seed": 1})


def test_a_failure_of_the_runner_is_one_line(tmp_path: Path) -> None:
    write_bundle(tmp_path, {**PLAN, "chunks": PLAN["chunks"][:1]})
    next((tmp_path / "models" / "fp32").iterdir()).unlink()
    with pytest.raises(NasError, match=r"measuring failed: .*onnx") as caught:
        measure_here(tmp_path, lambda line: None)
    assert "\n" not in str(caught.value)


def test_a_bundle_runs_anywhere_and_comes_back(here: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    assert call(monkeypatch, "record", "hardware=my_box", *QUICK, "device=bundle", "precision=int8") == 0
    assert "python -m nas.record hardware=my_box import=results.jsonl" in capsys.readouterr().out
    zipfile.ZipFile(here / "my_box.bundle.zip").extractall(here / "phone")
    found = {path.name for path in (here / "phone").iterdir()}
    assert found == {"README.txt", "plan.json", "runner.py", "nas_runner", "models"}
    assert len((here / "phone" / "README.txt").read_text().splitlines()) == 3
    planned = json.loads((here / "phone" / "plan.json").read_text())
    short = {**planned, "chunks": [planned["chunks"][0]], "minutes": 0.001}
    (here / "phone" / "plan.json").write_text(json.dumps(short))
    # -I: neither this project's folder nor PYTHONPATH; and no nas where it is installed
    code = "import runpy, sys; sys.modules['nas'] = None; runpy.run_path('runner.py', run_name='__main__')"
    done = subprocess.run([sys.executable, "-I", "-c", code], cwd=here / "phone", capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "1t_int8: " in done.stdout
    results = here / "phone" / "results.jsonl"
    first = results.read_bytes()
    again = subprocess.run([sys.executable, "-I", "runner.py"], cwd=here / "phone", capture_output=True, text=True)
    assert again.returncode == 0
    assert results.read_bytes() == first  # nothing was left to do
    imported = call(monkeypatch, "record", "hardware=my_phone", f"import={results}")
    if imported == 2:  # so busy a machine that too little settled
        assert "networks to fit and" in capsys.readouterr().err
        return
    profile = load_profile(here / "hardware_profiles" / "my_phone")
    assert (profile.configuration, profile.precision) == ("1t_int8", "int8")
    names = {entry["id"] for entry in short["chunks"][0]}
    assert {row.name for row in (*profile.measurements, *profile.held_out)} <= names
