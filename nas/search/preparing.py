"""What a proxy needs before the first network: the scores of a population, or a supernet's weights."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from optuna.study import Study

from nas.errors import ConfigError
from nas.problem import Problem
from nas.proxies.ranked import SHARED, Ranked, SharedRanked
from nas.proxies.scores import TrainingFree
from nas.proxies.scores.population import FEWEST, ScorePopulation
from nas.proxies.shared_weights import SharedWeights
from nas.search.display import Display
from nas.search.executors.base import Executor
from nas.search.record.jobs import evaluate_once
from nas.spaces.architecture import Architecture
from nas.training.fit import use_one_thread
from nas.training.supernet.train import Progress, SharedRecipe, train_supernet

STAGE = "scores of the space"


def ranked(
    problem: Problem, scores: TrainingFree, population: int, study: Study, executor: Executor, display: Display
) -> Ranked:
    """`scores` against those of `population` networks inside the budget, spread over MACs; kept in the study.

    Raises:
        ConfigError: fewer than `FEWEST` networks of the budget can be scored.
    """
    networks = _drawn(problem, population, scores.seed)
    results = evaluate_once(study, executor, _scored(scores, networks), display, STAGE)
    return Ranked(scores, _reference([(result,) for result in results.values()]))


def shared_ranked(
    problem: Problem,
    shared: SharedWeights,
    training: str,
    scores: TrainingFree,
    population: int,
    study: Study,
    executor: Executor,
    display: Display,
) -> SharedRanked:
    """The same, with what `shared` weights say of those networks as one more score; `training` tells them from others.

    Raises:
        ConfigError: fewer than `FEWEST` networks of the budget can be scored.
    """
    networks = _drawn(problem, population, scores.seed)
    digest = _digest(training, shared.calibration, shared.batch_size)
    judged = {f"shared:{digest}:{arch.key}": (shared, arch) for arch in networks}
    scored = _scored(scores, networks)
    results = evaluate_once(study, executor, judged | scored, display, STAGE)
    pairs = [(results[one], results[other]) for one, other in zip(scored, judged, strict=True)]
    return SharedRanked(shared, scores, _reference(pairs))


def _drawn(problem: Problem, population: int, seed: int) -> list[Architecture]:
    rows = problem.draw(np.random.default_rng(seed), population, evenly="macs")
    return [problem.space.architecture(row) for row in rows]


def _scored(scores: TrainingFree, networks: Sequence[Architecture]) -> dict[str, tuple[Any, ...]]:
    digest = _digest(scores.scores, scores.scale, scores.images)
    return {f"scored:{digest}:{arch.key}": (scores, arch) for arch in networks}


def _reference(results: Iterable[Sequence[Mapping[str, Any]]]) -> ScorePopulation:
    """Of networks of which nothing failed: the values of `ScoreValues`, and what an `Evaluation` ranks by."""
    rows: list[dict[str, float]] = []
    errors: set[str] = set()
    for found in results:
        if failed := [result["error"] for result in found if "error" in result]:
            errors.update(failed)
            continue
        rows.append({})
        for result in found:
            rows[-1] |= result["values"] if "values" in result else {SHARED: result["worth"]}
    if len(rows) < FEWEST:
        why = f"; the first error: {min(errors)}" if errors else "; raise the budget, or take another proxy"
        raise ConfigError(
            f"training-free scores rank among at least {FEWEST} networks inside the budget, got {len(rows)}{why}"
        )
    return ScorePopulation.of({name: [row[name] for row in rows] for name in rows[0]})


def _digest(*values: object) -> str:
    return hashlib.blake2b(repr(values).encode(), digest_size=4).hexdigest()


def trained(problem: Problem, shared: SharedWeights, recipe: SharedRecipe, seed: int, display: Display) -> float:
    """Train the supernet of `shared`, or go on with it, in this process; returns the seconds of training in all."""
    use_one_thread()
    shown: int | None = None

    def progress(done: Progress) -> None:
        nonlocal shown
        if shown is None:
            shown = int(100 * done.share)
            display.stage("supernet, percent", 100, shown)
        while shown < int(100 * done.share):
            shown += 1
            display.advance()

    return train_supernet(
        problem.space,
        shared.pictures,
        recipe,
        shared.scale,
        seed,
        shared.checkpoint,
        **restricted(problem),
        progress=progress,
    )


def restricted(problem: Problem) -> dict[str, Any]:
    """The networks that a supernet is trained on, as `train_supernet` takes them."""
    return {"budget": problem.budget if problem.budget.limits else None, "costs": problem.costs}
