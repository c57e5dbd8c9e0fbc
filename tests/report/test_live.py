"""nas.report.live: what is seen of a search while it runs."""

import io
import re
from collections.abc import Sequence
from dataclasses import replace

import pytest
from rich.console import Console

from nas.measures import MEASURES
from nas.report.live.chart import FRONT, PLAIN, Point, as_ascii, draw, points
from nas.report.live.display import TerminalDisplay, _trial_text
from nas.report.live.state import State
from nas.report.live.time_left import Left, TimeLeft, clock
from nas.report.notebook.display import NotebookDisplay
from tests.helpers.display import Silent
from tests.helpers.recorded_ends import FEW, SCORED, SHARED, TRAINED
from tests.helpers.run_sample import sample_trials


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


def test_a_log_says_now_and_then_how_far_a_stage_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps of six minutes each, then of ten seconds; trials have lines of their own."""
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    console, text = shown(terminal=False)
    trial = sample_trials(1)[0]
    with TerminalDisplay(console) as progress:
        progress.stage("baselines", 6)
        for _ in range(6):
            now[0] += 360
            progress.advance()
        progress.stage("test", 11)
        for _ in range(11):
            now[0] += 10
            progress.advance()
        progress.stage("search", 2)
        now[0] += 360
        progress.trial(trial, front_size=1, hypervolume=0.25, best=0.9)
    lines = text.getvalue().splitlines()
    assert lines[:9] == [
        "baselines: 6 to do",
        *(f"baselines: {done} of 6 done" for done in (1, 2)),
        *(f"baselines: {done} of 6 done, {left}:00 left" for done, left in ((3, 18), (4, 12), (5, 6))),
        "test: 11 to do",
        "test: 6 of 11 done, 0:50 left",
        "search: 2 to do",
    ]
    assert [line[:10] for line in lines[9:]] == ["trial 1/2 "]


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
    def public(display: object) -> set[str]:
        return {name for name in dir(display) if not name.startswith("_") and callable(getattr(display, name))}

    assert public(Silent()) == public(TerminalDisplay())
    assert public(NotebookDisplay(MS)) == public(TerminalDisplay()) - {"stop"}
    with Silent() as silent:
        silent.stage("search", 1)
        silent.trial(sample_trials(1)[0], front_size=0, hypervolume=0.0, best=None)


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


# Time left


def said(ends: Sequence[float]) -> list[tuple[Left, float]]:
    """After each but the last trial of a recorded search, what is said to be left, and what was."""
    time = [0.0]
    left = TimeLeft(lambda: time[0])
    left.begin(len(ends))
    found = []
    for end in ends[:-1]:
        time[0] = end
        left.step()
        told = left.left()
        if told:
            found.append((told, ends[-1] - end))
    return found


def is_single(told: Left) -> bool:
    return " to " not in str(told)


def test_a_single_figure_for_the_time_left_holds_within_30_percent_in_recorded_searches() -> None:
    moments = [pair for ends in (SCORED, SHARED, TRAINED, *FEW) for pair in said(ends)]
    single = [(told.value, was) for told, was in moments if is_single(told)]
    assert len(single) > 100, "most of the time of a long search"
    right = sum(0.7 <= value / was <= 1.3 for value, was in single)
    assert right / len(single) > 0.85
    held = sum(told.low <= was <= told.high for told, was in moments)
    assert held / len(moments) > 0.65


@pytest.mark.parametrize("ends", FEW)
def test_of_a_few_unequal_trials_a_range_is_said_that_mostly_holds(ends: Sequence[float]) -> None:
    moments = said(ends)
    assert not any(is_single(told) for told, _ in moments)
    assert sum(told.low <= was <= told.high for told, was in moments) / len(moments) > 0.6


def test_time_left_runs_down_and_ends_with_the_limit() -> None:
    time = [0.0]
    left = TimeLeft(lambda: time[0])
    left.begin(100, seconds=60)
    assert left.left() is None
    for _ in range(10):
        time[0] += 2
        left.step()
    assert left.left() == Left(40, 40, 40), "not 180 s: the limit of 60 s comes first"
    time[0] += 5
    assert str(left.left()) == "0:35"
    left.begin(10)
    for _ in range(5):
        time[0] += 2
        left.step()
    assert str(left.left()) == "0:10"
    time[0] += 100
    assert str(left.left()) == "0:00", "never below"


def test_a_step_counts_for_its_share_of_the_work() -> None:
    """Eight trainings of networks of 128 to 1 MMACs, the large ones first, each second a MMAC."""
    time = [0.0]
    left = TimeLeft(lambda: time[0])
    works = [2**power for power in range(7, -1, -1)]
    left.begin(len(works))
    for index, work in enumerate(works):
        time[0] += work
        left.step(work / sum(works))
        if index >= 2:
            rest = sum(works[index + 1 :])
            assert str(left.left()) == clock(rest)


def test_a_stage_begun_anew_knows_nothing_of_the_one_before() -> None:
    state = State()
    state.begin("search", 9, 2)
    state.now("trial 2", "trial 3")
    began = state.doing["trial 3"]
    state.now("trial 3", "trial 4")
    assert list(state.doing) == ["trial 3", "trial 4"]
    assert state.doing["trial 3"] == began
    for _ in range(4):
        state.step()
    assert state.done == 6
    assert state.left.left() is not None
    state.begin("confirm", 4, 1)
    assert (state.stage, state.done, state.doing, state.left.left()) == ("confirm", 1, {}, None)


def test_a_clock() -> None:
    assert [clock(seconds) for seconds in (-1, 7.4, 750, 3723)] == ["0:00", "0:07", "12:30", "1:02:03"]
    assert str(Left(100, 50, 150)) == "0:50 to 2:30"
    assert str(Left(0.2, 0, 0.4)) == "0:00"


# The chart

MS = MEASURES["latency"]
SHAPE = [Point(1, 0.5, 0.5), Point(10, 0.9, 0.9), Point(100, 0.7, 0.7), Point(10, 0.6, 0.6)]


def test_the_chart_has_the_front_on_a_log_axis() -> None:
    lines = draw(SHAPE, MS, columns=47, lines=10)
    assert len(lines) == 10
    assert all(len(line) <= 47 for line in lines)
    assert lines[0] == f" 90.0 │{' ' * 20}{FRONT}", "ten is halfway between 1 and 100"
    assert lines[7].startswith(f" 50.0 │{FRONT}")
    assert lines[4].endswith(PLAIN), "dear and worse than another"
    assert "".join(lines).count(FRONT) == 2
    assert re.fullmatch(r" {7}1 +latency \(ms\) +100", lines[-1])
    assert as_ascii("".join(lines)).isascii()


def test_the_chart_goes_by_what_networks_are_ranked_by() -> None:
    lucky, sound = Point(1, 0.9, 0.4), Point(2, 0.5, 0.8)
    assert "".join(draw([lucky, sound], MS, 60, 8)).count(FRONT) == 2
    assert "".join(draw([replace(lucky, cost=3), sound], MS, 60, 8)).count(FRONT) == 1


@pytest.mark.parametrize(("columns", "lines"), [(80, 4), (20, 12), (0, 0)])
def test_there_is_no_chart_where_there_is_no_room(columns: int, lines: int) -> None:
    assert draw(SHAPE, MS, columns, lines) == []
    assert draw([], MS, 80, 12) == []


def test_equal_networks_and_one_alone_are_drawn() -> None:
    for count in (1, 3):
        assert "".join(draw([Point(5, 0.5, 0.5)] * count, MS, 60, 8)).count(FRONT) == 1


def test_the_points_are_those_of_complete_trials() -> None:
    rows = sample_trials(3, 1, 1, stopped=2)
    found = points(rows, MS)
    assert [each.cost for each in found] == [row.costs["latency_ms"] for row in rows[:3]]
    assert points([replace(rows[0], worth=0.25)], MS)[0].rank == 0.25


@pytest.mark.parametrize("height", [10, 40])
def test_a_live_display_shows_the_chart_and_what_is_being_done(height: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    text = io.StringIO()
    console = Console(file=text, force_terminal=True, width=80, height=height, color_system=None, legacy_windows=False)
    with TerminalDisplay(console) as progress:
        progress.earlier(sample_trials(4, 0, 0))
        progress.stage("search", 10, 4)
        progress.now("trial 4: short", "trial 5: short")
        progress.trial(sample_trials(1)[0], front_size=1, hypervolume=0.25, best=0.9)
    seen = text.getvalue()
    assert "trial 4: short 0:00, trial 5: short 0:00" in seen
    assert (FRONT in seen) == (height == 40)
    assert all(len(line) <= 80 for line in re.sub("\x1b\\[[0-9;?]*[A-Za-z]", "", seen).splitlines())


def test_plain_lines_hold_no_chart() -> None:
    console, text = shown(terminal=False)
    with TerminalDisplay(console) as progress:
        progress.earlier(sample_trials(4, 0, 0))
        progress.stage("search", 5, 4)
        progress.now("trial 4: short")
        progress.limit(60)
    assert text.getvalue() == "search: 4 of 5 done\n"


def test_a_run_of_several_says_which_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    console, text = shown(terminal=False)
    with TerminalDisplay(console, title="run 2 of 6 · budget=2M", mark="[2/6] ") as progress:
        progress.stage("search", 5)
        progress.warning("odd")
    assert text.getvalue() == "[2/6] run 2 of 6 · budget=2M\n[2/6] search: 5 to do\n[2/6] warning: odd\n"
    assert progress.warnings == ["odd"]
    monkeypatch.setenv("TERM", "xterm")
    console, text = shown(terminal=True)
    with TerminalDisplay(console, title="run 2 of 6 · budget=2M") as progress:
        progress.stage("search", 5)
    assert "run 2 of 6 · budget=2M" in text.getvalue()
