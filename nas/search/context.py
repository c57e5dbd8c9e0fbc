"""What the steps of one run share."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from optuna.study import Study

from nas.problem import Problem
from nas.proxies.base import Failed
from nas.search.display import Display
from nas.search.executors.base import Executor
from nas.search.record.drivers import Driver
from nas.search.record.jobs import Job, evaluate_once

T = TypeVar("T")

AGAIN = "the same command tries what failed again"

LONG = 10
"""Long trainings and what is done with them may take this many times as long as an evaluation of the search."""


@dataclass(frozen=True, slots=True)
class Run:
    """What is looked for, the record, where evaluations run, where files go, and what is shown.

    `reference_point`, by objective, is where hypervolume counts from. `trial_time_limit` is the seconds that one
    evaluation may take, None for any. Why evaluations failed is gathered in `failures`. `driver` is this process among
    those that share the study, None where it has it for itself.
    """

    problem: Problem
    study: Study
    executor: Executor
    folder: Path
    display: Display
    reference_point: Mapping[str, float]
    trial_time_limit: float | None = None
    failures: list[Failed] = field(default_factory=list)
    driver: Driver | None = None

    @property
    def long_time_limit(self) -> float | None:
        """The seconds that a long training, its test or its export may take."""
        return None if self.trial_time_limit is None else LONG * self.trial_time_limit

    def do_once(
        self, stage: str, jobs: Mapping[str, Job[T]], executor: Executor | None = None
    ) -> dict[str, T | Failed]:
        """The results of `jobs` by name, as `evaluate_once` gives them."""
        return evaluate_once(self.study, executor or self.executor, jobs, self.display, stage)

    def warn_of_failures(self, what: str, *results: object) -> None:
        """Tell the user of each result that is a failure."""
        for result in results:
            if isinstance(result, Failed):
                self.failures.append(result)
                self.display.warning(f"{what} failed: {result.error}")
