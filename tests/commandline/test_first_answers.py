"""What is answered before torch, Optuna and Lightning are imported, and under which names commands can be called."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nas.__main__ import main
from nas.commandline.table import COMMANDS
from tests.helpers.processes import python

LOADED = """
import sys, runpy
sys.argv = {arguments!r}
try:
    runpy.run_module({module!r}, run_name="__main__", alter_sys=True)
except SystemExit as ended:
    heavy = {{"torch", "optuna", "pytorch_lightning", "matplotlib", "scipy", "onnxruntime"}} & set(sys.modules)
    print("code", ended.code, "heavy", sorted(heavy))
"""


@pytest.mark.parametrize(
    ("module", "arguments", "code"),
    [
        ("nas.search", ["search", "--help"], 0),
        ("nas.search", ["search", "hardwar=pixel4"], 2),
        ("nas.search", ["search", "trials=many"], 2),
        ("nas.train", ["train", "--help", "training"], 0),
        ("nas", ["sepconv-nas", "search", "sampler=parteo"], 2),
        ("nas.predict", ["predict", "arch=mobilenet_v2"], 0),
        ("nas.report", ["report", "--help"], 0),
        ("nas.report", ["report"], 2),
    ],
)
def test_no_heavy_import_comes_before_the_answer(module: str, arguments: list[str], code: int, tmp_path: Path) -> None:
    done = python("-c", LOADED.format(arguments=arguments, module=module), cwd=tmp_path)
    assert done.stdout.endswith(f"code {code} heavy []\n"), (done.stdout[-500:], done.stderr)
    assert (done.stderr == "") == (code == 0)


def ended(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["sepconv-nas", *arguments])
    try:
        return main()
    except SystemExit as exit:
        return int(exit.code or 0)


def test_the_one_name_lists_every_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ([], ["--help"]):
        assert ended(monkeypatch, *arguments) == 0
        shown = capsys.readouterr().out
        assert not [name for name in (*COMMANDS, "completion") if f"\n  {name} " not in shown]


def test_a_command_is_run_under_the_one_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "nas.predict", raising=False)  # as in a process of its own
    assert ended(monkeypatch, "predict", "arch=mobilenet_v2") == 0
    assert capsys.readouterr().out.startswith("mobilenet_v2 on pixel4")
    assert ended(monkeypatch, "predict", "arhc=mobilenet_v2") == 2
    assert "did you mean arch?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["serach"], "error: unknown command 'serach'; did you mean search? known: search, "),
        (["hardware=pixel4"], "error: unknown command 'hardware=pixel4'; known: search, "),
        (["completion", "fish"], "error: unknown shell 'fish'; known: bash, zsh"),
    ],
)
def test_no_such_command_is_one_line(
    arguments: list[str], says: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(monkeypatch, *arguments) == 2
    said = capsys.readouterr().err
    assert said.startswith(says)
    assert said.count("\n") == 1


COMPLETED = [
    ("sepconv-nas se", {"search"}),
    ("sepconv-nas search hardw", {"hardware="}),
    ("sepconv-nas search hardware=pix", {"pixel4"}),
    ("sepconv-nas search sampler=", {"nsga2", "pareto", "random", "tpe"}),
    ("sepconv-nas search experiment=sev", {"several_devices"}),
    ("python -m nas.des", {"nas.describe"}),
    ("python -m nas.search confirm.n", {"confirm.networks="}),
    ("/usr/bin/python3 -m nas.describe rows=", {"stages", "blocks", "layers"}),
    ("python -m other.se", set()),
    ("sepconv-nas search data.path=pho", {"photos"}),
]


@pytest.mark.parametrize(("line", "choices"), COMPLETED)
def test_bash_completes(line: str, choices: set[str], completion: Path, here: Path) -> None:
    (here / "photos").mkdir()
    code = """
source "$1"; COMP_LINE="$2"; COMP_POINT=${#2}; COMP_WORDBREAKS=$' \\t\\n"\\'><=;|&(:'; _sepconv_nas
printf '%s\\n' "${COMPREPLY[@]}"
"""
    done = subprocess.run(["bash", "-c", code, "_", completion, line], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == choices, done.stderr


@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed")
@pytest.mark.parametrize(("line", "choices"), COMPLETED)
def test_zsh_completes(line: str, choices: set[str], completion: Path, here: Path) -> None:
    (here / "photos").mkdir()
    code = 'source "$1"; COMP_LINE="$2"; COMP_POINT=${#2}; _sepconv_nas; print -rl -- "${COMPREPLY[@]}"'
    command = ["zsh", "-f", "-c", code, "_", str(completion), line]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, "HOME": str(here)})
    word = line.rpartition(" ")[2]
    offered = {each for each in done.stdout.split() if each.startswith(word)}  # of what it is given zsh takes these
    key = word[: word.find("=") + 1]  # zsh breaks no word at =
    assert offered == {key + each for each in choices}
    assert not done.stderr


@pytest.fixture(scope="module")
def completion(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from nas.commandline.declared.completion import script

    path = tmp_path_factory.mktemp("completion") / "script.sh"
    path.write_text(script())
    return path
