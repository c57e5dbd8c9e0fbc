"""Exit codes, and what --help says."""

import os
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from nas.validate import ValidateSettings
from tests.helpers.calls import COMMANDS, call


def fail_while_interrupted(settings: Any, invocation: Any) -> None:
    try:
        raise KeyboardInterrupt
    finally:
        os.unlink("gone")  # as when Ctrl-C cuts the release of the journal's lock short


def fail(settings: Any, invocation: Any) -> None:
    raise RuntimeError("a bug")


@pytest.mark.parametrize(("main", "code", "says"), [(fail_while_interrupted, 130, "interrupted"), (fail, 1, "a bug")])
def test_ctrl_c_and_bugs_have_their_exit_codes(
    main: Any, code: int, says: str, here: Path, monkeypatch: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(COMMANDS, "validate", (ValidateSettings, main))
    assert call(monkeypatch, "validate") == code
    text = capsys.readouterr().err
    assert says in text
    assert ("Traceback" in text) == (code == 1)


@pytest.mark.parametrize("name", COMMANDS)
def test_help(name: str, here: Path, monkeypatch: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(monkeypatch, name, "--help") == 0
    text = capsys.readouterr().out
    assert f"python -m nas.{name} " in text
    for key in (field.name.removesuffix("_") for field in fields(COMMANDS[name][0])):
        assert re.search(rf"^ *{key}\b", text, re.MULTILINE), key
    assert not list(here.iterdir())


def test_a_working_folder_that_is_gone_is_named(
    tmp_path: Path, monkeypatch: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert call(monkeypatch, "predict", "arch=mobilenet_v1") == 2
    assert capsys.readouterr().err == "error: the working folder has been removed; go to one that exists\n"


def test_a_terminal_of_no_columns_shows_the_result(
    here: Path, monkeypatch: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "0")
    assert call(monkeypatch, "validate", "hardware=raspberry_pi4", "store=false") == 0
    assert "MAPE" in capsys.readouterr().out


def test_closed_streams_get_nothing_of_each_other(tmp_path: Path) -> None:
    opened = "import os; from nas.commandline import ending; ending(lambda: os.write(2, b'x') and 0);"
    refused = "from nas.commandline.exits import complain, ending; ending(lambda: complain('wrong'))"
    ended = subprocess.run(
        ["sh", "-c", f'exec {sys.executable} -c "{opened} {refused}" 2>&-'],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (0, b"")
