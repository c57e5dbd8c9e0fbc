"""`nas.run_search` in this process: interrupted, called again, and nothing of the program is changed."""

import os
import signal
import sys
from pathlib import Path
from typing import Any

import optuna
import pytest

import nas
from nas.errors import BudgetError, ConfigError
from nas.report.live.display import TerminalDisplay
from tests.helpers.images import write_classes
from tests.helpers.refusal import refusal
from tests.helpers.toy_search import TOY


def state() -> list[object]:
    """What a search could leave changed behind."""
    hears = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    return [*hears, optuna.logging.get_verbosity(), os.getcwd(), list(sys.argv), sys.modules["__main__"]]


def test_interrupted_and_called_again_it_goes_on(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_classes(here / "photos", {"cat": 20, "dog": 20})
    before, real = state(), TerminalDisplay.trial

    def interrupt(self: TerminalDisplay, *row: Any, **facts: Any) -> None:
        real(self, *row, **facts)
        if self._state.done == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(TerminalDisplay, "trial", interrupt)
        with pytest.raises(KeyboardInterrupt) as caught:
            nas.run_search(data="photos", budget="3M", trials=3, **TOY)
    (folder,) = (here / "runs").iterdir()
    assert caught.value.__notes__ == [f"What is finished is kept in {folder}; the same call goes on from there."]
    assert "search: 3 to do" in capsys.readouterr().out

    run = nas.run_search(data="photos", budget="3M", trials=3, progress=False, **TOY)
    assert state() == before
    assert capsys.readouterr() == ("", "")
    assert run.folder == folder
    assert len(run.trials) == run.front.result.counts.evaluated == 3
    assert run.front.result.command.startswith(
        "python -m nas.search data=imagefolder data.path=photos budget=3M trials=3 "
    )
    assert 1 <= len(run.front) <= 2
    assert run.report.is_file()
    member = run.front[0]
    assert member.macs <= 3e6
    assert member.predict("photos/cat/0000.png").label in ("cat", "dog")
    assert nas.open_run(folder) == run


def test_what_cannot_be_done_is_refused_and_leaves_nothing(here: Path) -> None:
    before = state()
    assert "did you mean budget?" in refusal(ConfigError, nas.run_search, budgett="3M")
    assert "no network" in refusal(BudgetError, nas.run_search, **TOY, budget="1k", folder=here / "mine")
    assert not list(here.iterdir())
    assert state() == before
