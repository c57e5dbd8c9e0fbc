"""The shelf of devices as tables for the terminal."""

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table

from nas.latency.shelf import Shelved

_HINT = "leave-one-out: each network predicted from the others; hardware=NAME shows the configurations of one"


def print_devices(found: Sequence[Shelved]) -> None:
    """A row for each device."""
    table = Table()
    for heading in ("name", "device", "runtime"):
        table.add_column(heading, overflow="fold")
    for heading in ("config.", "networks", "leave-one-out", "MobileNetV2 ms", "objectives"):
        table.add_column(heading, justify="right", overflow="fold")
    groups = by_device(found)
    for rows in groups:
        table.add_row(
            *(rows[0].name, f"{rows[0].device}; {rows[0].soc}", ", ".join(dict.fromkeys(row.runtime for row in rows))),
            *(
                str(len(rows)),
                span([row.networks for row in rows], "d"),
                f"{span([r.mape_percent for r in rows], '.1f')} %",
            ),
            *(
                span([row.yardstick_ms for row in rows], ".3g"),
                objectives(rows),
            ),
        )
    console = Console()
    console.print(table)
    console.print(f"{len(groups)} devices, {len(found)} configurations. {_HINT}", highlight=False, soft_wrap=True)


def print_configurations(found: Sequence[Shelved]) -> None:
    """A row for each configuration of a device."""
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
