"""What the person at the terminal sees at the end: the front of a search, and what a full training gave."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from nas.measures import Interval
from nas.report.devices import device_names
from nas.report.networks import bounds, cost_measure, host_timing
from nas.report.page.ship import ship
from nas.report.sections.devices import gains
from nas.report.text import bytes_text, count_text, percent, plural
from nas.results.costs import DeviceFigure, on_devices
from nas.results.front import Front
from nas.results.member import Finished, Member
from nas.results.ordering import ordered

_COLUMNS = ("#", "accuracy %", "latency ms", "host ms", "MACs", "network")
_WHOSE = "Accuracies are means of the seeds; that of each file is in the report."
_MARK = "* extrapolates beyond the measured networks"


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


def to_ship(front: Front, folder: Path) -> Iterator[str]:
    """Which network to ship and why, as the report says it first, and its files; nothing where none learned."""
    found = ship(front)
    if found is None:
        return
    yield f"ship {found.name} ({found.key}): {found.why[0]}"
    yield f"  its files, and how to prepare an image for them: {folder / 'models' / f'{found.key}.md'}"


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
