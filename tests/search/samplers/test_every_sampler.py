"""What holds for any sampler that is added to `SAMPLERS`, and what each notes of its proposals."""

import typing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from nas.errors import ConfigError
from nas.measures import MEASURES
from nas.search.front import nondominated
from nas.search.parameters import decode, distributions, encode
from nas.search.record.study import open_study
from nas.search.record.trial import read_trial, write_candidate
from nas.search.samplers import SAMPLERS, AnySampler
from nas.search.samplers.distinct import STUCK, DistinctSampler
from nas.spaces.budget import Budget
from nas.spaces.cost import cost
from nas.spaces.space import SearchSpace
from tests.helpers.docs import field_texts
from tests.helpers.search import (
    OPTIONS,
    TINY,
    Counting,
    go,
    in_memory,
    keys,
    problem,
    sampler_settings,
    tiny_measures,
)

NEVER_OVER = ("pareto",)
"""Samplers that know the budget, and so propose nothing beyond it."""


TIGHT = Budget.parse("395k")  # 8 of tiny's 1,536 networks meet it


def test_the_settings_of_a_search_take_each_sampler() -> None:
    assert set(OPTIONS) == set(SAMPLERS)
    assert set(typing.get_args(AnySampler)) == set(SAMPLERS.values())


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("tpe", {"startup": "many"}, "^startup: input should be a valid integer"),
        ("nsga2", {"population": 1}, "^population: input should be greater than or equal to 2, got 1"),
        ("random", {"colour": 3}, "unknown setting 'colour'; known: name"),
        ("tpe", {"startup": None}, "^startup: input should be a valid integer"),
    ],
)
def test_wrong_options_are_the_users_error(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        sampler_settings(name, **options)


@pytest.mark.parametrize("name", SAMPLERS)
class TestEverySampler:
    """What holds for any sampler that is added to `SAMPLERS`."""

    def test_it_is_chosen_by_its_name_and_says_what_each_setting_does(self, name: str) -> None:
        assert sampler_settings(name).name == name
        assert typing.get_args(typing.get_type_hints(SAMPLERS[name])["name"]) == (name,)
        texts = field_texts(SAMPLERS[name])
        assert set(texts) - {"stateless", "name"} == set(OPTIONS[name])
        assert all(texts[option] for option in OPTIONS[name])

    def test_no_network_twice_and_every_parameter_inside(self, name: str) -> None:
        study = in_memory(problem())
        found = go(problem(), study, name, trials=60)
        assert [row.state for row in found] == ["complete"] * 60
        assert len(set(keys(found))) == 60
        assert set(keys(found)) <= set(tiny_measures())
        for trial in study.trials:
            assert trial.distributions == distributions(TINY)
            assert decode(TINY, trial.params).key == read_trial(trial).key

    def test_a_small_space_is_searched_whole_and_no_further(self, name: str, twelve: SearchSpace) -> None:
        every = {twelve.architecture(row).key for row in twelve.genotypes()}
        assert (len(every), twelve.size) == (12, 16)
        found = go(problem(space=twelve), in_memory(problem()), name, trials=100)
        assert sorted(keys(found, "complete")) == sorted(every)
        assert len(found) == 12

    def test_a_small_space_and_a_budget(self, name: str, twelve: SearchSpace) -> None:
        costs = {arch.key: cost(arch).macs for arch in map(twelve.architecture, twelve.genotypes())}
        limit = sorted(costs.values())[3]
        wanted = problem(Budget(macs=limit), space=twelve)
        found = go(wanted, in_memory(wanted), name, trials=100)
        assert set(keys(found, "complete")) == {key for key, macs in costs.items() if macs <= limit}
        assert len(keys(found)) == len(set(keys(found)))

    def test_same_seed_same_proposals_other_seed_others(self, name: str) -> None:
        first, again, other = (
            keys(go(problem(), in_memory(problem()), name, trials=20, seed=seed)) for seed in (3, 3, 4)
        )
        assert first == again
        assert first != other

    def test_a_resumed_search_goes_on_as_an_unbroken_one(self, name: str, tmp_path: Path) -> None:
        wanted = problem(Budget.parse("1M"))
        unbroken = go(wanted, in_memory(wanted), name, trials=14)
        go(wanted, open_study(tmp_path, None, wanted.directions, {}), name, trials=11)
        resumed = go(wanted, open_study(tmp_path, None, wanted.directions, {}), name, trials=14)
        assert resumed == unbroken
        assert ("rejected" in {row.state for row in unbroken}) == (name not in NEVER_OVER)

    def test_a_killed_search_goes_on_as_an_unbroken_one(self, name: str, tmp_path: Path) -> None:
        unbroken = go(problem(), in_memory(problem()), name, trials=13)
        killed = Counting(lambda call: KeyboardInterrupt() if call == 11 else None)
        with pytest.raises(KeyboardInterrupt):
            go(problem(), open_study(tmp_path, None, problem().directions, {}), name, trials=13, evaluator=killed)
        after = Counting()
        study = open_study(tmp_path, None, problem().directions, {})
        assert [trial.state for trial in study.trials].count(TrialState.RUNNING) == 1
        assert go(problem(), study, name, trials=13, evaluator=after) == unbroken
        assert after.asked == killed.asked[-1:] + [row.key for row in unbroken[12:]]

    def test_the_budget_holds_for_all_that_is_evaluated(self, name: str) -> None:
        wanted = problem(Budget.parse(["1M", "0.64ms"]))
        counting = Counting()
        found = go(wanted, in_memory(wanted), name, trials=25, evaluator=counting)
        inside = {key for key, m in tiny_measures().items() if m["macs"] <= 1e6 and m["latency_ms"] <= 0.64}
        assert keys(found, "complete") == counting.asked
        assert len(counting.asked) == 25
        assert set(counting.asked) <= inside
        assert not inside & set(keys(found, "rejected"))
        rejected = [row for row in found if row.state == "rejected"]
        assert bool(rejected) == (name not in NEVER_OVER)
        for row in rejected:
            assert "over 1M MACs" in row.error or "over 0.64 ms" in row.error
            assert row.accuracy is None
            assert row.costs["macs"] == tiny_measures()[row.key]["macs"]

    def test_a_tight_budget_ends(self, name: str) -> None:
        inside = {key for key, measures in tiny_measures().items() if measures["macs"] <= 395e3}
        assert len(inside) == 8
        wanted = problem(TIGHT)
        found = go(wanted, in_memory(wanted), name, trials=5)
        assert len(set(keys(found, "complete"))) == 5
        assert set(keys(found, "complete")) <= inside
        assert len(found) <= 5 * (STUCK + 1)

    @pytest.mark.parametrize("objectives", [("accuracy",), ("accuracy", "latency", "macs", "params", "memory")])
    def test_one_objective_and_many(self, name: str, objectives: tuple[str, ...]) -> None:
        wanted = problem(Budget.parse("2M"), objectives)
        study = in_memory(wanted)
        found = go(wanted, study, name, trials=20)
        assert len(set(keys(found, "complete"))) == 20
        complete = study.get_trials(states=(TrialState.COMPLETE,))
        for trial in complete:
            row = found[trial.number]
            assert trial.values == [row.figures[MEASURES[objective].field] for objective in objectives]
        front = {complete[i].number for i in nondominated([t.values for t in complete], wanted.directions)}
        assert front == {trial.number for trial in study.best_trials}


@pytest.mark.parametrize(
    ("name", "first", "how"), [("nsga2", 12, "random"), ("tpe", 10, "random"), ("pareto", 6, "start")]
)
def test_proposals_note_how_they_were_drawn(name: str, first: int, how: str, tmp_path: Path) -> None:
    study = open_study(tmp_path, None, problem().directions, {})
    go(problem(), study, name, trials=first + 4)
    notes = [read_trial(trial).drawn for trial in study.trials]
    assert notes[:first] == first * [how]
    assert "model" in notes[first:]
    assert set(notes[first:]) <= {"model", "random"}  # random instead of a network that is known


def test_what_is_drawn_instead_of_a_repeat_is_random_and_what_was_given_is_not_drawn() -> None:
    class Stubborn(BaseSampler):
        """Proposes one and the same network."""

        def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, Any]:
            return {}

        def sample_relative(self, study: Study, trial: FrozenTrial, search_space: Any) -> dict[str, Any]:
            return encode(TINY, np.zeros(len(TINY.variables), dtype=np.int64))

        def sample_independent(self, *args: Any) -> Any:
            raise NotImplementedError

    study = in_memory(problem())
    study.sampler = DistinctSampler(problem(), lambda seed: Stubborn(), 0)
    study.enqueue_trial(encode(TINY, np.ones(len(TINY.variables), dtype=np.int64)))
    networks = []
    for _ in range(4):
        trial = study.ask(distributions(TINY))
        arch = decode(TINY, trial.params)
        networks.append(arch.key)
        write_candidate(trial, problem().candidate(arch).measures())
        study.tell(trial, [0.5, 1.0])
    assert [read_trial(trial).drawn for trial in study.trials] == [None, "model", "random", "random"]
    assert len(set(networks)) == 4
