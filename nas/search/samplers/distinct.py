"""Samplers made fit for networks: without repeats, and repeatable after any crash."""

from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from nas.errors import BudgetError
from nas.problem import Problem
from nas.search.parameters import decode, distributions, encode
from nas.search.pareto.pool import Exhausted
from nas.search.pareto.sampler import ParetoSampler
from nas.search.record.trial import Drawn, TrialRecord, note_proposal, record, trials
from nas.search.samplers.base import SamplerSettings

SamplerMaker = Callable[[int], BaseSampler]

STUCK = 20
"""After this many rejections in a row, a proposal is drawn inside the budget instead."""


class DistinctSampler(BaseSampler):
    """Proposals of a base sampler, never a network that the study holds already.

    Stateless: the base sampler is made anew for every draw, seeded by `seed`, the trial's number and the
    attempt (unless it is stateless itself), so a proposal depends on those and the study's history alone,
    and a resumed study goes on as an unbroken one would. When the base sampler keeps proposing known
    networks, or the last `STUCK` proposals were all rejected, the proposal is drawn inside the budget.
    Each proposal's trial notes how it was `drawn`: a base sampler that proposes no parameters together has
    no model (yet), and its draws are `random`.
    """

    def __init__(self, problem: Problem, make: SamplerMaker, seed: int) -> None:
        self._problem = problem
        self._make = make
        self._seed = seed
        self._distributions = distributions(problem.space)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """The whole space: every parameter is drawn together."""
        return self._distributions

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Parameters of a network that no trial of the study has; none for a trial that was enqueued with all.

        Raises:
            Exhausted: there is no such network left, or none can be found.
        """
        fixed = trial.system_attrs.get("fixed_params")
        if fixed is not None and fixed.keys() >= self._distributions.keys():
            return {}
        others = [each for each in trials(study) if each.number != trial.number]
        seen = _keys(study)
        for attempt in range(0 if _rejected_in_a_row(others) >= STUCK else 10):
            try:
                params, drawn = self._draw(study, trial, attempt)
            except Exhausted:  # among its candidates; there may be others
                break
            if decode(self._problem.space, params).key not in seen:
                if record(study, trial.number).drawn is None:  # else the base has noted it, and knows it better
                    note_proposal(study, trial, drawn)
                return params
        params = self._unseen(np.random.default_rng((self._seed, trial.number)), seen)
        note_proposal(study, trial, "random")
        return params

    def sample_many(self, study: Study, trials: Sequence[FrozenTrial]) -> list[dict[str, Any]]:
        """Parameters for at most as many trials, which are drafts, together; of a sampler that cannot, for the first.

        Raises:
            Exhausted: there is no network left, or none can be found.
        """
        base = self._base(trials[0], 0)
        if isinstance(base, ParetoSampler):
            try:
                found = base.sample_many(study, trials, self._distributions)
            except Exhausted:  # among its candidates; there may be others
                found = []
            seen = _keys(study)
            fresh = takewhile(lambda params: decode(self._problem.space, params).key not in seen, found)
            if many := list(fresh):
                return many
        return [self.sample_relative(study, trials[0], self._distributions)]

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Never needed: `sample_relative` gives every parameter."""
        raise NotImplementedError(f"{param_name} is not a variable of the search space")

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Any) -> None:
        """Pass on to the base sampler, which may keep notes in the study."""
        self._base(trial, 0).after_trial(study, trial, state, values)

    def _base(self, trial: FrozenTrial, attempt: int) -> BaseSampler:
        state = np.random.SeedSequence((self._seed, trial.number, attempt)).generate_state(1)
        return self._make(int(state[0]))

    def _draw(self, study: Study, trial: FrozenTrial, attempt: int) -> tuple[dict[str, Any], Drawn]:
        """The base sampler's proposal, and how it was drawn."""
        base = self._base(trial, attempt)
        base.before_trial(study, trial)
        params = dict(base.sample_relative(study, trial, base.infer_relative_search_space(study, trial)))
        drawn: Drawn = "model" if params else "random"
        for name, distribution in self._distributions.items():
            if name not in params:
                params[name] = base.sample_independent(study, trial, name, distribution)
        return params, drawn

    def _unseen(self, rng: np.random.Generator, seen: set[str]) -> dict[str, Any]:
        """A network inside the budget that is not in `seen`, drawn uniformly."""
        try:
            rows = self._problem.draw(rng, 1, lambda arch: arch.key not in seen)
        except BudgetError as error:
            raise Exhausted from error
        if not len(rows):
            raise Exhausted
        return encode(self._problem.space, rows[0])


def _keys(study: Study) -> set[str]:
    """The networks that a study has."""
    return {trial.key for trial in trials(study) if trial.key is not None and trial.state != "yielded"}


def _rejected_in_a_row(trials: list[TrialRecord]) -> int:
    """How many of the last finished trials were rejected, without one that was not."""
    count = 0
    for trial in reversed(trials):
        if trial.state == "rejected":
            count += 1
        elif trial.state != "running":
            break
    return count


def make_sampler(problem: Problem, settings: SamplerSettings, seed: int) -> DistinctSampler:
    """The sampler of these settings, made distinct and stateless."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    if settings.stateless:
        once = settings.make(problem, seed)
        return DistinctSampler(problem, lambda state: once, seed)
    return DistinctSampler(problem, lambda state: settings.make(problem, state), seed)
