"""Whether rungs pay: share of the true hypervolume against the total cost of the trainings, with and without.

    python -m benchmarks.multi_fidelity --seeds 12

A table stands for the training, and a cheaper training is made up: the true accuracy and noise of such a size that
the two rank all networks with Kendall's `--tau`. It costs `--cheap` of a full training. The search is that of
`nas.search`, with the sampler `pareto`; only networks that were fully trained count.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import optuna
from numpy.typing import NDArray
from scipy.stats import kendalltau

from benchmarks.quiet import Quiet
from benchmarks.tables import Problem as Table
from benchmarks.tables import problem as table
from benchmarks.tables import shares
from nas.latency.profile import load_profile
from nas.problem import Problem
from nas.proxies.base import Evaluation
from nas.search.context import Run
from nas.search.executors.inline import InlineExecutor
from nas.search.loop import Stopping, search
from nas.search.parameters import genotype
from nas.search.record.trial import records
from nas.search.rungs import Ladder, Rung
from nas.search.samplers.distinct import DistinctSampler
from nas.search.samplers.pareto import pareto_sampler
from nas.spaces.architecture import Architecture
from nas.spaces.budget import Budget

AT = (10, 15, 25, 40, 55)
"""Total costs, in full trainings, at which the share is shown."""

VARIANTS = {
    "no rungs": (False, False),
    "rungs, stopped networks forgotten": (True, False),
    "rungs, stopped networks inform the model": (True, True),
}
"""By name: whether there is a cheap rung, and whether the model learns of networks stopped there."""


def noise_for(accuracies: NDArray[np.float64], tau: float) -> float:
    """Standard deviation of the noise that makes Kendall's tau to `accuracies`, shape (n,), this large."""
    rng = np.random.default_rng(0)
    some = rng.choice(accuracies, min(2000, len(accuracies)), replace=False)
    unit, low, high = rng.standard_normal(len(some)), 0.0, 10 * float(accuracies.std())
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if kendalltau(some, some + middle * unit).statistic > tau else (low, middle)
    return low


def run(case: Table, noise: float, cheap: float, seed: int, rungs: bool, stopped: bool) -> list[float]:
    """Share of the true hypervolume at each cost of `AT`, of one search."""
    space = case.space
    counts = [len(variable.values) for variable in space.variables]

    def trained(accuracy: float, how: str) -> Evaluation:
        return Evaluation(accuracy / 100, accuracy / 100, accuracy / 100, how, 1.0, 1, max(space.resolution))

    def short(arch: Architecture) -> Evaluation:
        row = space.genotype(arch)
        rng = np.random.default_rng((seed, int(np.ravel_multi_index(tuple(row), counts))))
        return trained(case.true(row[None])[0, 0] + noise * rng.standard_normal(), "short")

    def full(arch: Architecture) -> Evaluation:
        return trained(case.seen(space.genotype(arch)[None])[0, 0], "full")

    problem = Problem(space, load_profile("pixel4"), Budget(), ("accuracy", "macs"))
    study = optuna.create_study(directions=problem.directions)
    sampler = pareto_sampler(problem, seed, start=8, pool=20_000, stopped=stopped)
    origin = {"accuracy": case.reference[0] / 100, "macs": case.reference[1]}
    search(
        Run(problem, study, InlineExecutor(), Path(), Quiet(), origin),
        Ladder(((Rung("short", short),) if rungs else ()) + (Rung("full", full),)),
        DistinctSampler(problem, lambda state: sampler, seed),
        Stopping(2 * AT[-1] if rungs else AT[-1]),
    )
    trials = records(study)
    spent = np.cumsum([sum(cheap if rung.how == "short" else 1 for rung in trial.rungs) for trial in trials])
    whole = [trial for trial in trials if trial.state == "complete"]
    found = shares(case, np.array([genotype(space, trial.params) for trial in whole]))
    done = np.searchsorted(spent[[trial.number for trial in whole]], AT, side="right")
    return [float(found[n - 1]) if n else 0.0 for n in done]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table, a row per problem and variant."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", nargs="+", default=["macro", "synthetic"])
    parser.add_argument("--seeds", type=int, default=12)
    parser.add_argument("--tau", type=float, default=0.6)
    parser.add_argument("--cheap", type=float, default=0.2)
    chosen = parser.parse_args(arguments)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    print(f"| problem | search ({chosen.seeds} seeds, tau {chosen.tau}) | {' | '.join(map(str, AT))} |")
    print("|---" * (len(AT) + 2) + "|")
    for name in chosen.problems:
        case = table(name)
        accuracies = case.true(np.array(list(case.space.genotypes())))[:, 0]
        noise = noise_for(accuracies, chosen.tau)
        for text, (rungs, stopped) in VARIANTS.items():
            found = [run(case, noise, chosen.cheap, seed, rungs, stopped) for seed in range(chosen.seeds)]
            mean, error = np.mean(found, axis=0), np.std(found, axis=0, ddof=1) / np.sqrt(chosen.seeds)
            cells = [f"{m:.3f} ± {e:.3f}" for m, e in zip(mean, error, strict=True)]
            print(f"| {name} | {text} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
