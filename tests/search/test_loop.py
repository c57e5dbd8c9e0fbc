"""The loop of a search: failures, limits, resuming, several at once, and who is told."""

import math
import time
from itertools import product
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from optuna.trial import TrialState

from nas.errors import RunFailed
from nas.proxies.base import Evaluation
from nas.results.trials import TrialRow
from nas.search import loop
from nas.search.front import hypervolume, nondominated
from nas.search.loop import ALL_FAILED
from nas.search.parameters import decode, distributions
from nas.search.proposals import is_inside
from nas.search.record.study import open_study
from nas.search.record.trial import rows
from nas.search.samplers import SAMPLERS
from nas.spaces.architecture import Architecture
from nas.spaces.baselines import baseline
from nas.spaces.budget import Budget
from nas.spaces.cost import cost
from nas.spaces.load import load_space
from nas.spaces.space import SearchSpace
from nas.training.divergence import Diverged
from tests.helpers.display import Silent
from tests.helpers.search import (
    REFERENCE,
    TINY,
    Counting,
    Threads,
    context,
    evaluate,
    go,
    in_memory,
    keys,
    problem,
    tiny_measures,
)


def test_a_failed_evaluation_is_a_failed_trial_and_the_search_goes_on() -> None:
    errors = {1: ValueError("two\n  lines"), 3: Diverged("the training loss became nan in epoch 1, batch 2")}
    found = go(problem(), in_memory(problem()), trials=6, evaluator=Counting(errors.get))
    assert [row.state for row in found] == ["complete", "failed", "complete", "failed", "complete", "complete"]
    assert found[1].error == "ValueError: two lines"
    assert found[3].error == "Diverged: the training loss became nan in epoch 1, batch 2"
    assert found[1].accuracy is None
    assert found[1].costs["macs"] == tiny_measures()[str(found[1].key)]["macs"]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_an_accuracy_that_is_no_number_is_a_failed_trial(value: float) -> None:
    def broken(arch: Architecture) -> Evaluation:
        return Evaluation(value, 0, 1, "short", 1, 1, 32)

    study = in_memory(problem())
    with pytest.raises(RunFailed):
        go(problem(), study, trials=ALL_FAILED, evaluator=broken)
    assert {row.state for row in rows(study)} == {"failed"}
    assert all("accuracy" in str(row.error) and str(value) in str(row.error) for row in rows(study))
    assert all(row.accuracy is None for row in rows(study))


def test_a_search_in_which_everything_fails_stops() -> None:
    study, counting = in_memory(problem()), Counting(lambda call: ValueError(f"no such layer {call}"))
    with pytest.raises(RunFailed, match=f"the first {ALL_FAILED} evaluations all failed.*no such layer"):
        go(problem(), study, trials=50, evaluator=counting)
    assert len(counting.asked) == ALL_FAILED
    assert len(keys(rows(study), "failed")) == ALL_FAILED


def test_one_success_among_failures_keeps_the_search_going() -> None:
    counting = Counting(lambda call: None if call == 4 else ValueError("no"))
    assert len(keys(go(problem(), in_memory(problem()), trials=30, evaluator=counting), "failed")) == 29


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_search_begins_with_the_networks_it_is_given(name: str, tmp_path: Path) -> None:
    start = [TINY.architecture(row) for row in TINY.sample(np.random.default_rng(9), 3)]
    wanted = problem()
    study = open_study(tmp_path, None, wanted.directions, {})
    found = go(wanted, study, name, trials=2, start=start)
    found = go(wanted, open_study(tmp_path, None, wanted.directions, {}), name, trials=20, start=start)
    assert keys(found)[:3] == [arch.key for arch in start]
    assert len(set(keys(found))) == 20


def test_a_given_network_over_the_budget_is_rejected_like_any_other() -> None:
    start = [TINY.smallest(lambda arch: -cost(arch).macs)]
    found = go(problem(Budget.parse("1M")), in_memory(problem()), trials=2, start=start)
    assert (found[0].key, found[0].state) == (start[0].key, "rejected")


def test_the_default_space_holds_both_mobilenets() -> None:
    space = load_space("separable").with_data(1, 10)
    for family, width in product(("mobilenet_v1", "mobilenet_v2"), space.width):
        assert space.contains(baseline(f"{family}_w{width:g}", 1, 10))


def test_time_limit_begins_no_further_evaluation(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: clock[0]))

    def slow(arch: Architecture) -> Evaluation:
        clock[0] += 10
        return evaluate(arch)

    study = in_memory(problem())
    assert len(go(problem(), study, trials=50, evaluator=slow, time_limit=25)) == 3  # begun at 0, 10 and 20 s
    assert len(go(problem(), study, trials=50, evaluator=slow, time_limit=5)) == 4  # a resumed run has its own limit


@pytest.mark.parametrize("known", [True, False])
def test_what_a_dead_process_was_evaluating_is_done_under_its_number(known: bool, tmp_path: Path) -> None:
    wanted = problem(Budget.parse("3M"))
    study = open_study(tmp_path, None, wanted.directions, {})
    finished = go(wanted, study, trials=4)
    trial = study.ask(distributions(TINY))
    if known:  # else it died before it wrote what the network costs
        is_inside(context(wanted, study), trial)
    arch = decode(TINY, trial.params)
    study = open_study(tmp_path, None, wanted.directions, {})
    counting = Counting()
    found = go(wanted, study, trials=len(keys(finished, "complete")) + 2, evaluator=counting)
    assert found[: len(finished)] == finished
    assert counting.asked[0] == arch.key
    assert (found[trial.number].key, found[trial.number].state) == (arch.key, "complete")
    assert len(counting.asked) == 2
    assert not set(counting.asked) & set(keys(finished))


def test_a_trial_of_another_program_is_left_alone(tmp_path: Path) -> None:
    study = open_study(tmp_path, None, problem().directions, {})
    study.ask()
    study.enqueue_trial(dict.fromkeys(distributions(TINY), 0))
    found = go(problem(), open_study(tmp_path, None, problem().directions, {}), trials=3)
    assert [row.number for row in found] == [2, 3, 4]
    assert keys(found, "complete") == keys(found)


@pytest.mark.parametrize("name", SAMPLERS)
def test_the_one_network_of_a_space_is_evaluated_once(name: str, tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text(
        "resolution: 32\ndownsample: 2\nstages:\n  - {op: sep, kernel: 3, out_channels: 8, stride: 2}\n"
    )
    one = problem(space=load_space(tmp_path / "one.yaml"))
    study, asked = in_memory(one), Counting()
    assert [row.state for row in go(one, study, name, trials=5, evaluator=asked)] == ["complete"]
    assert len(asked.asked) == 1
    assert len(go(one, study, name, trials=9, evaluator=asked)) == 1
    begun = in_memory(one)
    assert len(go(one, begun, name, trials=5, start=[one.space.architecture([])])) == 1


def test_nothing_is_left_running_when_the_space_is_exhausted(twelve: SearchSpace) -> None:
    study = in_memory(problem())
    go(problem(space=twelve), study, trials=100)
    assert not study.get_trials(states=(TrialState.RUNNING,))
    before = study.trials
    assert len(go(problem(space=twelve), study, trials=100)) == 12
    assert study.trials == before  # another start asks for no further one


@pytest.mark.parametrize("name", SAMPLERS)
def test_two_at_once_and_still_nothing_twice(name: str, twelve: SearchSpace) -> None:
    executor = Threads(2)

    def slow(arch: Architecture) -> Evaluation:
        time.sleep(0.02)  # so that the other slot is filled meanwhile
        return evaluate(arch)

    found = go(problem(space=twelve), in_memory(problem()), name, trials=100, evaluator=slow, executor=executor)
    executor.close()
    assert executor.most == 2
    assert len(found) == len(set(keys(found, "complete"))) == 12


def test_the_display_is_told_of_every_finished_trial() -> None:
    told: list[tuple[TrialRow, int, float, float | None]] = []

    class Told(Silent):
        def trial(self, row: TrialRow, *, front_size: int, hypervolume: float, best: float | None) -> None:
            told.append((row, front_size, hypervolume, best))

    wanted = problem(Budget.parse("1M"))
    counting = Counting(lambda call: ValueError("no") if call == 2 else None)
    found = go(wanted, in_memory(wanted), trials=8, evaluator=counting, display=Told())
    assert [row for row, *_ in told] == [row for row in found if row.state in ("complete", "failed")]
    complete = [row for row in found if row.state == "complete"]
    points = [wanted.values(row.figures) for row in complete]
    last = (len(nondominated(points, wanted.directions)), hypervolume(points, wanted.objectives, REFERENCE))
    assert told[-1][1:] == (*last, max(row.accuracy or 0 for row in complete))
