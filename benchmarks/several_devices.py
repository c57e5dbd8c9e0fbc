"""What one search on several devices finds for each, against a search of its own for each, on NAS-Bench-Macro.

    python -m benchmarks.several_devices --seeds 20 --jobs 2

Accuracies are the table's: a search sees the first training, and is scored by the mean of all. Milliseconds are what
the shipped profiles predict. Every search begins as many networks; `each` and `worst` (combine=) serve all devices at
once. Of a device, scored is the hypervolume of what a search evaluated, accuracy against that device's latency, as a
share of the one that its own search of the same seed reached. Runs that are in `--results` are not made again.
"""

import argparse
import multiprocessing
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import optuna

from benchmarks.search_efficiency import THREADS, read_results, write_result
from benchmarks.tables import Array, hypervolume, macro
from nas.latency.profile import load_profile
from nas.problem import Combine, Problem, on_devices
from nas.search.parameters import decode, distributions
from nas.search.samplers.pareto import pareto_sampler
from nas.spaces.budget import Budget
from nas.spaces.space import Genotypes

DEVICES = ("pixel4", "raspberry_pi4", "host_x86")
SEARCHES: tuple[Combine | str, ...] = ("each", "worst", *DEVICES)
"""Those on all devices, and for each one of its own."""
START, POOL = 6, 20_000
"""The options of sampler=pareto, as shipped."""
LIMIT = 0.6
"""Of the slowest network of the table: the budget of a device, in every search of it."""
_LEAST = 80.0  # percent: hypervolume counts from there, as in benchmarks.tables


@lru_cache
def limits() -> dict[str, float]:
    """Milliseconds allowed on each device."""
    return {name: LIMIT * float(times.max()) for name, times in _times().items()}


@lru_cache
def _times() -> dict[str, Array]:
    """Milliseconds of every network of the table, in the order of its genotypes, by device."""
    space = macro().space
    rows = np.array(list(space.genotypes()))
    found = {}
    for name in DEVICES:
        arrays = Problem(space, load_profile(name), Budget()).cost_arrays(rows)
        found[name] = arrays["latency_ms"]
    return found


def problem(search: str) -> Problem:
    """What `search` of SEARCHES looks for."""
    chosen = DEVICES if search not in DEVICES else (search,)
    budget = Budget.parse([f"{name}:{limits()[name]!r}ms" for name in chosen])
    combine: Combine = "worst" if search == "worst" else "each"
    return on_devices(macro().space, [load_profile(name) for name in chosen], budget, ("accuracy", "latency"), combine)


def evaluated(search: str, seed: int, trainings: int) -> Genotypes:
    """The networks that a search evaluates, shape (n, variables)."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    wanted, table = problem(search), macro()
    space = wanted.space
    sampler = pareto_sampler(wanted, seed, START, POOL, stopped=False)
    study = optuna.create_study(directions=wanted.directions, sampler=sampler)
    rows = []
    for _ in range(trainings):
        trial = study.ask(distributions(space))
        arch = decode(space, trial.params)
        row = space.genotype(arch)
        rows.append(row)
        accuracy = float(table.seen(row[None])[0, 0]) / 100
        study.tell(trial, wanted.values({**wanted.candidate(arch).figures, "accuracy": accuracy}))
    return np.array(rows)


def reached(rows: Genotypes, device: str) -> float:
    """The hypervolume of networks on a device, accuracy in percent against its milliseconds inside the budget."""
    table, counts = macro(), [len(variable.values) for variable in macro().space.variables]
    index = np.ravel_multi_index(tuple(np.asarray(rows).T), counts)
    points = np.stack([table.true(rows)[:, 0], _times()[device][index]], axis=1)
    return hypervolume(points, (_LEAST, limits()[device]))


def run(job: tuple[str, int, int]) -> dict[str, Any]:
    """One search, as a line of the results."""
    search, seed, trainings = job
    rows = evaluated(search, seed, trainings)
    found = {device: round(reached(rows, device), 6) for device in DEVICES}
    return {"problem": "several", "sampler": search, "seed": seed, "trainings": trainings, "hypervolume": found}


def table_of(results: Sequence[dict[str, Any]], trainings: int) -> str:
    """The table of shares, in Markdown."""
    known = {(one["sampler"], one["seed"]): one["hypervolume"] for one in results if one["trainings"] == trainings}
    seeds = [seed for seed in range(1000) if all((search, seed) in known for search in SEARCHES)]
    n = len(DEVICES)
    lines = [
        f"{len(seeds)} seeds, {trainings} trainings a search",
        "",
        f"| search | trainings for all {n} | " + " | ".join(DEVICES) + " |",
        "|---|---|" + "---|" * n,
        f"| one for each device | {n * trainings} |" + " 1 |" * n,
    ]
    for search in ("each", "worst"):
        cells = []
        for device in DEVICES:
            shares = np.array([known[search, seed][device] / known[device, seed][device] for seed in seeds])
            cells.append(f"{shares.mean():.4f} ({shares.min():.4f} to {shares.max():.4f})")
        lines.append(f"| `combine={search}` | {trainings} | " + " | ".join(cells) + " |")
    for device in DEVICES[:1]:  # what a front made for one device is worth on the others
        cells = [
            f"{np.mean([known[device, seed][other] / known[other, seed][other] for seed in seeds]):.4f}"
            for other in DEVICES
        ]
        lines.append(f"| for {device} alone | {trainings} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser("python -m benchmarks.several_devices", description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=20, help="searches of each kind")
    parser.add_argument("--trainings", type=int, default=60, help="of each search")
    parser.add_argument("--jobs", type=int, default=1, help="processes, of one thread each")
    parser.add_argument("--results", type=Path, default=Path("build/several_devices"), help="folder of the runs")
    options = parser.parse_args(arguments)
    options.results.mkdir(parents=True, exist_ok=True)
    done = {(one["sampler"], one["seed"], one["trainings"]) for one in read_results(options.results)}
    jobs = [(search, seed, options.trainings) for seed, search in product(range(options.seeds), SEARCHES)]
    os.environ.update(dict.fromkeys(THREADS, "1"))
    with ProcessPoolExecutor(options.jobs, multiprocessing.get_context("spawn")) as pool:
        for result in pool.map(run, [job for job in jobs if job not in done]):
            write_result(options.results, result)
    print(table_of(read_results(options.results), options.trainings))


if __name__ == "__main__":
    main()
