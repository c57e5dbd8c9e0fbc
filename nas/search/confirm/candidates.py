"""Confirming: which networks are trained longer, and with how many seeds. All of it by the validation split."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from optuna.study import Study

from nas.problem import Problem, ranked_by
from nas.search.confirm.seeds import Weighed, best_spent
from nas.search.display import Display
from nas.search.executors.base import Executor
from nas.search.front import nondominated, spread
from nas.search.parameters import decode
from nas.search.record.jobs import evaluate_once
from nas.search.record.study import rows
from nas.search.settings import ConfirmSettings
from nas.spaces.architecture import Architecture
from nas.training.long import LongTraining, bits

Record = Mapping[str, Any]
"""A long training as the study keeps it: the contents of `Trained`, or `error`."""

Network = tuple[Architecture, Sequence[Record]]
"""A network and its long trainings."""


@dataclass(frozen=True, slots=True)
class Bench:
    """Where long trainings and what follows from them are done, once each, and shown."""

    study: Study
    executor: Executor
    display: Display

    def once(
        self, stage: str, jobs: Mapping[str, tuple[Any, ...]], executor: Executor | None = None
    ) -> dict[str, dict[str, Any]]:
        """The results of `jobs` by name, as `evaluate_once` gives them."""
        return evaluate_once(self.study, executor or self.executor, jobs, self.display, stage)

    def succeeded(self, what: str, *results: Mapping[str, Any]) -> bool:
        """Whether no result is an error; of one that is, the user is told."""
        errors = [result["error"] for result in results if "error" in result]
        for error in errors:
            self.display.message(f"warning: {what} failed: {error}")
        return not errors


def train(training: LongTraining, bench: Bench, stage: str, jobs: Sequence[tuple[Architecture, int]]) -> list[Record]:
    """The records of trainings, each of a network and a seed, in their order; what was trained before is not again."""
    names = [f"trained:{training.digest}:{arch.key}:{seed}" for arch, seed in jobs]
    results = bench.once(stage, {name: (training, *job) for name, job in zip(names, jobs, strict=True)})
    for name, (arch, seed) in zip(names, jobs, strict=True):
        bench.succeeded(f"training {arch.key} with seed {seed}", results[name])
    return [results[name] for name in names]


def confirm_candidates(
    problem: Problem,
    training: LongTraining,
    bench: Bench,
    settings: ConfirmSettings,
    first_seed: int,
    compared: Iterable[Network] = (),
) -> dict[str, Network]:
    """The long trainings of the networks that are confirmed, by key; those that failed are left out.

    First `settings.networks` candidates, and up to as many more while the front of these lacks members; then those of
    the search's networks that were trained to be `compared` with and have a place on that front; then up to
    `settings.extra` trainings where they tell most (`best_spent`), of these networks or of others.
    """
    complete = {row["key"]: row for row in rows(bench.study) if row["state"] == "complete"}
    trials = bench.study.get_trials(deepcopy=False)
    networks = {key: decode(problem.space, trials[row["number"]].params) for key, row in complete.items()}
    keys, points = list(complete), [problem.values(row) for row in complete.values()]
    order = [keys[i] for i in spread(points, problem.directions, 2 * settings.networks)] if points else []
    done: dict[str, list[Record]] = {}

    def go_on(stage: str, batch: Sequence[tuple[str, int]]) -> None:
        """Further trainings of networks by key, so many of each, with the seeds that follow."""
        jobs = [(networks[key], first_seed + len(done.get(key, [])) + n) for key, count in batch for n in range(count)]
        results = iter(train(training, bench, stage, jobs))
        for key, count in batch:
            done.setdefault(key, []).extend(next(results) for _ in range(count))

    while order and (not done or len(_front(problem, complete, done)) < settings.members):
        count = settings.networks if not done else max(1, bench.executor.slots // settings.seeds)
        batch, order = order[:count], order[count:]
        go_on("confirm", [(key, settings.seeds) for key in batch])

    rivals = {arch.key: records for arch, records in compared if arch.key in complete and arch.key not in done}
    if joining := [key for key in _front(problem, complete, done | rivals) if key in rivals]:
        go_on("confirm references", [(key, settings.seeds) for key in joining])

    left = settings.extra
    while left and (batch := _further(problem, complete, done, settings.seeds, bench.executor.slots, left)):
        go_on("further seeds", batch)
        left -= sum(count for _, count in batch)
    if left and done:
        used = settings.extra - left
        bench.display.message(f"further seeds: {used} of {settings.extra} used, no more would tell who is on the front")
    return {key: (networks[key], records) for key, records in _good(done).items() if records}


def right(records: Sequence[Record], images: int) -> npt.NDArray[np.bool_]:
    """Which validation images each training got: (seeds, images)."""
    flags = [bits(record["right"], images) for record in records]
    return np.stack(flags) if flags else np.zeros((0, images), dtype=bool)


def _further(
    problem: Problem,
    complete: Mapping[str, Mapping[str, Any]],
    done: Mapping[str, Sequence[Record]],
    seeds: int,
    slots: int,
    left: int,
) -> list[tuple[str, int]]:
    """The networks to train next and how often: as many trainings as run at once, at most `left`."""
    good = {key: records for key, records in _good(done).items() if records}
    if not good:
        return []
    others = [key for key in complete if key not in done] if left >= seeds else []
    images = next(iter(good.values()))[0]["images"]
    weighed = [
        Weighed(ranked_by(complete[key]), tuple(problem.cost_values(complete[key])), right(good.get(key, []), images))
        for key in (*good, *others)
    ]
    chosen: list[tuple[str, int]] = []
    for index in best_spent(weighed[: len(good)], weighed[len(good) :], seeds):
        key, count = (*good, *others)[index], 1 if index < len(good) else seeds
        planned = sum(each for _, each in chosen)
        if chosen and planned + count > slots:
            break
        if planned + count <= left:
            chosen.append((key, count))
    return chosen


def _front(
    problem: Problem, complete: Mapping[str, Mapping[str, Any]], done: Mapping[str, Sequence[Record]]
) -> list[str]:
    """The keys of the trained networks that no other beats on the validation split."""
    good = {key: records for key, records in _good(done).items() if records}
    points = [
        problem.values({**complete[key], "accuracy": np.mean([record["val"] for record in records]), "worth": None})
        for key, records in good.items()
    ]
    return [list(good)[index] for index in nondominated(points, problem.directions)]


def _good(done: Mapping[str, Sequence[Record]]) -> dict[str, list[Record]]:
    return {key: [record for record in records if "error" not in record] for key, records in done.items()}
