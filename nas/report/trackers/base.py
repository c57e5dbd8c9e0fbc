"""What every tracker has: it is told of trials and of the finished run, and closed in the end."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from nas.results.front import Front
from nas.results.trials import TrialRow

Choice = int | float | str | bool


def _no_choices(_: TrialRow) -> Mapping[str, Choice]:
    return {}


@dataclass(frozen=True, slots=True)
class Tracked:
    """The search that a tracker follows, before it begins or goes on.

    `config` is what it was asked for, flat: `proxy.epochs`. `choices` gives what the network of a trial chose of the
    space, by name. `group` is what the runs of a multirun have in common; `profiles` are the folders of the devices.
    """

    folder: Path
    config: Mapping[str, object]
    choices: Callable[[TrialRow], Mapping[str, Choice]] = _no_choices
    tags: tuple[str, ...] = ()
    group: str | None = None
    notes: str = ""
    profiles: tuple[Path, ...] = ()


class Tracker(Protocol):
    """Follows one search."""

    def trial(self, row: TrialRow, hypervolume: float, front_size: int) -> None:
        """A trial has finished; the other figures are of the whole search so far."""

    def finish(self, front: Front, trials: Sequence[TrialRow], run_folder: Path) -> None:
        """The run folder is complete."""

    def close(self) -> None:
        """Nothing more will come, finished or not."""


class TrackerSettings(Protocol):
    """The settings of a kind of tracker, which start one."""

    def start(self, tracked: Tracked) -> Tracker:
        """A tracker of that search.

        May fail in any way (no package, no account): `Guarded` calls it.
        """


def flat(values: Mapping[str, object], before: str = "") -> Iterator[tuple[str, object]]:
    """Names and values, of a mapping within under `name.` its own."""
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value
