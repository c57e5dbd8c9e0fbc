"""Confirming: which networks are trained longer, and with how many seeds. All of it by the validation split."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from nas.problem import Problem
from nas.proxies.base import Failed
from nas.search.believed import believed
from nas.search.confirm.network import Confirmed, correct_images
from nas.search.confirm.posterior import believed_accuracies
from nas.search.confirm.seeds import Weighed, best_spent
from nas.search.context import Run
from nas.search.front import choose_to_confirm, nondominated
from nas.search.parameters import decode
from nas.search.record import jobs
from nas.search.record.jobs import Job
from nas.search.record.trial import TrialRecord, records
from nas.search.settings import ConfirmSettings
from nas.spaces.architecture import Architecture
from nas.spaces.cost import cost
from nas.training.long import LongTraining, Trained

Trainings = Mapping[str, Sequence[Trained | Failed]]
"""The long trainings of networks, by key, those that failed too."""


def train_longer(
    run: Run, training: LongTraining, stage: str, wanted: Sequence[tuple[Architecture, int]]
) -> list[Trained | Failed]:
    """Train networks, each with a seed; what came of it, in their order. What was trained before is not again."""
    names = [jobs.trained(training.digest(arch), arch, seed) for arch, seed in wanted]
    todo = {
        name: Job(Trained, training, (arch, seed), run.long_time_limit, cost(arch).macs)
        for name, (arch, seed) in zip(names, wanted, strict=True)
    }
    results = run.do_once(stage, todo)
    for name, (arch, seed) in zip(names, wanted, strict=True):
        run.warn_of_failures(f"training {arch.key} with seed {seed}", results[name])
    return [results[name] for name in names]


def confirm_candidates(
    run: Run,
    training: LongTraining,
    settings: ConfirmSettings,
    first_seed: int,
    compared: Iterable[Confirmed] = (),
) -> dict[str, Confirmed]:
    """The networks that are confirmed, by key, with their long trainings; without those whose trainings all failed.

    First `settings.networks` candidates, and up to as many more while the front of these lacks members; then those of
    the search's networks that were trained to be `compared` with and have a place on that front; then up to
    `settings.extra` trainings where they tell most (`best_spent`), of these networks or of others.
    """
    problem, slots = run.problem, run.executor.slots
    complete = {str(trial.key): trial for trial in records(run.study) if trial.state == "complete"}
    networks = {key: decode(problem.space, trial.params) for key, trial in complete.items()}
    values = believed(problem, list(complete.values())) if complete else {}
    keys = [key for key, trial in complete.items() if trial.number in values]
    points = [values[complete[key].number] for key in keys]
    order = [keys[i] for i in choose_to_confirm(points, problem.directions, 2 * settings.networks)] if points else []
    done: dict[str, list[Trained | Failed]] = {}

    def go_on(stage: str, batch: Sequence[tuple[str, int]]) -> None:
        """Further trainings of networks by key, as many of each as it says, with the seeds that follow."""
        wanted = [
            (networks[key], first_seed + len(done.get(key, [])) + n) for key, count in batch for n in range(count)
        ]
        results = iter(train_longer(run, training, stage, wanted))
        for key, count in batch:
            done.setdefault(key, []).extend(next(results) for _ in range(count))

    while order and (not done or len(_front(problem, complete, done)) < settings.members):
        count = settings.networks if not done else max(1, slots // settings.seeds)
        go_on("confirm", [(key, settings.seeds) for key in order[:count]])
        order = order[count:]

    rivals = {each.architecture.key: each.trainings for each in compared}
    rivals = {key: trainings for key, trainings in rivals.items() if key in complete and key not in done}
    if joining := [key for key in _front(problem, complete, {**done, **rivals}) if key in rivals]:
        go_on("confirm baselines", [(key, settings.seeds) for key in joining])

    left = settings.extra
    while left and (batch := _further(run, complete, done, settings.seeds, left)):
        go_on("further seeds", batch)
        left -= sum(count for _, count in batch)
    if left and done:
        used = settings.extra - left
        run.display.message(f"further seeds: {used} of {settings.extra} used, no more would tell who is on the front")
    return {key: Confirmed(networks[key], trainings) for key, trainings in _succeeded(done).items()}


def _further(
    run: Run, complete: Mapping[str, TrialRecord], done: Trainings, seeds: int, left: int
) -> list[tuple[str, int]]:
    """The networks to train next and how often: as many trainings as run at once, at most `left`."""
    good = _succeeded(done)
    if not good:
        return []
    others = [key for key in complete if key not in done] if left >= seeds else []
    trained = [_weighed(run.problem, complete[key], trainings) for key, trainings in good.items()]
    waiting = [_weighed(run.problem, complete[key]) for key in others]
    chosen: list[tuple[str, int]] = []
    for index in best_spent(trained, waiting, seeds):
        key, count = (*good, *others)[index], 1 if index < len(good) else seeds
        planned = sum(each for _, each in chosen)
        if chosen and planned + count > run.executor.slots:
            break
        if planned + count <= left:
            chosen.append((key, count))
    return chosen


def _weighed(problem: Problem, trial: TrialRecord, trainings: Sequence[Trained] = ()) -> Weighed:
    correct = correct_images(trainings) if trainings else np.zeros((0, 0), dtype=bool)
    return Weighed(trial.rungs[-1].rank_value, tuple(problem.cost_values(trial.measures)), correct)


def _front(problem: Problem, complete: Mapping[str, TrialRecord], done: Trainings) -> list[str]:
    """The keys of the trained networks that no other beats by what the validation split lets one believe."""
    good = _succeeded(done)
    costs = np.array([problem.cost_values(complete[key].measures) for key in good])
    believed = believed_accuracies([correct_images(trainings) for trainings in good.values()], costs)
    points = [
        problem.values({**complete[key].measures, "accuracy": accuracy})
        for key, accuracy in zip(good, believed, strict=True)
    ]
    return [list(good)[index] for index in nondominated(points, problem.directions)]


def _succeeded(done: Trainings) -> dict[str, tuple[Trained, ...]]:
    """The trainings that did not fail, of networks that have any."""
    good = {key: tuple(each for each in trainings if not isinstance(each, Failed)) for key, trainings in done.items()}
    return {key: trainings for key, trainings in good.items() if trainings}
