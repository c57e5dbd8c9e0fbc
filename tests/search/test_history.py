"""What a proposal weighs of a study: all of a few hundred trials, and of more the best and some of all others."""

from typing import Any

import moocore
import numpy as np
import optuna
import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.study import Study
from optuna.trial import TrialState, create_trial
from scipy.spatial.distance import pdist

from nas.search.pareto.acquisition import sketch
from nas.search.pareto.history import MOST, MOST_PENDING, History
from nas.search.pareto.pool import Grid
from nas.search.pareto.sampler import ParetoSampler

optuna.logging.set_verbosity(optuna.logging.WARNING)

SPACE: dict[str, BaseDistribution] = {"x": IntDistribution(0, 999), "op": CategoricalDistribution(("sep", "conv"))}
COSTS = {1: lambda rows: rows.indices.sum(axis=1) + 1.0}


def study_of(trials: int, every_failed: int = 0, line: bool = False) -> Study:
    """A study of two objectives: random ones, or all of them on one front."""
    rng = np.random.default_rng(0)
    study = optuna.create_study(directions=["maximize", "minimize"])
    for number in range(trials):
        x = number % 1000
        params = {"x": x, "op": ("sep", "conv")[number // 1000 % 2]}
        failed = every_failed and number % every_failed == every_failed - 1
        state = TrialState.FAIL if failed else TrialState.COMPLETE
        values = [float(x), float(x)] if line else rng.random(2).tolist()
        trial = create_trial(params=params, distributions=SPACE, state=state, values=None if failed else values)
        study.add_trial(trial)
    return study


def history(study: Study) -> History:
    return History.of(study, study.ask(SPACE)._get_latest_trial(), Grid(SPACE))


def test_few_trials_are_all_weighed() -> None:
    found = history(study_of(MOST))
    assert found.thinned(8) is found


def test_of_many_the_best_the_first_and_some_of_all_others_are_weighed() -> None:
    found = history(study_of(5 * MOST, every_failed=4))
    thin = found.thinned(8)
    assert thin.finished.sum() == MOST
    assert thin.pending.sum() == MOST_PENDING
    assert (thin.losses[thin.finished][:8] == found.losses[found.finished][:8]).all()
    front = found.losses[found.finished][moocore.pareto_rank(found.losses[found.finished]) == 0]
    assert {tuple(losses) for losses in front.tolist()} <= {tuple(losses) for losses in thin.losses.tolist()}
    assert (np.diff(np.flatnonzero(np.isin(found.points[:, 0], thin.points[:, 0]))) < 20).all()


def test_of_a_front_that_does_not_fit_the_ends_and_an_even_choice_are_weighed() -> None:
    best = history(study_of(900, line=True))._best_evenly(50)
    assert len(best) == 50
    assert {0, 899} <= set(best.tolist())
    assert np.diff(np.sort(best)).max() <= 19


@pytest.mark.parametrize("objectives", [2, 3, 4, 6, 7])
def test_of_a_front_in_many_objectives_the_ends_and_a_spread_are_weighed(objectives: int) -> None:
    rng = np.random.default_rng(0)
    points = np.abs(rng.normal(size=(300, objectives)))
    front = 1 - points / np.linalg.norm(points, axis=1)[:, None]
    reference = np.full(objectives, 1.1)
    few = sketch(front, reference)
    assert len(few) == {2: 300, 3: 150, 4: 60, 6: 20, 7: 20}[objectives]
    assert (few.min(axis=0) == front.min(axis=0)).all()
    assert (sketch(front[:20], reference) == front[:20]).all()
    assert objectives == 2 or pdist(few).min() > pdist(front[: len(few)]).min()


def test_a_finished_trial_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    study, read = study_of(20), []
    row = Grid.row

    def reading(grid: Grid, params: dict[str, Any]) -> list[int] | None:
        read.append(params)
        return row(grid, params)

    monkeypatch.setattr(Grid, "row", reading)
    first = history(study)
    assert len(read) == 21  # the trial that is asked for is read too
    again = history(study)
    assert len(read) == 23
    assert again.points[:20].tolist() == first.points.tolist()


def test_a_proposal_after_many_trials_is_new_and_repeatable() -> None:
    study = study_of(3 * MOST)
    study.sampler = ParetoSampler(seed=0, space=SPACE, known_objectives=COSTS, pool=400)
    taken = {tuple(trial.params.values()) for trial in study.trials}
    first, second = (study_copy(study).ask(SPACE).params for _ in range(2))
    assert first == second
    assert tuple(first.values()) not in taken


def study_copy(study: Study) -> Study:
    """The same trials in another study."""
    other = optuna.create_study(directions=["maximize", "minimize"], sampler=study.sampler)
    other.add_trials(study.trials)
    return other
