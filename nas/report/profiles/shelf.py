"""The shelf of devices as tables for the terminal."""

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from nas.latency.profile import HardwareProfile
from nas.latency.shelf import Shelved
from nas.reading.plain import one_line

_HINT = (
    "Error: mean, each network predicted from the others. MobileNetV2: 1.0 at 224 pixels.\n"
    "hardware=NAME shows the configurations of one device, and where its figures come from."
)


def print_devices(found: Sequence[Shelved]) -> None:
    """A row for each device: its name as `hardware=` takes it on a line of its own, what it is below."""
    table = Table()
    table.add_column("device", overflow="fold", min_width=max(len(each.name) for each in found))
    for heading in ("config.", "networks", "error", "MobileNetV2", "objectives"):
        table.add_column(heading, justify="right", overflow="fold")
    groups = by_device(found)
    for rows in groups:
        runtimes = ", ".join(dict.fromkeys(row.runtime for row in rows))
        about = f"\n{rows[0].device}; {rows[0].soc}; {runtimes}"
        table.add_row(
            Text.assemble((rows[0].name, "bold"), about),
            str(len(rows)),
            span([row.networks for row in rows], "d"),
            f"{span([row.mape_percent for row in rows], '.1f')} %",
            f"{span([row.yardstick_ms for row in rows], '.3g')} ms",
            objectives(rows).replace(" ", "\n"),
        )
    console = Console()
    console.print(table)
    console.print(f"{len(groups)} devices, {len(found)} configurations. {_HINT}", highlight=False, soft_wrap=True)


def print_configurations(found: Sequence[Shelved], profile: HardwareProfile) -> None:
    """A row for each configuration of a device, and what `profile`, one of them, says of where figures come from."""
    console, table = Console(), Table()
    for heading in ("configuration", "cores", "runtime"):
        table.add_column(heading, overflow="fold")
    for heading in ("networks", "leave-one-out", "largest", "covered", "MobileNetV2 ms", "objectives"):
        table.add_column(heading, justify="right", overflow="fold")
    for row in found:
        table.add_row(
            *(row.configuration, row.cores, f"{row.runtime} {row.runtime_version}", str(row.networks)),
            *(f"{row.mape_percent:.1f} %", f"{row.max_percent:.1f} %", f"{row.coverage_percent:.0f} %"),
            *(f"{row.yardstick_ms:.3g}", row.objectives),
        )
    console.print(f"{found[0].name}: {found[0].device}; {found[0].soc}", highlight=False, soft_wrap=True)
    console.print(table)
    said = [f"A configuration goes after a colon; without one it is {profile.configuration}."] if len(found) > 1 else []
    said += [f"Source: {profile.source}", f"Licence: {profile.license}", *(f"- {note}" for note in profile.notes)]
    for line in said:
        console.print(one_line(line), highlight=False, markup=False, soft_wrap=True)


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
