"""A driver dies between two writes, or is taken for dead and goes on: the others and it end the search together."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from optuna.exceptions import UpdateFinishedTrialError
from optuna.study import Study
from optuna.trial import Trial

from nas.proxies.base import Evaluation, Failed
from nas.search.loop import Stopping, search
from nas.search.parameters import decode
from nas.search.record.claims import take_over
from nas.search.record.drivers import Driver
from nas.search.record.storage import close
from nas.search.record.study import open_study
from nas.search.record.trial import fail, live, read_trial, records, reject, tell, write_rungs
from nas.search.rungs import Ladder, Rung, rung_record
from nas.search.samplers.distinct import make_sampler
from nas.spaces.architecture import Architecture
from tests.helpers.search import TINY, Counting, context, evaluate, problem, sampler_settings

NETWORKS = 6


@pytest.fixture(params=["journal", "sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"{request.param}:///{tmp_path / 'shared'}"


@pytest.fixture
def study_of(url: str, tmp_path: Path) -> Iterator[Callable[[str], Study]]:
    """The study as the driver of that name has it open."""
    opened: list[Study] = []

    def open_one(name: str) -> Study:
        (tmp_path / name).mkdir(exist_ok=True)
        opened.append(open_study(tmp_path / name, url, problem().directions, {"seed": 0}, None, "together"))
        return opened[-1]

    yield open_one
    for study in opened:
        close(study._storage)


def climb(study: Study, name: str, evaluator: Callable[[Architecture], Evaluation], trials: int, rungs: int = 1) -> str:
    """A search by the driver of that name, which leaves at its end; each rung is the same evaluation."""
    driver = Driver(study, name, name)
    driver.beat()
    ladder = Ladder(tuple(Rung(f"rung{step}", evaluator) for step in range(rungs)))
    wanted = problem()
    found = search(
        context(wanted, study, driver=driver),
        ladder,
        make_sampler(wanted, sampler_settings("random"), 0),
        Stopping(trials),
    )
    driver.leave()
    return found


def left_by(name: str, study: Study, after: int) -> None:
    """Networks of a driver that is killed in the evaluation of this number, and then known to be dead."""

    class Killed(BaseException):
        pass

    with pytest.raises(Killed):
        climb(study, name, Counting(lambda call: Killed() if call >= after else None), NETWORKS)
    Driver(study, name, name).leave()


@pytest.mark.parametrize("heir", ["other", "dead"])
@pytest.mark.parametrize(("state", "rungs", "goes_on"), [("complete", 1, None), ("stopped", 2, False)])
def test_a_network_whose_last_result_was_written_is_ended_and_not_evaluated_again(
    study_of: Callable[[str], Study], heir: str, state: str, rungs: int, goes_on: bool | None
) -> None:
    """By another driver, or by the same one when it is resumed."""
    dead = study_of("dead")
    left_by("dead", dead, 1)
    (trial,) = (live(dead, trial) for trial in dead.trials if not trial.state.is_finished())
    key = read_trial(trial).key
    given = replace(rung_record("rung0", evaluate(decode(TINY, trial.params))), goes_on=goes_on)
    write_rungs(trial, [given])
    asked = Counting()
    climb(study_of(heir), heir, asked, NETWORKS, rungs)
    found = {trial.key: trial for trial in records(study_of("after"))}
    assert len(found) == NETWORKS
    assert key not in asked.asked
    assert (found[key].state, found[key].rungs, found[key].driver) == (state, (given,), heir)


@pytest.mark.parametrize("lost", [0, 2, NETWORKS - 1])
@pytest.mark.parametrize("fails", [False, True])
def test_a_driver_that_was_taken_for_dead_goes_on(study_of: Callable[[str], Study], lost: int, fails: bool) -> None:
    """Another one takes over what it is evaluating, and ends it before it has finished."""
    one, other = study_of("one"), study_of("other")
    asked: list[str] = []

    def evaluator(arch: Architecture) -> Evaluation:
        asked.append(arch.key)
        if len(asked) == lost + 1:
            number = next(trial.number for trial in records(other) if trial.key == arch.key)
            heir = take_over(other, number, "other")
            assert heir is not None
            write_rungs(heir, [rung_record("rung0", evaluate(arch))])
            tell(other, heir, read_trial(heir).values(problem()))
            if fails:
                raise RuntimeError("after all")
        return evaluate(arch)

    climb(one, "one", evaluator, NETWORKS)
    found = records(study_of("after"))
    assert [trial.state for trial in found] == ["complete"] * NETWORKS
    assert [trial.driver for trial in found].count("other") == 1
    assert sorted(asked) == sorted({trial.key for trial in found})


@pytest.mark.parametrize(
    "write",
    [
        lambda study, trial: tell(study, trial, [0.5, 1.0]),
        lambda study, trial: reject(study, trial, "too large"),
        lambda study, trial: fail(study, trial, Failed("broken")),
        lambda study, trial: fail(study, trial, Failed("broken", "environment")),
    ],
)
def test_nothing_is_written_into_what_another_ended(
    study_of: Callable[[str], Study], write: Callable[[Study, Trial], None]
) -> None:
    one, other = study_of("one"), study_of("other")
    left_by("one", one, 1)
    (trial,) = (live(one, trial) for trial in one.trials if not trial.state.is_finished())
    assert take_over(other, trial.number, "other") is not None
    with pytest.raises(UpdateFinishedTrialError):
        write(one, trial)
    assert [trial.state for trial in records(study_of("after"))] == ["complete", "running"]
