"""A run that comes to no result says why, and leaves what an earlier one found as it was."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from optuna.study import Study

from nas.errors import RunFailed
from nas.proxies.base import Evaluation
from nas.results.trials import read_trials
from nas.search.context import Run
from nas.search.evaluations import _evaluate_in
from nas.search.executors.base import WorkerDied
from nas.search.loop import Stopping
from nas.search.plan import run
from nas.search.record.study import open_study
from nas.search.rungs import Ladder, Rung
from nas.search.samplers.distinct import make_sampler
from nas.spaces.architecture import Architecture
from nas.training.divergence import Diverged
from nas.training.long import Judged, Trained, hexadecimal
from tests.helpers.display import Told
from tests.helpers.search import ABOUT, Counting, context, problem, sampler_settings

FULL = OSError(28, "No space left on device")
Fails = Callable[[str], BaseException | None]


class Training:
    """Long trainings that fail at the steps they are told to."""

    start = None

    def __init__(self, fails: Fails, folder: Path) -> None:
        self.fails, self.folder = fails, folder

    def scale(self, arch: Architecture) -> int:
        return arch.resolution

    def digest(self, arch: Architecture) -> str:
        return "r"

    def _step(self, name: str) -> None:
        if (error := self.fails(name)) is not None:
            raise error

    def __call__(self, arch: Architecture, seed: int) -> Trained:
        self._step("train")
        return Trained(seed, 0.5, hexadecimal(np.arange(20) < 10), 20, 16, 1.0)

    def test(self, arch: Architecture, seed: int) -> Judged:
        self._step("test")
        return Judged(0.5, 20)


class Export:
    """It fails where it is told to."""

    def __init__(self, training: Training) -> None:
        self.training = training

    def digest(self, arch: Architecture) -> str:
        return "e"

    def __call__(self, *arguments: Any) -> Any:
        self.training._step("export")
        raise AssertionError("an export is to fail")


def attempt(folder: Path, fails: Fails, trials: int = 3) -> tuple[Study, Told]:
    """A run in `folder`, of which some step fails."""
    study, display = open_study(folder, None, problem().directions, {}), Told()
    this = context(problem(), study, folder=folder, display=display)
    training = Training(fails, folder / "weights")
    evaluator = Counting(lambda call: fails("evaluate"))
    trainings: Any = SimpleNamespace(
        ladder=Ladder((Rung("short", evaluator),)),
        export=Export(training),
        first_seed=1,
        long=training,
        baseline=training,
    )
    plan: Any = SimpleNamespace(
        confirm=SimpleNamespace(networks=2, members=1, seeds=1, extra=0),
        baselines=SimpleNamespace(widths=(), networks=(), seeds=1),
        warm_start=False,
        about=ABOUT,
        init="none",
        timing=None,
    )
    run(this, trainings, make_sampler(problem(), sampler_settings("random"), 0), Stopping(trials), plan)
    return study, display


STEPS = {"evaluate": "evaluated", "train": "confirmed", "test": "judged on the test images", "export": "exported"}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("error", [FULL, WorkerDied("killed"), Diverged("the loss became nan")], ids=repr)
def test_a_run_in_which_a_step_fails_for_every_network(step: str, error: Exception, tmp_path: Path) -> None:
    (tmp_path / "front.json").write_text("an earlier one")
    with pytest.raises(RunFailed) as caught:
        attempt(tmp_path, lambda name: error if name == step else None)
    text = str(caught.value)
    assert text.startswith(f"no network could be {STEPS[step]}")
    assert str(error) in text
    assert ("the same command tries what failed again" in text) == isinstance(error, OSError)
    assert "\n" not in text
    assert len(text) < 500
    assert caught.value.code == 1
    assert (tmp_path / "front.json").read_text() == "an earlier one"
    states = {row.state for row in read_trials(tmp_path)}
    assert states == ({"failed"} if step == "evaluate" else {"complete"})


@pytest.mark.parametrize("step", ["train", "test", "export"])
def test_the_next_run_tries_again_what_failed_for_a_passing_reason_alone(step: str, tmp_path: Path) -> None:
    for error, tried in ((FULL, True), (Diverged("the loss became nan"), True), (FULL, False)):
        asked: list[str] = []

        def fails(name: str, error: Exception = error, asked: list[str] = asked) -> Exception | None:
            asked.append(name)
            return error if name == step else None

        with pytest.raises(RunFailed):
            attempt(tmp_path, fails)
        assert (step in asked) == tried  # the second failure lasts, so that the third run keeps it


def test_a_population_that_is_not_whole_for_a_passing_reason_is_no_measure(tmp_path: Path) -> None:
    this: Run = context(problem(), open_study(tmp_path, None, problem().directions, {}), folder=tmp_path)
    evaluate = _evaluate_in(this)
    networks = [problem().space.architecture(row) for row in problem().space.sample(np.random.default_rng(0), 3)]
    calls = Counting(lambda call: FULL if call in (1, 3, 4) else None)
    with pytest.raises(RunFailed, match=r"scores: 1 of 3 failed: OSError: .* No space left"):
        evaluate("scores", "scored", Evaluation, calls, networks)
    assert len(evaluate("scores", "scored", Evaluation, Counting(), networks)) == 3
