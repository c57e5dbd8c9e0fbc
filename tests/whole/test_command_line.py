"""Commands from outside: interrupted while they load, read by nobody, refused beside a run that goes on."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import nas
from nas import load_profile
from nas.search.record.folder import taken
from tests.helpers.calls import call, hear_ctrl_c
from tests.whole.test_run_folder import folder_of


@pytest.mark.parametrize("command", ["search", "report", "predict"])
@pytest.mark.parametrize("module", ["numpy", "nas.commandline"])
def test_ctrl_c_while_modules_load_is_quiet(command: str, module: str, tmp_path: Path) -> None:
    arguments = [sys.executable, "-X", "importtime", "-m", f"nas.{command}"]
    with subprocess.Popen(
        arguments, cwd=tmp_path, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=hear_ctrl_c
    ) as process:
        for line in process.stderr:
            if line.split("|")[-1].strip().startswith(module):
                break
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate()
    assert (process.returncode, output) == (130, "")
    assert "Traceback" not in errors
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "command", ["search", "train", "data", "predict", "describe", "bench", "record", "validate", "report"]
)
def test_the_version_is_that_of_this_package(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, command, "--version") == 0
    assert capsys.readouterr().out == f"sepconv-nas {nas.__version__}\n"


def test_doubtful_times_are_said_beside_a_prediction(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    known = load_profile("pixel4:1large_fp32").measurements
    rows = "\n".join(f"{row.architecture.notation},{5 + place / 1000:.3f}" for place, row in enumerate(known[:6]))
    (here / "rows.csv").write_text(f"arch,ms\n{rows}\n")
    assert call(monkeypatch, "record", "hardware=odd", "import=rows.csv", "like=pixel4") == 0
    assert "warning: the times of odd" in capsys.readouterr().err
    assert call(monkeypatch, "predict", "hardware=hardware_profiles/odd", "arch=mobilenet_v2") == 0
    said = capsys.readouterr()
    assert said.out.startswith("mobilenet_v2 on")
    assert said.err.startswith("warning: the times of odd")
    assert said.err.count("\n") == 1


@pytest.mark.parametrize("arguments", [("search", "--help"), ("predict", "arch=mobilenet_v2")])
def test_output_that_nobody_reads_ends_a_command_quietly(arguments: tuple[str, ...], tmp_path: Path) -> None:
    end, pipe = os.pipe()
    os.close(end)
    command = [sys.executable, "-m", f"nas.{arguments[0]}", *arguments[1:]]
    ended = subprocess.run(command, cwd=tmp_path, stdout=pipe, stderr=subprocess.PIPE, text=True, check=False)
    os.close(pipe)
    assert (ended.returncode, ended.stderr) == (141, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_output_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "nas.predict", "arch=mobilenet_v2"]
    with open("/dev/full", "w") as full:
        ended = subprocess.run(command, cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert ended.returncode == 1
    assert re.fullmatch(r"error: .*No space left on device[^\n]*\n", ended.stderr)


@pytest.mark.parametrize("chosen", [False, True])
def test_a_second_start_leaves_the_folder_of_the_first_alone(
    chosen: bool, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = here / "run" if chosen else here / "runs" / folder_of("search_space=tiny")
    with taken(folder) as held:
        before = sorted(here.rglob("*"))
        arguments = ["search_space=tiny", *(["hydra.run.dir=run"] if chosen else [])]
        assert call(monkeypatch, "search", *arguments) == 2
        assert "another search is running" in capsys.readouterr().err
        assert sorted(here.rglob("*")) == before
        held.release()
