"""What several workers and several drivers gain, and what a driver spends on a trial.

    python -m benchmarks.scaling workers --workers 1 2 4 8 16 32 64
    python -m benchmarks.scaling workers --workers 16 --executor ray
    python -m benchmarks.scaling trials --trials 200 500 1000 2000
    python -m benchmarks.scaling drivers --drivers 1 2 4 8 --url postgresql://…

Evaluations sleep, from 0.5 to 5 s as the network's key says, so that many fit a machine of few cores. They run in
threads, which cost nothing while they sleep, so that what is measured is driver, sampler and storage; or in the
processes of `--executor local` or `ray`, which are all started before. The search is a real one
of the space separable with `sampler=pareto`, 300M MACs on pixel4, a journal on the disk or the storage of `--url`.

Efficiency is the time that the same evaluations would take, each begun at once on the first of the workers to be free,
over the time that the search took from its first evaluation on, the record and the end included; what comes before,
once, is given beside it. `--fraction` makes evaluations shorter, or longer where a machine has much else to do.

    python -m benchmarks.scaling number --url postgresql://… --rows 1000000

is the cost of numbering one more trial in a study of so many, which is then deleted.
"""

import argparse
import functools
import heapq
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from sqlalchemy import text

from benchmarks.load import Given, problem
from benchmarks.quiet import Quiet
from benchmarks.sleeping import seconds, sleep, sleeping
from nas.problem import reference_point
from nas.proxies.base import Evaluation
from nas.search.context import Run
from nas.search.executors.base import Executor
from nas.search.executors.inline import InlineExecutor
from nas.search.executors.local import local_executor
from nas.search.executors.ray_cluster import RaySettings
from nas.search.loop import Stopping, search
from nas.search.parameters import decode, distributions, encode
from nas.search.record.databases import open_database
from nas.search.record.drivers import driving
from nas.search.record.storage import close, with_driver
from nas.search.record.study import open_study
from nas.search.record.trial import records
from nas.search.rungs import Ladder, Rung
from nas.search.samplers.distinct import make_sampler
from nas.search.samplers.pareto import ParetoSettings

SETTINGS = ParetoSettings("pareto", start=16, pool=20_000)


class Threads:
    """An executor of threads, for evaluations that sleep."""

    shared_files = True

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self._pool = ThreadPoolExecutor(slots)

    def submit(self, function: Callable[..., Any], *args: Any, limit: float | None = None) -> Future[Any]:
        return self._pool.submit(function, *args)

    def close(self) -> None:
        self._pool.shutdown()


class Watched:
    """An executor that has started all its workers, and notes when it was given its first evaluation."""

    def __init__(self, executor: Executor) -> None:
        self.slots, self.shared_files, self._executor = executor.slots, executor.shared_files, executor
        wait([executor.submit(sleep, 1.0) for _ in range(executor.slots)])
        self.first: float | None = None

    def submit(self, function: Callable[..., Any], *args: Any, limit: float | None = None) -> Future[Any]:
        self.first = self.first or time.monotonic()
        return self._executor.submit(function, *args, limit=limit)

    def close(self) -> None:
        self._executor.close()


EXECUTORS: dict[str, Callable[[int], Executor]] = {
    "threads": Threads,
    "local": local_executor,
    "ray": lambda slots: RaySettings("ray", None, 1, 0, None, 120.0, False).start(slots),
}


def ideal(lengths: Sequence[float], workers: int) -> float:
    """The time of evaluations of these lengths, each begun in order on the first of the workers to be free."""
    free = [0.0] * workers
    for length in lengths:
        heapq.heappush(free, heapq.heappop(free) + length)
    return max(free)


def run_search(
    folder: Path, url: str | None, study_name: str | None, executor: Executor, trials: int, fraction: float
) -> list[float]:
    """One driver's part of a search; the lengths of the study's evaluations, in the order in which they were begun."""
    wanted = problem()
    study = open_study(folder, url, wanted.directions, {}, None, study_name)
    run = Run(wanted, study, executor, folder, Quiet(), reference_point(wanted, chance=0.1))
    rung = Rung("short", functools.partial(sleeping, fraction))
    sampler = make_sampler(wanted, SETTINGS, 0)
    if study_name:
        with driving(study, folder) as driver:
            search(replace(run, driver=driver), Ladder((rung,)), sampler, Stopping(trials))
    else:
        search(run, Ladder((rung,)), sampler, Stopping(trials))
    space = wanted.space
    done = [trial for trial in records(study) if trial.state == "complete"]
    close(study._storage)
    return [fraction * seconds(decode(space, trial.params)) for trial in done]


def by_workers(workers: int, executor: str, per_worker: int, fraction: float, url: str | None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        watched = Watched(EXECUTORS[executor](workers))
        try:
            begun, cpu = time.monotonic(), time.process_time()
            lengths = run_search(Path(folder), url, None, watched, workers * per_worker, fraction)
            ended, used = time.monotonic(), time.process_time() - cpu
        finally:
            watched.close()
    first, best = watched.first or ended, ideal(lengths, workers)
    print(
        f"{workers} workers ({executor}), {len(lengths)} trials: {first - begun:.1f} s before, then "
        f"{ended - first:.1f} s, ideal {best:.1f} s, "
        f"efficiency {best / (ended - first):.3f}, {1000 * used / len(lengths):.0f} ms of CPU a trial",
        flush=True,
    )


def one_driver(
    place: str, number: int, url: str, name: str, workers: int, trials: int, fraction: float, gate: Any
) -> tuple[float, list[float]]:
    folder = Path(place) / str(number)
    folder.mkdir()
    problem()
    watched = Watched(Threads(workers))
    gate.wait()
    lengths = run_search(folder, url, name, watched, trials, fraction)
    return watched.first or time.monotonic(), lengths


def by_drivers(count: int, workers: int, trials: int, fraction: float, url: str) -> None:
    """`count` processes of `workers` each, on one study."""
    with tempfile.TemporaryDirectory() as folder, multiprocessing.Manager() as manager:
        gate, name = manager.Barrier(count + 1), f"scaling-{count}-{time.time():.0f}"
        context = multiprocessing.get_context("spawn")
        with context.Pool(count) as pool:
            parts = [
                pool.apply_async(one_driver, (folder, each, url, name, workers, trials, fraction, gate))
                for each in range(count)
            ]
            gate.wait()
            begun = time.monotonic()
            every = [part.get() for part in parts]
            ended = time.monotonic()
    first, lengths = min(first for first, _ in every), every[0][1]
    best = ideal(lengths, count * workers)
    print(
        f"{count} drivers of {workers} workers, {len(lengths)} trials: {first - begun:.1f} s before, then "
        f"{ended - first:.1f} s, ideal {best:.1f} s, efficiency {best / (ended - first):.3f}",
        flush=True,
    )


def driver_time(trials: int, url: str | None) -> None:
    """The driver's own time per trial: everything but the sampler and the evaluation, over the last 100 of `trials`."""
    wanted = problem()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        given = [encode(wanted.space, row) for row in wanted.draw(np.random.default_rng(1), trials, evenly="macs")]
        study = open_study(folder, url, wanted.directions, {})
        run = Run(wanted, study, InlineExecutor(), folder, Quiet(), reference_point(wanted, chance=0.1))
        rung = Rung(
            "short",
            lambda arch: Evaluation(0.5 + 0.4 * (int(arch.key[:6], 16) / 16**6), 0.1, 1.0, "short", 1.0, 1, 224),
        )
        sampler = Given(distributions(wanted.space), given)
        search(run, Ladder((rung,)), sampler, Stopping(trials - 100))
        begun, cpu = time.monotonic(), time.process_time()
        search(run, Ladder((rung,)), sampler, Stopping(trials))
        took, used = time.monotonic() - begun, time.process_time() - cpu
        close(study._storage)
    print(f"{trials} trials: {10 * took:.1f} ms a trial, of which {10 * used:.1f} ms of CPU", flush=True)


def numbering(url: str, rows: int) -> None:
    """The cost of counting the trials of a study that has so many, which every new one does under the study's lock."""
    storage = open_database(with_driver(url))
    study = optuna.create_study(storage=storage, study_name=f"numbers-{time.time():.0f}")
    count = text("SELECT count(trial_id) FROM trials WHERE study_id = :study AND trial_id < :newest")
    fill = text(
        "INSERT INTO trials (number, study_id, state) SELECT n, :study, 'COMPLETE' FROM generate_series(0, :rows - 1) n"
    )
    with storage.engine.begin() as connection:
        connection.execute(fill, {"study": study._study_id, "rows": rows})
    with storage.engine.connect() as connection:
        taken = []
        for _ in range(5):
            begun = time.monotonic()
            connection.execute(count, {"study": study._study_id, "newest": 2**31 - 1}).scalar()
            taken.append(time.monotonic() - begun)
    with storage.engine.begin() as connection:
        connection.execute(text("DELETE FROM trials WHERE study_id = :study"), {"study": study._study_id})
    storage.close()
    print(f"{rows:,} trials are counted in {1000 * min(taken):.1f} ms (the least of 5)", flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="What several workers and drivers gain.")
    parser.add_argument("what", choices=["workers", "drivers", "trials", "number"])
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4, 8, 16, 32, 64])
    parser.add_argument("--executor", choices=list(EXECUTORS), default="threads")
    parser.add_argument("--per-worker", type=int, default=10)
    parser.add_argument("--drivers", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--trials", type=int, nargs="+", default=[200, 500, 1000, 2000])
    parser.add_argument("--fraction", type=float, default=1.0)
    parser.add_argument("--url", help="a storage; by default a journal on the disk")
    parser.add_argument("--rows", type=int, default=1_000_000)
    options = parser.parse_args(arguments)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    if options.what == "workers":
        for workers in options.workers:
            by_workers(workers, options.executor, options.per_worker, options.fraction, options.url)
    elif options.what == "drivers":
        for count in options.drivers:
            by_drivers(count, options.workers[0], options.trials[0], options.fraction, options.url)
    elif options.what == "trials":
        for trials in options.trials:
            driver_time(trials, options.url)
    else:
        numbering(options.url, options.rows)


if __name__ == "__main__":
    main()
