"""`TerminalDisplay`: a live display of a search on a terminal, or plain lines.

Anywhere else (a log file, a pipe, CI) it prints one line per finished trial, and now and then how far a stage is,
without control characters. The search calls it as an observer.
"""

import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeElapsedColumn
from rich.text import Text

from nas.measures import MEASURES, Measure
from nas.reading.plain import one_line
from nas.reading.words import cut
from nas.report.live.chart import Point, as_ascii, draw, points
from nas.report.live.state import State
from nas.report.live.time_left import TimeLeft, clock
from nas.report.text import count_text, how_text, percent
from nas.results.trials import TrialRow

_NARROW = 72  # columns that the bars need
_CHART = 12  # lines
_ABOVE_AND_BELOW = 8  # lines of the terminal that are not the chart's
QUIET_S = 60.0
"""Where lines are printed, a step that ends after so long without one has its own."""


class TerminalDisplay:
    """A live display of the search; use it as a context manager, or call `stop` at the end.

    `cost` is what its chart shows the accuracy over, `title` stands first of all, `mark` before each line.
    """

    def __init__(
        self, console: Console | None = None, cost: Measure = MEASURES["latency"], title: str = "", mark: str = ""
    ) -> None:
        self._console = console or Console()
        self._is_live = self._console.is_terminal and not self._console.is_dumb_terminal
        self._state = State()
        self._bars = _bars(self._console, self._state.left)
        self._cost, self._points = cost, list[Point]()
        self._title, self._mark = title, mark
        self._live: Live | None = None
        self._task = self._bars.add_task("", visible=False)
        self._stopped = self._failed = self._rejected = 0
        self._facts, self._printed = "", time.monotonic()
        self.limit, self.now, self.warnings = self._state.limit, self._state.now, self._state.warnings

    def __enter__(self) -> Self:
        if self._title and not self._is_live:
            self._print(self._title)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stage(self, name: str, total: int, done: int = 0) -> None:
        """Begin a stage of `total` steps, each reported by `advance`; an earlier run of the folder did `done`."""
        if self._is_live and self._live is None:
            self._live = Live(console=self._console, get_renderable=self._render, refresh_per_second=4)
            self._live.start()
        self._state.begin(name, total, done)
        self._bars.remove_task(self._task)
        self._task = self._bars.add_task(escape(name), total=total, completed=done)
        if not self._is_live:
            self._print(f"{name}: {done} of {total} done" if done else f"{name}: {total} to do")

    def earlier(self, rows: Sequence[TrialRow]) -> None:
        """Show what an earlier process of the folder finished in the chart."""
        self._points += points(rows, self._cost)

    def trial(self, row: TrialRow, *, front_size: int, hypervolume: float, best: float | None) -> None:
        """Report a finished trial, a row of `trials.csv`; a rejected one is counted but not a step."""
        if row.state == "rejected":
            self._rejected += 1
            return
        self._points += points([row], self._cost)
        self._stopped += row.state == "stopped"
        self._failed += row.state == "failed"
        self._facts = _facts(front_size, hypervolume, best, self._stopped, self._failed)
        self._step()
        if not self._is_live:
            after = f"  front {front_size}  hypervolume {hypervolume:.3f}" + _count("stopped", self._stopped)
            self._print(f"trial {self._state.done}/{self._state.total}  {_trial_text(row)}{after}")
        elif row.state == "failed":
            self._print(f"trial {row.number}  {_trial_text(row)}")

    def advance(self, share: float | None = None) -> None:
        """Report one finished step of the stage, that `share` of its work where it is known."""
        self._step(share)
        state, is_quiet = self._state, time.monotonic() - self._printed >= QUIET_S
        if is_quiet and not self._is_live and state.done < state.total:
            left = state.left.left()
            self._print(f"{state.stage}: {state.done} of {state.total} done" + (f", {left} left" if left else ""))

    def message(self, text: str) -> None:
        """Print one line, above the live display where there is one."""
        self._print(text)

    def warning(self, text: str) -> None:
        """Print a warning, each once, and keep it for front.json and the report."""
        if line := self._state.warned(text):
            self._print(line)

    def stop(self) -> None:
        """Leave the display as it is and give the terminal back; calling it again does nothing."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _step(self, share: float | None = None) -> None:
        self._state.step(share)
        self._bars.advance(self._task)

    def _render(self) -> Group:
        facts = (self._facts + _count("rejected by the budget", self._rejected)).strip()
        texts = [Text(line, style="dim") for line in (facts, self._doing_text()) if line]
        title = [Text(self._title, style="bold")] if self._title else []
        return Group(*title, self._bars, *texts, *(Text(line, no_wrap=True) for line in self._chart()))

    def _doing_text(self) -> str:
        """What is being done, as much of it as one line holds."""
        now = time.monotonic()
        said = ", ".join(f"{doing} {clock(now - began)}" for doing, began in self._state.doing.items())
        return cut(said, self._console.width)

    def _chart(self) -> list[str]:
        """The front, where the terminal is high enough for it and what is said above."""
        width, height = self._console.size
        around = _ABOVE_AND_BELOW + bool(self._title)
        lines = draw(self._points, self._cost, width, min(_CHART, height - around))
        return [as_ascii(line) for line in lines] if self._console.options.ascii_only else lines

    def _print(self, text: str) -> None:
        self._printed = time.monotonic()
        self._console.print(one_line(self._mark + text), markup=False, highlight=False, soft_wrap=True)


class _LeftColumn(ProgressColumn):
    """What is left of the stage."""

    max_refresh = 0.5

    def __init__(self, left: TimeLeft) -> None:
        super().__init__()
        self._left = left

    def render(self, task: Task) -> Text:
        """As a single figure, a range, or a dash."""
        return Text(str(self._left.left() or "-"), style="progress.remaining")


def _bars(console: Console, left: TimeLeft) -> Progress:
    columns: tuple[ProgressColumn, ...] = (
        TextColumn("[bold]{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TextColumn("elapsed"),
        TimeElapsedColumn(),
        TextColumn("left"),
        _LeftColumn(left),
    )
    if console.width < _NARROW:
        columns = (MofNCompleteColumn(), TextColumn("[bold]{task.description}"))
    return Progress(*columns, console=console, expand=True)


def _facts(front_size: int, hypervolume: float, best: float | None, stopped: int, failed: int) -> str:
    best_text = f"  best accuracy {percent(best)} %" if best is not None else ""
    counts = _count("stopped", stopped) + _count("failed", failed)
    return f"front {front_size}  hypervolume {hypervolume:.3f}{best_text}{counts}"


def _count(name: str, number: int) -> str:
    return f"  {name} {number}" if number else ""


def _trial_text(row: TrialRow) -> str:
    """A trial in one line: what it is worth and what it costs, or why it failed."""
    if row.state == "failed":
        return f"failed: {' '.join((row.error or 'no reason recorded').split())}"
    how = how_text(row.how)
    worth = "above {} % of the space" if row.ranked_only else "accuracy {} %"
    parts = [how if row.accuracy is None else f"{worth.format(percent(row.accuracy))} ({how})"]
    ms, macs = row.figures.get("latency_ms"), row.figures.get("macs")
    parts += [f"{ms:.2f} ms"] if ms is not None else []
    parts += [f"{count_text(macs)} MACs"] if macs is not None else []
    parts += [f"in {row.seconds:.1f} s"] if row.seconds is not None else []
    return ("stopped after " if row.state == "stopped" else "") + "  ".join(parts)
