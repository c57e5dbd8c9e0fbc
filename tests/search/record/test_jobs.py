"""Jobs beside the trials: each is done once for a study."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nas.proxies.base import Failed
from nas.search.executors.inline import InlineExecutor
from nas.search.record.jobs import Job, evaluate_once
from nas.search.record.study import open_study
from tests.helpers.display import Silent
from tests.helpers.journal import load_journal


@dataclass(frozen=True)
class Squared:
    value: int


def test_jobs_beside_the_trials_are_done_once(tmp_path: Path) -> None:
    asked: list[int] = []

    class Counted(Silent):
        told: list[tuple[Any, ...]]

        def stage(self, *what: Any) -> None:
            self.told = [what]

        def advance(self, share: float | None = None) -> None:
            self.told.append((share,))

    def square(value: int) -> Squared:
        asked.append(value)
        if value < 0:
            raise ValueError("below zero")
        return Squared(value**2)

    study = open_study(tmp_path, None, ["maximize"], {})
    jobs = {"job:2": Job(Squared, square, (2,)), "job:-1": Job(Squared, square, (-1,))}
    display = Counted()
    results = evaluate_once(study, InlineExecutor(), jobs, display, "squares")
    assert display.told == [("squares", 2), (0.5,), (0.5,)]
    assert results == {"job:2": Squared(4), "job:-1": Failed("ValueError: below zero")}
    more = {**jobs, "job:3": Job(Squared, square, (3,))}
    again = evaluate_once(load_journal(tmp_path), InlineExecutor(), more, display, "more")
    assert display.told == [("more", 1), (1.0,)]
    assert evaluate_once(load_journal(tmp_path), InlineExecutor(), jobs, display, "none") == results
    assert display.told == [("more", 1), (1.0,)]
    assert again == {**results, "job:3": Squared(9)}
    assert asked == [2, -1, 3]


def test_what_takes_longest_is_begun_first_and_counts_for_as_much(tmp_path: Path) -> None:
    asked: list[int] = []
    shares: list[float | None] = []

    class Counted(Silent):
        def advance(self, share: float | None = None) -> None:
            shares.append(share)

    def note(value: int) -> Squared:
        asked.append(value)
        return Squared(value)

    study = open_study(tmp_path, None, ["maximize"], {})
    works = (3, 10, 2, 5)
    jobs = {f"job:{work}": Job(Squared, note, (work,), work=work) for work in works}
    results = evaluate_once(study, InlineExecutor(), jobs, Counted(), "works")
    assert asked == [10, 5, 3, 2]
    assert shares == [0.5, 0.25, 0.15, 0.1]
    assert list(results.values()) == [Squared(work) for work in works]
