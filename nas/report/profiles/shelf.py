"""The shelf of devices as tables for the terminal."""

from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from nas.latency.profile import HardwareProfile
from nas.latency.shelf import Shelved
from nas.reading.plain import one_line
from nas.reading.words import cut

_HINT = (
    "Error: mean, each network predicted from the others. MobileNetV2: 1.0 at 224 pixels.\n"
    "All predict latency, some energy also. "
    "hardware=NAME shows the configurations of one device, and where its figures come from."
)

_HEADINGS = ("device", "config.", "networks", "error", "MobileNetV2", "also")
_LEAST = 16  # characters of what a device is
_EACH = (
    "Error: mean, and largest, each network predicted from the others; covered: how many of the 90 % intervals hold "
    "the measured time. MobileNetV2: 1.0 at 224 pixels."
)


def print_devices(found: Sequence[Shelved]) -> None:
    """A line for each device, its name first; of what it is as much as the terminal holds."""
    console, groups = Console(), by_device(found)
    rows = [_HEADINGS, *map(_cells, groups)]
    room = console.width - sum(max(map(len, column)) + 2 for column in zip(*rows, strict=True)) - 3
    table = _table(*_HEADINGS, *(["what"] if room >= _LEAST else []))
    for (name, *cells), shelved in zip(rows[1:], groups, strict=True):
        runtimes = ", ".join(dict.fromkeys(each.runtime for each in shelved))
        what = f"{shelved[0].device}; {shelved[0].soc}; {runtimes}"
        table.add_row(Text(name, "bold"), *cells, *([cut(what, room)] if room >= _LEAST else []))
    console.print(table)
    console.print(f"{len(groups)} devices, {len(found)} configurations. {_HINT}", highlight=False, soft_wrap=True)


def _cells(rows: Sequence[Shelved]) -> tuple[str, ...]:
    """What the configurations of a device have in common, or their spans."""
    spans = (
        span([row.networks for row in rows], "d"),
        f"{span([row.mape_percent for row in rows], '.1f')} %",
        f"{span([row.yardstick_ms for row in rows], '.3g')} ms",
    )
    also = objectives(rows).replace("latency", "").strip()
    return (rows[0].name, str(len(rows)), *(each.replace(" – ", "–") for each in spans), also)


def print_configurations(found: Sequence[Shelved], profile: HardwareProfile) -> None:
    """A row for each configuration of a device, and what `profile`, one of them, says of where figures come from."""
    runtimes = list(dict.fromkeys(f"{row.runtime} {row.runtime_version}" for row in found))
    networks, alike = {row.networks for row in found}, len(runtimes) == 1
    headings = ["networks"] if len(networks) > 1 else []
    table = _table("configuration", *headings, "error", "largest", "covered", "MobileNetV2", "cores")
    for row in found:
        runtime = "" if alike else f", {row.runtime} {row.runtime_version}"
        table.add_row(
            Text(row.configuration, "bold"),
            *([str(row.networks)] if headings else []),
            *(f"{row.mape_percent:.1f} %", f"{row.max_percent:.1f} %", f"{row.coverage_percent:.0f} %"),
            *(f"{row.yardstick_ms:.3g} ms", f"{row.cores}{runtime}"),
        )
    about = f"{found[0].name}: {found[0].device}; {found[0].soc}" + f"; {runtimes[0]}" * alike
    console = Console()
    console.print(about, highlight=False, soft_wrap=True)
    console.print(table)
    said = [_EACH] if headings else [f"{_EACH} Of each configuration {networks.pop()} networks were measured."]
    said += [f"It predicts {objectives(found).replace(' ', ' and ')}."]
    if len(found) > 1:
        said.append(f"A configuration goes after a colon; without one it is {profile.configuration}.")
    said += [f"Source: {profile.source}", f"Licence: {profile.license}", *(f"- {note}" for note in profile.notes)]
    for line in said:
        console.print(one_line(line), highlight=False, markup=False, soft_wrap=True)


def _table(*headings: str) -> Table:
    """A table of which the last column alone may be folded: the first is what `hardware=` takes."""
    table = Table(box=box.SIMPLE_HEAD, collapse_padding=True, show_edge=False)
    for heading in headings:
        is_text = heading in (headings[0], headings[-1], "also")
        table.add_column(heading, justify="left" if is_text else "right", no_wrap=heading != headings[-1])
    return table


def objectives(rows: Sequence[Shelved]) -> str:
    """Those of any of the configurations."""
    return " ".join(dict.fromkeys(word for row in rows for word in row.objectives.split()))


def by_device(found: Iterable[Shelved]) -> list[list[Shelved]]:
    """The configurations of each device together."""
    groups: dict[str, list[Shelved]] = {}
    for each in found:
        groups.setdefault(each.name, []).append(each)
    return list(groups.values())


def span(values: Sequence[float], form: str) -> str:
    """The least and the most of `values`, or the one there is."""
    ends = [f"{value:{form}}" for value in (min(values), max(values))]
    return ends[0] if ends[0] == ends[1] else f"{ends[0]} – {ends[1]}"
