"""What is evaluated next: drafted in memory, and ahead of time where several evaluations run at once.

With one evaluation at a time a proposal waits for what the last one gave. With several it never does: while they run,
a thread drafts as many proposals as there are places for, given all that is known by then, with what is still being
evaluated as pending. A worker that becomes free gets the first of them at once; then they are drafted anew.
"""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

from optuna.trial import FrozenTrial, Trial

from nas.search.context import Run
from nas.search.parameters import decode, distributions, encode
from nas.search.record.claims import begin, draft
from nas.search.record.draft import drafting
from nas.search.record.trial import ask, live, read_trial, reject, trials, write_candidate
from nas.search.samplers.distinct import DistinctSampler
from nas.spaces.architecture import Architecture


class Proposals:
    """Those of the study's sampler, after the networks of `start` that the study does not have.

    `places`: how many evaluations run at once.
    """

    def __init__(self, run: Run, start: Sequence[Architecture], places: int) -> None:
        self._study = run.study
        view, self._drafts = drafting(run.study)
        self._run = replace(run, study=view)
        self._space = distributions(run.problem.space)
        self._start, self._places = list(start), places
        self._thread = ThreadPoolExecutor(1) if places > 1 else None
        self._ready: list[FrozenTrial] = []
        self._coming: Future[list[FrozenTrial]] | None = None
        self._known = -1

    def begin(self) -> Trial | None:
        """A trial of the next network; None where it is over the budget, or another driver was quicker.

        Raises:
            Exhausted: there is no network left to propose.
        """
        return begin(self._study, self._next())

    def prepare(self) -> None:
        """Draft ahead, if there is news; called before waiting for evaluations."""
        if self._thread and self._coming is None:
            news = sum(1 + (trial.state != "running") for trial in trials(self._study))
            if news != self._known or not self._ready:
                self._known = news
                self._coming = self._thread.submit(self._drafted, self._places)

    def close(self) -> None:
        """Propose no more."""
        if self._thread:
            self._thread.shutdown(cancel_futures=True)

    def _next(self) -> FrozenTrial:
        seen = {trial.key for trial in trials(self._study) if trial.state != "yielded"}
        while self._start:
            arch = self._start.pop(0)
            if arch.key not in seen:
                return self._given(arch)
        if self._thread is None:
            return self._drafted(1)[0]
        while True:
            if self._coming and (self._coming.done() or not self._ready):
                self._ready, self._coming = self._coming.result(), None
            while self._ready:
                drafted = self._ready.pop(0)
                if read_trial(drafted).key not in seen:
                    return drafted
            self._coming = self._coming or self._thread.submit(self._drafted, self._places)

    def _given(self, arch: Architecture) -> FrozenTrial:
        if self._coming:  # drafts are made in one place at a time
            self._ready, self._coming = self._coming.result(), None
        space = self._run.problem.space
        draft(self._drafts, self._study._study_id, self._space, encode(space, space.genotype(arch)))
        return self._finished()[0]

    def _drafted(self, count: int) -> list[FrozenTrial]:
        """At most so many proposals, one at least.

        Raises:
            Exhausted: there is none.
        """
        view, sampler = self._run.study, self._study.sampler
        self._drafts.clear()
        if count > 1 and isinstance(sampler, DistinctSampler):
            new = [self._drafts.get_trial(self._drafts.create_new_trial(view._study_id)) for _ in range(count)]
            found = sampler.sample_many(view, new)
            self._drafts.clear(len(found))
            for trial, params in zip(new, found, strict=False):
                trial.params, trial.distributions = params, dict(self._space)
        else:
            ask(view, self._space)
        return self._finished()

    def _finished(self) -> list[FrozenTrial]:
        """The drafts with all that is known of their networks; those over the budget are to end as rejected."""
        for trial in self._drafts.drafts:
            if self._run.driver:
                trial.system_attrs["driver"] = self._run.driver.name
            is_inside(self._run, live(self._run.study, trial))
        return self._drafts.written()


def is_inside(run: Run, trial: Trial) -> bool:
    """Whether the network of `trial` is inside the budget; if not, the trial ends as rejected."""
    measures = read_trial(trial).measures
    if not measures:  # a resumed trial has them already
        candidate = run.problem.candidate(decode(run.problem.space, trial.params))
        measures = candidate.measures()
        if not trial.constraints:  # Optuna warns of a second time
            trial.set_constraint("budget", run.problem.budget.excess(measures) - 1)
        write_candidate(trial, measures)
    violation = run.problem.budget.violation(measures)
    if violation is None:
        return True
    reject(run.study, trial, violation)
    return False
