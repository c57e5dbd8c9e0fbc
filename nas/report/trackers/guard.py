"""Trackers by name, behind a guard: whatever a tracker does, the search goes on.

A tracker has three methods: `trial` after every finished trial, `finish` once the run folder is
complete, and `close`, always. Building one may fail too (no package, no account), so the guard
builds it.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from nas.errors import ConfigError
from nas.resources import names

MODES = ("offline", "online")


class Tracker(Protocol):
    """What a tracker can be told."""

    def trial(self, row: Mapping[str, Any], hypervolume: float, front_size: int) -> None:
        """A trial has finished; `row` is its row of `trials.csv`."""

    def finish(self, front: Mapping[str, Any], trials: Sequence[Mapping[str, Any]], run_folder: str | Path) -> None:
        """The run folder is complete."""

    def close(self) -> None:
        """Nothing more will come, finished or not."""


class Nothing:
    """The tracker called `none`."""

    def trial(self, row: Mapping[str, Any], hypervolume: float, front_size: int) -> None:
        """Nothing."""

    def finish(self, front: Mapping[str, Any], trials: Sequence[Mapping[str, Any]], run_folder: str | Path) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


class Guarded:
    """The tracker that `make` builds; its first failure is one warning, and then it does nothing."""

    def __init__(self, make: Callable[[], Tracker], warn: Callable[[str], None]) -> None:
        self._warn = warn
        self._tracker: Tracker = Nothing()
        self._attempt(lambda: setattr(self, "_tracker", make()))

    def trial(self, row: Mapping[str, Any], hypervolume: float, front_size: int) -> None:
        """A trial has finished."""
        self._attempt(lambda: self._tracker.trial(row, hypervolume, front_size))

    def finish(self, front: Mapping[str, Any], trials: Sequence[Mapping[str, Any]], run_folder: str | Path) -> None:
        """The run folder is complete."""
        self._attempt(lambda: self._tracker.finish(front, trials, run_folder))

    def close(self) -> None:
        """Nothing more will come."""
        self._attempt(lambda: self._tracker.close())

    def _attempt(self, step: Callable[[], None]) -> None:
        try:
            step()
        except Exception as error:  # any at all: a tracker must never stop the search
            self._tracker = Nothing()
            reason = " ".join(str(error).split()) or type(error).__name__
            self._warn(f"the tracker stopped and the search goes on without it: {reason}")


def make_tracker(kind: str, /, *, warn: Callable[[str], None], mode: str = "offline", **options: Any) -> Guarded:
    """The tracker called `kind`, guarded; `options` are `WandbTracker`'s, and `none` ignores them.

    Raises:
        ConfigError: no such tracker, or a mode other than offline and online.
    """
    check_tracker(kind, mode)
    return Guarded(partial(TRACKERS[kind], mode=mode, **options), warn)


def check_tracker(kind: str, mode: str) -> None:
    """Whether there is such a tracker.

    Raises:
        ConfigError: no such tracker, or a mode other than offline and online.
    """
    if kind not in TRACKERS:
        raise ConfigError(f"unknown tracker {kind!r}; known: {names(TRACKERS)}")
    if mode not in MODES:
        raise ConfigError(f"unknown tracker.mode {mode!r}; known: {names(MODES)}")


def _nothing(**_: Any) -> Tracker:
    return Nothing()


def _wandb(**options: Any) -> Tracker:
    from nas.report.trackers.wandb import WandbTracker

    return WandbTracker(**options)


TRACKERS: dict[str, Callable[..., Tracker]] = {"none": _nothing, "wandb": _wandb}
