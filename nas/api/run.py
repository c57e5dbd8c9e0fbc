"""A finished search: its folder, and what is in it."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

from nas.api.frames import data_frame
from nas.api.front import Front
from nas.api.member import Member
from nas.reading.words import cut
from nas.report.notebook.html import run_html
from nas.resources import canonical
from nas.results import front as results
from nas.results import member as found_networks
from nas.results.named import find_member, run_of
from nas.results.run_folder import read_front
from nas.results.trials import TrialRow, read_trials, table_row


@dataclass(frozen=True, slots=True)
class Trials(Sequence[TrialRow]):
    """Every network that a search proposed, in that order: the rows of trials.csv."""

    rows: tuple[TrialRow, ...]

    @overload
    def __getitem__(self, index: int) -> TrialRow: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[TrialRow, ...]: ...
    def __getitem__(self, index: int | slice) -> TrialRow | tuple[TrialRow, ...]:
        return self.rows[index]

    def __len__(self) -> int:
        return len(self.rows)

    def to_frame(self) -> Any:
        """A `pandas.DataFrame` of trials.csv, indexed by the trial's number.

        Raises:
            ConfigError: pandas is not installed.
        """
        return data_frame([table_row(row) for row in self.rows], "number")


@dataclass(frozen=True, slots=True, repr=False)
class Run:
    """A finished search in its `folder`; `front` is what it found, `front.result` all that front.json says."""

    folder: Path
    front: Front

    @property
    def trials(self) -> Trials:
        """Every network that was proposed.

        Raises:
            RunError: trials.csv is gone, or cannot be read.
        """
        return Trials(tuple(read_trials(self.folder)))

    @property
    def report(self) -> Path:
        """The page to open in a browser."""
        return self.folder / "report.html"

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the search warned of."""
        return self.front.result.warnings

    def member(self, which: int | str) -> Member:
        """A confirmed network, on the front or not, by its number from 1 or the beginning of its key.

        Raises:
            ArchitectureError: there is none such.
        """
        found = find_member(self.front.result, which, cut(str(self.folder), 200))
        return _member(self.folder, self.front.result, found)

    def __repr__(self) -> str:
        return f"{self.front!r}\nreport: {canonical(str(self.report))}"

    def _repr_html_(self) -> str:
        return run_html(self.front.result, read_trials(self.folder), self.report)


def open_run(path: str | os.PathLike[str]) -> Run:
    """The finished search in a folder, or of its front.json.

    Raises:
        RunError: there is none, or it cannot be read.
    """
    folder = (run_of(str(path)) or Path(path).expanduser()).absolute()
    result = read_front(folder)
    members = tuple(_member(folder, result, found) for found in result.front)
    return Run(folder, Front(folder, result, members))


def _member(folder: Path, result: results.Front, found: found_networks.Member) -> Member:
    return Member(folder, found.key, found, result)
