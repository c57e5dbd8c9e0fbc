"""What a proxy needs before the first network: the scores of a population, or a supernet's weights."""

import hashlib
from pathlib import Path

import numpy as np
from optuna.study import Study

from nas.errors import ConfigError
from nas.search.display import Display
from nas.search.executors import Executor
from nas.search.loop import evaluate_once
from nas.search.problem import Problem
from nas.training.fit import use_one_thread
from nas.training.scores import TrainingFree
from nas.training.scores.ranked import Ranked
from nas.training.scores.reference import FEWEST, Reference
from nas.training.shared_weights import SharedWeights
from nas.training.supernet import Progress, SharedRecipe, train_supernet


def ranked(
    problem: Problem, scores: TrainingFree, population: int, study: Study, executor: Executor, display: Display
) -> Ranked:
    """`scores` against those of `population` networks inside the budget, spread over MACs; kept in the study.

    Raises:
        ConfigError: fewer than `FEWEST` networks of the budget can be scored.
    """
    drawn = problem.draw(np.random.default_rng(scores.seed), population, spread="macs")
    digest = hashlib.blake2b(repr((scores.scores, scores.scale, scores.images)).encode(), digest_size=4).hexdigest()
    networks = [problem.space.architecture(row) for row in drawn]
    display.start(len(networks), stage="scores of the space")
    jobs = {f"scored:{digest}:{arch.key}": (scores, arch) for arch in networks}
    results = evaluate_once(study, executor, jobs, display.advance)
    rows = [result["values"] for result in results.values() if "error" not in result]
    if len(rows) < FEWEST:
        errors = sorted({result["error"] for result in results.values() if "error" in result})
        why = f"; the first error: {errors[0]}" if errors else ""
        raise ConfigError(
            f"proxy=score compares with at least {FEWEST} networks inside the budget, {len(rows)} could be scored{why}"
        )
    return Ranked(scores, Reference.of({name: [row[name] for row in rows] for name in scores.scores}))


def trained(problem: Problem, shared: SharedWeights, recipe: SharedRecipe, seed: int, display: Display) -> float:
    """Train the supernet of `shared`, or go on with it, in this process; returns the seconds of training in all."""
    use_one_thread()
    shown = 0
    display.start(100, stage="supernet, percent")

    def progress(done: Progress) -> None:
        nonlocal shown
        while shown < int(100 * done.share):
            shown += 1
            display.advance()

    return train_supernet(
        problem.space,
        shared.pictures,
        recipe,
        shared.scale,
        seed,
        Path(shared.checkpoint),
        budget=problem.budget if problem.budget.limits else None,
        costs=problem.costs,
        progress=progress,
    )
