"""Proposals that are drafted ahead: as good as one by one, none twice, and no worker waits for the sampler."""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from optuna.distributions import IntDistribution
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from nas.search.loop import Stopping, search
from nas.search.parameters import decode, distributions
from nas.search.pareto import batch
from nas.search.pareto.pool import Exhausted
from nas.search.proposals import Proposals
from nas.search.record.draft import drafting
from nas.search.record.study import open_study
from nas.search.record.trial import ask, read_trial, rows
from nas.search.rungs import Ladder, Rung
from nas.search.samplers import SAMPLERS
from nas.search.samplers.distinct import DistinctSampler, make_sampler
from nas.spaces.budget import Budget
from nas.spaces.space import SearchSpace
from tests.helpers.search import TINY, Threads, context, evaluate, go, in_memory, keys, problem, sampler_settings


def drafts(study: Study, count: int) -> list[FrozenTrial]:
    """Proposals for so many trials at once; the study stays as it is."""
    view, storage = drafting(study)
    new = [storage.get_trial(storage.create_new_trial(view._study_id)) for _ in range(count)]
    sampler = study.sampler
    assert isinstance(sampler, DistinctSampler)
    for trial, params in zip(new, sampler.sample_many(view, new), strict=False):
        trial.params, trial.distributions = params, distributions(TINY)
    return [trial for trial in storage.written() if trial.params]


def begun(name: str, trials: int) -> Study:
    study = in_memory(problem())
    go(problem(), study, name, trials=trials)
    return study


def test_a_batch_is_what_proposals_one_by_one_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is imagined in steps against models that are fitted and asked anew for each; tiny is weighed whole by both.

    With so many imagined outcomes that it hardly matters which were drawn.
    """
    monkeypatch.setattr(batch, "WORLDS", 300)
    study = begun("pareto", 12)
    together = [decode(TINY, trial.params).key for trial in drafts(study, 5)]
    alone = []
    for _ in range(5):
        trial = ask(study, distributions(TINY))
        alone.append(decode(TINY, trial.params).key)
    assert together[0] == alone[0]
    assert len(set(together)) == len(set(alone)) == 5
    # the models of the latter scale their inputs by what is pending too, so that near ties may go either way
    assert len(set(together) & set(alone)) >= 3


@pytest.mark.parametrize("trials", [2, 30])
def test_a_batch_holds_nothing_that_the_study_has_and_notes_how_it_came_about(trials: int) -> None:
    study = begun("pareto", trials)
    before = study.trials
    found = drafts(study, 12)
    networks = [decode(TINY, trial.params).key for trial in found]
    assert len(networks) == len(set(networks)) == 12
    assert not set(networks) & set(keys(rows(study)))
    notes = [read_trial(trial) for trial in found]
    assert {note.drawn for note in notes} == {"start" if trials == 2 else "model"}
    assert all((note.expected_gain is None) == (trials == 2) for note in notes)
    assert study.trials == before  # nothing is written of what may never begin


def test_a_batch_ends_with_the_space(twelve: SearchSpace) -> None:
    wanted = problem(space=twelve)
    study = in_memory(wanted)
    go(wanted, study, "pareto", trials=8)
    proposals = Proposals(context(wanted, study), [], 64)
    try:
        found = [proposals.begin() for _ in range(4)]
        assert len({decode(twelve, trial.params).key for trial in found}) == 4
        with pytest.raises(Exhausted):
            proposals.begin()
    finally:
        proposals.close()


@pytest.mark.parametrize("name", SAMPLERS)
def test_eight_at_once_inside_the_budget_and_nothing_twice(name: str) -> None:
    wanted, executor = problem(Budget.parse("1M")), Threads(8)
    study = in_memory(wanted)
    start = [TINY.architecture(row) for row in TINY.sample(np.random.default_rng(9), 3)]
    found = go(wanted, study, name, trials=40, executor=executor, start=start)
    executor.close()
    done = keys(found, "complete")
    assert len(done) == len(set(done)) == 40
    assert keys(found)[:3] == [arch.key for arch in start]
    assert all((row.costs["macs"] > 1e6) == (row.state == "rejected") for row in found)
    assert not study.get_trials(states=(TrialState.RUNNING,))


def test_with_one_worker_a_proposal_knows_the_last_result(tmp_path: Path) -> None:
    """So one seed gives one search, whatever takes how long."""
    told: list[int] = []

    class Watching(BaseSampler):
        def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, Any]:
            return {}

        def sample_relative(self, study: Study, trial: FrozenTrial, search_space: Any) -> dict[str, Any]:
            told.append(len(study.get_trials(states=(TrialState.COMPLETE,))))
            return {}

        def sample_independent(self, study: Study, trial: FrozenTrial, name: str, distribution: Any) -> Any:
            drawn = int(np.random.default_rng((trial.number, len(name))).integers(0, 2))
            ordered = isinstance(distribution, IntDistribution)
            return distribution.low + drawn * distribution.step if ordered else distribution.choices[drawn]

    study = open_study(tmp_path, None, problem().directions, {})
    sampler = DistinctSampler(problem(), lambda seed: Watching(), 0)
    run = context(problem(), study)
    search(run, Ladder((Rung("short", evaluate),)), sampler, Stopping(4))
    assert sorted(set(told)) == [0, 1, 2, 3]


def test_a_free_worker_does_not_wait_for_the_sampler() -> None:
    """The sampler hangs once proposals for four are there: three more begin meanwhile, the next one after it."""
    wanted, study = problem(), in_memory(problem())
    study.sampler = sampler = make_sampler(wanted, sampler_settings("pareto"), 0)
    whole, released, hanging = sampler.sample_many, threading.Event(), threading.Event()

    def slow(view: Study, new: Sequence[FrozenTrial]) -> list[dict[str, Any]]:
        if study.get_trials(deepcopy=False):
            hanging.set()
            assert released.wait(60)
        return whole(view, new)

    sampler.sample_many = slow  # type: ignore[method-assign, assignment]
    proposals = Proposals(context(wanted, study), [], 4)
    try:
        begun = [proposals.begin()]
        proposals.prepare()
        assert hanging.wait(60)
        begun += [proposals.begin() for _ in range(3)]
        assert not released.is_set()
        released.set()
        begun += [proposals.begin() for _ in range(2)]
    finally:
        released.set()
        proposals.close()
    assert len({decode(TINY, trial.params).key for trial in begun}) == 6
