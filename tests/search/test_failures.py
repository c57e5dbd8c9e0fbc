"""What failed for a passing reason is tried again, at once and by a resumed run; what is lasting is kept."""

import math
from pathlib import Path

import pytest

from nas.errors import DataError, RunFailed
from nas.proxies.base import MOST_TRIES, Failed
from nas.search.executors.base import TookTooLong, WorkerDied
from nas.search.loop import ALL_FAILED
from nas.search.record.study import open_study
from nas.training.divergence import Diverged
from tests.helpers.search import Counting, context, go, in_memory, keys, problem

PASSING = [
    *(WorkerDied("killed"), TookTooLong("it was over the time limit of 5 s"), MemoryError()),
    *(OSError(28, "No space left on device"), FileNotFoundError(2, "gone"), DataError("no whole data set is saved")),
    RuntimeError("[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory: you tried 8 bytes"),
    RuntimeError("CUDA out of memory. Tried to allocate 2.00 MiB"),
]
LASTING = [
    ValueError("no"),
    Diverged("the loss became nan"),
    ZeroDivisionError(),
    KeyError("x"),
    RuntimeError("shapes"),
]


@pytest.mark.parametrize("error", PASSING, ids=repr)
def test_the_environment_may_pass(error: Exception) -> None:
    failed = Failed.of(error)
    assert failed.may_pass
    assert failed.error.startswith(type(error).__name__)


@pytest.mark.parametrize("error", LASTING, ids=repr)
def test_what_a_network_causes_lasts(error: Exception) -> None:
    assert not Failed.of(error).may_pass


def test_a_reason_is_one_short_line() -> None:
    text = Failed.of(ValueError("two\n  lines " + 10**5 * "x")).error
    assert text.startswith("ValueError: two lines xxx")
    assert len(text) == 300


@pytest.mark.parametrize("name", ["random", "pareto"])
@pytest.mark.parametrize("failures", range(1, MOST_TRIES))
def test_a_few_passing_failures_change_nothing(name: str, failures: int) -> None:
    unbroken = go(problem(), in_memory(problem()), name, trials=8)
    counting = Counting(lambda call: WorkerDied("killed") if 3 <= call < 3 + failures else None)
    assert go(problem(), in_memory(problem()), name, trials=8, evaluator=counting) == unbroken
    assert len(set(counting.asked[3 : 4 + failures])) == 1
    assert len(counting.asked) == 8 + failures


def test_a_trial_that_fails_every_time_is_shown_as_failed_and_evaluated_by_the_next_run(tmp_path: Path) -> None:
    study = open_study(tmp_path, None, problem().directions, {})
    counting = Counting(lambda call: OSError(28, "No space left on device") if 2 <= call < 2 + MOST_TRIES else None)
    broken = go(problem(), study, trials=5, evaluator=counting)
    assert [row.state for row in broken] == ["complete", "complete", "failed", "complete", "complete"]
    assert broken[2].error == "OSError: [Errno 28] No space left on device"
    again = Counting()
    found = go(problem(), open_study(tmp_path, None, problem().directions, {}), trials=5, evaluator=again)
    assert found == go(problem(), in_memory(problem()), trials=5)  # random proposals do not depend on what was found
    assert again.asked == [broken[2].key]
    assert go(problem(), open_study(tmp_path, None, problem().directions, {}), trials=5, evaluator=again) == found
    assert len(again.asked) == 1


def test_a_lasting_failure_is_kept_with_its_reason(tmp_path: Path) -> None:
    diverged = Counting(lambda call: Diverged("the loss became nan") if call == 1 else None)
    found = go(problem(), open_study(tmp_path, None, problem().directions, {}), trials=4, evaluator=diverged)
    assert (found[1].state, found[1].error) == ("failed", "Diverged: the loss became nan")
    again = Counting()
    assert go(problem(), open_study(tmp_path, None, problem().directions, {}), trials=4, evaluator=again) == found
    assert again.asked == []


@pytest.mark.parametrize("good", [0, 3])
def test_a_search_ends_where_everything_fails_for_a_passing_reason(good: int, tmp_path: Path) -> None:
    counting = Counting(lambda call: None if call < good else OSError(28, "No space left on device"))
    study = open_study(tmp_path, None, problem().directions, {})
    with pytest.raises(RunFailed, match=f"{ALL_FAILED} evaluations in a row failed, .* No space .* tries what failed"):
        go(problem(), study, trials=50, evaluator=counting)
    assert len(counting.asked) == good + MOST_TRIES * ALL_FAILED
    found = go(problem(), open_study(tmp_path, None, problem().directions, {}), trials=15)
    assert len(keys(found, "complete")) == 15
    assert found == go(problem(), in_memory(problem()), trials=15)


def test_a_failure_that_comes_back_ends_every_run(tmp_path: Path) -> None:
    for _ in range(3):
        study = open_study(tmp_path, None, problem().directions, {})
        counting = Counting(lambda call: MemoryError())
        with pytest.raises(RunFailed):
            go(problem(), study, trials=50, evaluator=counting)
        assert len(counting.asked) == MOST_TRIES * ALL_FAILED


def test_the_limit_of_long_trainings_is_ten_times_that_of_a_trial() -> None:
    run = context(problem(), in_memory(problem()))
    assert (run.trial_time_limit, run.long_time_limit) == (None, None)
    assert math.isclose(
        type(run)(run.problem, run.study, run.executor, run.folder, run.display, {}, 6.0).long_time_limit or 0, 60
    )
