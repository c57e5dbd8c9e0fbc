"""What a command shows while a device measures: lines such as `1t_fp32: 12 of 1200 s: 3 networks, …`."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from nas.recording.devices.base import Report

WRITING = "writing the networks to measure …"
_LINE = re.compile(r"(\w\S*): (\d+) of (\d+) s: (.*)")


@contextmanager
def bars(planned: Mapping[str, Any]) -> Iterator[Report]:
    """A bar for each configuration of the plan on a terminal, the lines themselves elsewhere."""
    console = Console()
    if not console.is_terminal:
        yield print
        return
    seconds = TextColumn("{task.completed:.0f} of {task.total:.0f} s")
    columns = (TextColumn("{task.description}"), BarColumn(), seconds, TextColumn("{task.fields[counts]}"))
    with Progress(*columns, console=console) as progress:
        tasks = {
            entry["name"]: progress.add_task(entry["name"], total=60 * planned["minutes"], counts="")
            for entry in planned["configurations"]
        }

        def report(line: str) -> None:
            if match := _LINE.fullmatch(line):
                name, used, _, counts = match.groups()
                progress.update(tasks[name], completed=float(used), counts=counts)

        yield report


@contextmanager
def last_line() -> Iterator[Report]:
    """The last line on a terminal, every line elsewhere; on stderr, since stdout is for tables."""
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield note
        return
    with console.status(WRITING) as status:
        yield status.update


def note(line: str) -> None:
    """Say `line` on stderr."""
    Console(stderr=True, highlight=False, markup=False).print(line, soft_wrap=True)
