"""What the person at the terminal sees while a search runs, the table at its end, and what a full training gave.

`TerminalDisplay` draws a live display on a terminal and prints one plain line per finished trial anywhere
else (a log file, a pipe, CI), without control characters. The search calls it as an observer.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.measure import Measurement
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from nas.measures import Interval
from nas.reading.plain import one_line
from nas.report.devices import device_names
from nas.report.networks import bounds, cost_measure, host_timing
from nas.report.sections.devices import gains
from nas.report.text import bytes_text, count_text, how_text, percent, plural
from nas.results.costs import DeviceFigure, on_devices
from nas.results.front import Front
from nas.results.member import Finished, Member
from nas.results.ordering import ordered
from nas.results.trials import TrialRow

_COLUMNS = ("#", "accuracy %", "latency ms", "host ms", "MACs", "network")
_WHOSE = "Accuracies are means of the seeds; that of each file is in the report."
_MARK = "* extrapolates beyond the measured networks"
_NARROW = 72  # columns that the bars need
_LONGEST_WARNING = 450  # characters
_SPEED_PERIOD = 900.0  # seconds of past trials behind "time left": a trial takes many


class TerminalDisplay:
    """A live display of the search; use it as a context manager, or call `stop` at the end."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console()
        self._is_live = self._console.is_terminal and not self._console.is_dumb_terminal
        self._bars = _bars(self._console)
        self._live: Live | None = None
        self._task = self._bars.add_task("", visible=False)
        self._total = self._done = self._stopped = self._failed = self._rejected = 0
        self._facts = ""
        self.warnings: list[str] = []

    def __enter__(self) -> Self:
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
        self._total, self._done = total, done
        self._bars.remove_task(self._task)
        self._task = self._bars.add_task(escape(name), total=total, completed=done)
        if not self._is_live:
            self._print(f"{name}: {done} of {total} done" if done else f"{name}: {total} to do")

    def trial(self, row: TrialRow, *, front_size: int, hypervolume: float, best: float | None) -> None:
        """Report a finished trial, a row of `trials.csv`; a rejected one is counted but not a step."""
        if row.state == "rejected":
            self._rejected += 1
            return
        self._stopped += row.state == "stopped"
        self._failed += row.state == "failed"
        self._facts = _facts(front_size, hypervolume, best, self._stopped, self._failed)
        self.advance()
        if not self._is_live:
            after = f"  front {front_size}  hypervolume {hypervolume:.3f}" + _count("stopped", self._stopped)
            self._print(f"trial {self._done}/{self._total}  {_trial_text(row)}{after}")
        elif row.state == "failed":
            self._print(f"trial {row.number}  {_trial_text(row)}")

    def advance(self) -> None:
        """Report one finished step of the stage."""
        self._done += 1
        self._bars.advance(self._task)

    def message(self, text: str) -> None:
        """Print one line, above the live display where there is one."""
        self._print(text)

    def warning(self, text: str) -> None:
        """Print a warning, each once, and keep it for front.json and the report."""
        text = one_line(text, _LONGEST_WARNING)
        if text not in self.warnings:
            self.warnings.append(text)
            self._print(f"warning: {text}")

    def stop(self) -> None:
        """Leave the display as it is and give the terminal back; calling it again does nothing."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _render(self) -> Group:
        facts = self._facts + _count("rejected by the budget", self._rejected)
        return Group(self._bars, Text(facts.strip(), style="dim"))

    def _print(self, text: str) -> None:
        self._console.print(one_line(text), markup=False, highlight=False, soft_wrap=True)


def print_front(console: Console, front: Front) -> None:
    """The front from cheap to expensive, numbered as in the figure and the report: a table that 80 columns hold.

    On a narrower terminal each figure has a line of its own, since none may be cut.
    """
    members = ordered(front.front, cost_measure(front))
    columns = _columns(front)
    table = _table(members, columns)
    wide = console.options.update(width=10_000, max_width=10_000)
    if Measurement.get(console, wide, table).maximum <= console.width:
        console.print(table)
    else:
        for index, member in enumerate(members, start=1):
            for name, cell in zip(columns, [Text(str(index)), *_cells(member)], strict=True):
                console.print(Text.assemble(f"{name:<10}  ", cell), soft_wrap=True)
    if members:
        marked = any(latency.extrapolates for member in members for latency in _latencies(member))
        for line in (_WHOSE, *([_MARK] if marked else [])):
            console.print(line, style="dim", highlight=False, soft_wrap=True)
    for sentence in gains(front):
        console.print(sentence, markup=False, highlight=False, soft_wrap=True)


def _columns(front: Front) -> tuple[str, ...]:
    """The headings; of several devices each has a column of its own."""
    if not front.several:
        return _COLUMNS
    times = (f"{device} ms" for device in device_names(front))
    return tuple(name for each in _COLUMNS for name in (times if each == "latency ms" else (each,)))


def _latencies(member: Member) -> list[DeviceFigure]:
    """Milliseconds on the device, or on each of several."""
    several = on_devices(member.costs)
    return [found["latency_ms"] for found in several.values()] if several else [member.latency_ms]


def _table(members: Sequence[Member], columns: Sequence[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", collapse_padding=True, pad_edge=False, show_edge=False)
    for name in columns:
        table.add_column(name, justify="left" if name == "network" else "right", no_wrap=True)
    for index, member in enumerate(members, start=1):
        table.add_row(str(index), *_cells(member))
    return table


def _cells(member: Member) -> list[Text]:
    host = host_timing(member)
    return [
        _with_bounds(bounds(member.accuracy).scaled(100), 1),
        *(_with_bounds(bounds(each), 2, "*" * each.extrapolates) for each in _latencies(member)),
        Text(f"{host.median:.2f}" if host else "-"),
        Text(count_text(member.macs)),
        Text(member.key),
    ]


def _with_bounds(found: Interval, digits: int, mark: str = "") -> Text:
    bounds = f" ({found.low:.{digits}f}-{found.high:.{digits}f})"
    return Text.assemble((f"{found.value:.{digits}f}{mark}", "bold"), (bounds, "dim"))


def _bars(console: Console) -> Progress:
    columns: tuple[ProgressColumn, ...] = (
        TextColumn("[bold]{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TextColumn("elapsed"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    if console.width < _NARROW:
        columns = (MofNCompleteColumn(), TextColumn("[bold]{task.description}"))
    return Progress(*columns, console=console, speed_estimate_period=_SPEED_PERIOD, expand=True)


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


def finished_lines(name: str, found: Finished, folder: Path, member: Member | None) -> Iterator[str]:
    """The accuracy, beside the confirmed one where a run knows the network, and each file."""
    mean = found.accuracy
    line = (
        f"{name}: {percent(mean.value)} % ({percent(mean.low)} to {percent(mean.high)}) on the test images, "
        f"{plural(mean.seeds, 'seed')}, {plural(found.epochs, 'epoch')}"
    )
    yield line + (f"; {percent(member.accuracy.value)} % when it was confirmed" if member else "")
    for file in found.files:
        if not file.path:
            yield f"  no {file.format} {file.precision}: {file.error}"
            continue
        accuracy = f"{percent(file.accuracy.value)} %, " if file.accuracy else ""
        timing = f", {file.host_latency_ms.median:.2f} ms here" if file.host_latency_ms else ""
        yield f"  {folder / file.path}  {file.precision}  {accuracy}{bytes_text(file.bytes)}{timing}"
