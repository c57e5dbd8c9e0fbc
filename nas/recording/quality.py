"""How good the profile of a recording is already: while it is measured, and in the end."""

import re
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from nas.errors import NasError
from nas.latency.profile import load_profile
from nas.latency.validation import ErrorTable, leave_one_out
from nas.recording.devices.base import Report
from nas.recording.profile_writer import write_profile
from nas.recording.recordings import Recording, read_results

LEAST = 8
"""Networks from which on an error is said: of fewer it is luck."""
OFTEN_S = 30.0
"""Seconds from one look to the next, since a fit disturbs what is measured beside it."""

LINE = re.compile(r"(\w\S*): (\d+) of \d+ s: (\d+) networks(.*)")
"""What a runner prints of its progress."""


def error(recording: Recording) -> ErrorTable | None:
    """Each network of the recording predicted from the others; None for fewer than `LEAST`."""
    if recording.count("fit") < LEAST:
        return None
    with tempfile.TemporaryDirectory() as folder:
        try:
            write_profile(Path(folder, "profile"), {recording.name: recording})
            return leave_one_out(load_profile(f"{folder}/profile:{recording.name}"))
        except NasError:
            return None


def errors(results: Path, names: Iterable[str]) -> dict[str, ErrorTable | None]:
    """The errors of configurations in a results file, by name; None where there is none to tell yet."""
    try:
        found = read_results(results)
    except NasError:
        return dict.fromkeys(names)
    return {name: error(found[name]) if name in found else None for name in names}


def good_enough(results: Path, names: Iterable[str], percent: float) -> bool:
    """Whether all these configurations err by at most so much in the mean."""
    return all(table is not None and table.mape_percent <= percent for table in errors(results, names).values())


class Judging:
    """Lines of progress for `report`, with what is left of `minutes` and how good the profile of the `results` is."""

    def __init__(self, report: Report, results: Path, minutes: float) -> None:
        self._report, self._results, self._total = report, results, round(60 * minutes)
        self._said: dict[str, str] = {}
        self._networks: dict[str, int] = {}
        self._next_s = 0.0

    def __call__(self, line: str) -> None:
        """Pass a line on."""
        if not (match := LINE.fullmatch(line)):
            self._report(line)
            return
        name, used, networks, rest = match.groups()
        if int(networks) > self._networks.get(name, LEAST - 1) and time.monotonic() >= self._next_s:
            self._networks[name] = int(networks)
            if table := errors(self._results, [name])[name]:
                self._said[name] = f", error {table.mape_percent:.1f} %"
            self._next_s = time.monotonic() + OFTEN_S
        left = self._total - int(used)
        about = f"{name}: {used} of {self._total} s: {networks} network{'s' * (networks != '1')}{rest}"
        time_left = f"{left} s left" if left > 0 else "past that, until all that were begun are measured"
        self._report(f"{about}, {time_left}{self._said.get(name, '')}")


def stages(minutes: float, first: float = 2.0, growth: float = 1.5) -> list[float]:
    """Minutes after which it is asked whether that is enough, up to `minutes`."""
    found = [min(first, minutes)]
    while found[-1] < minutes:
        found.append(min(growth * found[-1], minutes))
    return found
