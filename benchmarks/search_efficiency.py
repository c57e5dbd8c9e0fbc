"""How much of the true front each sampler finds with few trainings, on tables where the answer is known.

    python -m benchmarks.search_efficiency --seeds 20 --jobs 2

Every run of a sampler (one problem, one seed) is a line of a file in `--results`; runs that are there are
not made again, so the work can be stopped and resumed, or spread over days. `docs/benchmarks.md` and its
figure are written from whatever is there, with `--render` without running anything first.

    python -m benchmarks.search_efficiency --parallel --seeds 20 --jobs 2

does the same with 8, 32 and 64 evaluations at once, for `docs/scaling.md`.
"""

import argparse
import json
import multiprocessing
import os
import platform
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import suppress
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.baselines import Contestant, Done, Row, contestants, in_parallel
from benchmarks.efficiency_report import render, render_parallel
from benchmarks.tables import PROBLEMS, problem, shares
from nas.errors import DataError, NasError
from nas.resources import names

Result = dict[str, Any]
"""One run: problem, its note, sampler, seed, shares and seconds (one per evaluation), repeats, machine, versions."""

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
PACKAGES = ("numpy", "scikit-learn", "optuna", "pymoo", "botorch", "torch")


def run(problem_name: str, contestant: Contestant, seed: int, evaluations: int) -> Result:
    """Let a sampler search once, and score what it evaluated.

    Seconds are CPU seconds from the end of one evaluation to the start of the next: telling the sampler
    and asking it. A network that is evaluated twice counts twice.
    """
    case = problem(problem_name)
    rows: list[Row] = []
    seconds: list[float] = []
    resumed = time.process_time()

    def evaluate(row: Row) -> tuple[float, float]:
        nonlocal resumed
        if len(rows) == evaluations:
            raise Done
        seconds.append(time.process_time() - resumed)
        rows.append(np.array(row))
        accuracy, cost = case.seen(np.array([row]))[0]
        resumed = time.process_time()
        return float(accuracy), float(cost)

    with suppress(Done):
        contestant.loop(case, evaluate, seed)
    keys = {case.space.architecture(row).key for row in rows}
    return {
        "problem": problem_name,
        "note": case.note,
        "seed": seed,
        "shares": [round(float(share), 7) for share in shares(case, np.array(rows))],
        "seconds": [round(value, 5) for value in seconds],
        "repeats": len(rows) - len(keys),
    }


def run_named(job: tuple[str, str, int, int], scores: Path | None) -> Result:
    """`run` for a worker process: one thread, and where it ran beside what came out."""
    problem_name, sampler, seed, evaluations = job
    result = run(problem_name, (contestants(scores) | in_parallel())[sampler], seed, evaluations)
    return {"sampler": sampler, **result, "machine": machine(), "versions": versions()}


def machine() -> str:
    """The kind of CPU and how many cores there are."""
    described = Path("/proc/cpuinfo")
    lines = described.read_text().splitlines() if described.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{models[0] if models else platform.machine()}, {os.cpu_count()} cores"


def versions() -> str:
    """Versions of what a result depends on."""
    found = []
    for name in PACKAGES:
        with suppress(PackageNotFoundError):  # of the extra `benchmark`
            found.append(f"{name} {version(name)}")
    return ", ".join([f"Python {platform.python_version()}", *found])


def read_results(folder: Path) -> list[Result]:
    """All runs in a folder of results; a line that a kill cut short is left out."""
    return [result for path in sorted(folder.glob("*.jsonl")) for result in _lines(path)]


def _lines(path: Path) -> Iterator[Result]:
    for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
        if line.endswith("}\n"):
            yield json.loads(line)


def write_result(folder: Path, result: Result) -> None:
    """Append a run to the file of its problem and sampler, on a line of its own."""
    path = folder / f"{result['problem']}-{result['sampler']}.jsonl"
    cut = path.exists() and not path.read_bytes().endswith(b"\n")
    with path.open("a", encoding="utf-8") as file:
        file.write("\n" * cut + json.dumps(result) + "\n")


def missing(
    results: Sequence[Result], problems: Sequence[str], samplers: dict[str, Contestant], seeds: int, evaluations: int
) -> list[tuple[str, str, int, int]]:
    """The runs to make: (problem, sampler, seed, evaluations), problem by problem, then sampler by sampler."""
    done = {(r["problem"], r["sampler"], r["seed"]): len(r["shares"]) for r in results}
    return [
        (problem_name, name, seed, count)
        for problem_name in problems
        for name, contestant in samplers.items()
        if problem_name in (contestant.only or PROBLEMS)
        for seed in range(min(seeds, contestant.seeds))
        if done.get((problem_name, name, seed), 0) < (count := min(evaluations, contestant.evaluations))
    ]


def chosen(kind: str, text: str | None, known: Sequence[str]) -> list[str]:
    """The names in a list `a,b`, or all that are known.

    Raises:
        DataError: one is unknown.
    """
    wanted = text.split(",") if text else list(known)
    if unknown := [name for name in wanted if name not in known]:
        raise DataError(f"unknown {kind} {unknown[0]!r}; known: {names(known)}")
    return wanted


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser("python -m benchmarks.search_efficiency", description=__doc__.split("\n")[0])
    parser.add_argument("--problems", help=f"of {','.join(PROBLEMS)}; all by default")
    parser.add_argument("--samplers", help=f"of {','.join(contestants(Path()))}; all by default")
    parser.add_argument("--seeds", type=int, default=20, help="searches per sampler; slow samplers stop at fewer")
    parser.add_argument("--evaluations", type=int, default=200, help="of each search")
    parser.add_argument("--jobs", type=int, default=1, help="processes, of one thread each")
    parser.add_argument("--scores", type=Path, help="CSV of training-free scores of NAS-Bench-Macro's networks")
    parser.add_argument("--results", type=Path, default=Path("build/benchmarks"), help="folder of the runs")
    parser.add_argument("--docs", type=Path, default=Path("docs"), help="folder of benchmarks.md and scaling.md")
    parser.add_argument("--parallel", action="store_true", help="compare by how many evaluations run at once")
    parser.add_argument("--render", action="store_true", help="run nothing, write the page from the results")
    options = parser.parse_args(arguments)
    samplers = in_parallel() if options.parallel else contestants(options.scores)
    samplers = {name: samplers[name] for name in chosen("sampler", options.samplers, list(samplers))}
    problems = chosen("problem", options.problems, list(PROBLEMS))
    options.results.mkdir(parents=True, exist_ok=True)
    if not options.render:
        jobs = missing(read_results(options.results), problems, samplers, options.seeds, options.evaluations)
        run_all(jobs, options.jobs, options.scores, options.results)
    known, write = (in_parallel(), render_parallel) if options.parallel else (contestants(Path()), render)
    write(read_results(options.results), {name: each.label for name, each in known.items()}, options.docs)


def run_all(jobs: Sequence[tuple[str, str, int, int]], processes: int, scores: Path | None, results: Path) -> None:
    """Run `jobs` in processes of one thread each, and keep every result as it comes."""
    os.environ.update(dict.fromkeys(THREADS, "1"))  # read by the workers when they start
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        waiting = [pool.submit(partial(run_named, scores=scores), job) for job in jobs]
        try:
            for count, future in enumerate(as_completed(waiting), start=1):
                result = future.result()
                write_result(results, result)
                print(
                    f"{count}/{len(jobs)} {result['problem']} {result['sampler']} seed {result['seed']}: "
                    f"{result['shares'][-1]:.4f} after {len(result['shares'])}",
                    flush=True,
                )
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


if __name__ == "__main__":
    try:
        main()
    except NasError as error:
        sys.exit(f"error: {error}")
