"""The trials that failed, and why."""

from collections.abc import Sequence

from nas.report.blocks import Column, Section, Table, section
from nas.results.front import Front
from nas.results.trials import TrialRow

_COLUMNS = (Column("trial", "number"), Column("reason"), Column("network", "code"))


def make(front: Front, trials: Sequence[TrialRow]) -> Section:
    """The section, without blocks where none failed."""
    rows = failures(trials)
    return section("Failed trials", Table(_COLUMNS, rows) if rows else None)


def failures(trials: Sequence[TrialRow]) -> tuple[tuple[str, str, str], ...]:
    """(trial, reason, network) of every failed trial."""
    failed = [row for row in trials if row.state == "failed"]
    return tuple((str(row.number), row.error or "no reason recorded", row.notation or row.key or "-") for row in failed)
