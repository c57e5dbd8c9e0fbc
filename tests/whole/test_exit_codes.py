"""Exit codes, and what --help says."""

import os
import re
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


@pytest.mark.parametrize(("main", "code", "says"), [(fail_while_interrupted, 130, "To go on:"), (fail, 1, "a bug")])
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
    assert f"python -m nas.{name} hardware=" in text
    for key in (field.name.removesuffix("_") for field in fields(COMMANDS[name][0])):
        assert re.search(rf"^{key}:", text, re.MULTILINE), key
    assert not list(here.iterdir())
