"""nas.report.terminal: what the display and the final table show of a made-up run."""

import io
import re
from dataclasses import replace

import pytest
from rich.console import Console

from nas.report.terminal import TerminalDisplay, _trial_text, print_front
from tests.helpers.display import Silent
from tests.helpers.run_sample import sample_front, sample_trials


def shown(*, terminal: bool, width: int = 80) -> tuple[Console, io.StringIO]:
    text = io.StringIO()
    return Console(file=text, force_terminal=terminal, width=width, color_system=None, legacy_windows=False), text


def play(console: Console) -> None:
    ok, failed, rejected = sample_trials(1, 1, 1)
    with TerminalDisplay(console) as progress:
        progress.stage("search", 4, 2)
        progress.trial(ok, front_size=1, hypervolume=0.25, best=0.9)
        progress.trial(rejected, front_size=1, hypervolume=0.25, best=0.9)
        progress.trial(failed, front_size=1, hypervolume=0.25, best=None)
        progress.stage("confirm", 1)
        progress.message("[bold]kept as it is[/bold]")
        progress.advance()
    progress.stop()


def test_plain_lines_where_there_is_no_terminal() -> None:
    console, text = shown(terminal=False)
    play(console)
    assert "\x1b" not in text.getvalue()
    assert "\r" not in text.getvalue()
    lines = text.getvalue().splitlines()
    assert len(lines) == 5
    assert lines[0] == "search: 2 of 4 done"
    assert re.fullmatch(
        r"trial 3/4  accuracy \d\d\.\d % \(short training\)  [\d.]+ ms  [\d.]+M MACs  in [\d.]+ s"
        r"  front 1  hypervolume 0\.250",
        lines[1],
    )
    assert lines[2].startswith("trial 4/4  failed: diverged: the loss was nan in epoch 2")
    assert lines[3:] == ["confirm: 1 to do", "[bold]kept as it is[/bold]"]


def test_live_display_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    console, text = shown(terminal=True)
    play(console)
    seen = text.getvalue()
    assert "\x1b" in seen
    for said in (
        "1/1",
        "front 1  hypervolume 0.250",
        "rejected by the budget 1",
        "failed 1",
        "[bold]kept as it is[/bold]",
    ):
        assert said in seen, said


@pytest.mark.parametrize("terminal", [True, False])
def test_the_display_counts_what_was_stopped(terminal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    console, text = shown(terminal=terminal)
    with TerminalDisplay(console) as progress:
        progress.stage("search", 3)
        for row in sample_trials(1, 0, 0, stopped=2):
            progress.trial(row, front_size=1, hypervolume=0.25, best=0.9)
    assert "stopped 2" in text.getvalue()
    if not terminal:
        first, second, third = text.getvalue().splitlines()[1:]
        assert "stopped" not in first
        assert re.match(r"trial 2/3  stopped after accuracy \d\d\.\d % \(short training\)  .*  stopped 1$", second)
        assert third.startswith("trial 3/3  stopped after training-free score  ")


def test_silent_has_every_method_of_the_display() -> None:
    def public(kind: type) -> set[str]:
        return {name for name in vars(kind) if not name.startswith("_")}

    assert public(Silent) == public(TerminalDisplay)
    with Silent() as silent:
        silent.stage("search", 1)
        silent.trial(sample_trials(1)[0], front_size=0, hypervolume=0.0, best=None)


def test_final_table_fits_80_columns() -> None:
    console, text = shown(terminal=False)
    print_front(console, sample_front())
    lines = text.getvalue().splitlines()
    assert len(lines) == 2 + 6 + 2 + 2
    assert "means of the seeds" in lines[-4]
    assert lines[2].split() == ["1", "90.5", "(88.7-91.9)", "5.20*", "(4.84-5.56)", "3.12", "38.0M", "f000000000000000"]
    assert "…" not in text.getvalue()
    assert "extrapolates" in lines[-3]
    assert tuple(lines[-2:]) == sample_front().gain.sentences


@pytest.mark.parametrize("width", [20, 40, 60, 80, 200])
def test_no_figure_is_cut_however_narrow_the_terminal(width: int) -> None:
    console, text = shown(terminal=False, width=width)
    print_front(console, sample_front())
    assert "…" not in text.getvalue()
    for figure in ("90.5 (88.7-91.9)", "5.20* (4.84-5.56)", "22.20 (20.65-23.75)", "38.0M", "f000000000000005"):
        assert figure in text.getvalue()


@pytest.mark.parametrize("width", [20, 40, 60, 80])
def test_no_count_is_cut_while_a_search_runs(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    console, text = shown(terminal=True, width=width)
    with TerminalDisplay(console) as progress:
        progress.stage("search", 10_000, 1234)
        progress.trial(sample_trials(1)[0], front_size=1, hypervolume=0.25, best=0.9)
    assert "1235/10000" in text.getvalue()
    assert "0.250" in text.getvalue()


def test_a_warning_is_printed_once_and_kept() -> None:
    console, text = shown(terminal=False)
    with TerminalDisplay(console) as progress:
        progress.warning("too\nlate")
        progress.warning("too late")
        progress.warning("x" * 10_000)
        progress.message("caf\udce9 \x1b[2J")
    first, second, message = text.getvalue().splitlines()
    assert first == "warning: too late"
    assert second.endswith("…")
    assert len(second) < 500
    assert message == r"caf\xe9  [2J"
    assert progress.warnings == ["too late", second.removeprefix("warning: ")]


def test_what_scores_give_is_not_called_an_accuracy() -> None:
    row = replace(sample_trials(1)[0], accuracy=0.75, how="score")
    assert "above 75.0 % of the space (training-free score)" in _trial_text(row)
    assert "accuracy 75.0 % (short training)" in _trial_text(replace(row, how="short"))
