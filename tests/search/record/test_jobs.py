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

        def advance(self) -> None:
            self.told.append(())

    def square(value: int) -> Squared:
        asked.append(value)
        if value < 0:
            raise ValueError("below zero")
        return Squared(value**2)

    study = open_study(tmp_path, None, ["maximize"], {})
    jobs = {"job:2": Job(Squared, square, (2,)), "job:-1": Job(Squared, square, (-1,))}
    display = Counted()
    results = evaluate_once(study, InlineExecutor(), jobs, display, "squares")
    assert display.told == [("squares", 2), (), ()]
    assert results == {"job:2": Squared(4), "job:-1": Failed("ValueError: below zero")}
    more = {**jobs, "job:3": Job(Squared, square, (3,))}
    again = evaluate_once(load_journal(tmp_path), InlineExecutor(), more, display, "more")
    assert display.told == [("more", 1), ()]
    assert evaluate_once(load_journal(tmp_path), InlineExecutor(), jobs, display, "none") == results
    assert display.told == [("more", 1), ()]
    assert again == {**results, "job:3": Squared(9)}
    assert asked == [2, -1, 3]
