"""What front a whole search hands over, by its true hypervolume, and how many CPU minutes it took: NAS-Bench-Macro.

    python -m benchmarks.end_to_end --seeds 3

Each search is that of `nas.search` with the space `nas_bench_macro`, objectives accuracy and MACs, and the 25,000
CIFAR-10 images of the data folder (`NAS_DATA_DIR`, default `../shared/data`): images, proxy, sampler and front are the
product's, in one thread of one process. The table of true accuracies is opened when a search has ended. Then the front
that it would have handed over after each trial, by what it believes of its own cheap accuracies, is scored: the
hypervolume of the true accuracies (mean of two full trainings) and MACs, as a share of that of the best front of all
3,969 networks. Nothing but what is on its front counts for a search. Minutes of a supernet are its training's alone, by
the wall clock. For comparison, `random` trains networks drawn at random in full, by the
table. Runs are appended to `--results`; those that are there are not made again.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import optuna

from benchmarks.proxy_fidelity import photographs
from benchmarks.quiet import Quiet
from benchmarks.search_efficiency import machine, versions
from benchmarks.search_settings import search_settings
from benchmarks.tables import hypervolume, problem
from nas.errors import NasError
from nas.nets.device import use_one_thread
from nas.problem import reference_point
from nas.results.trials import TrialRow
from nas.search.believed import believed
from nas.search.checks import check_settings
from nas.search.context import Run
from nas.search.evaluations import decode_images, make_trainings
from nas.search.executors.inline import InlineExecutor
from nas.search.front import nondominated
from nas.search.loop import Stopping, search
from nas.search.parameters import genotype
from nas.search.record.trial import records
from nas.search.samplers.distinct import make_sampler

COMMON = (
    "search_space=nas_bench_macro",
    "budget=null",
    "objectives=[accuracy,macs]",
    "warm_start=false",
    "data=cifar10",
)
SUPERNET = ("proxy=supernet", "proxy.epochs=null", "training.precision=bf16")
SEARCHES: Mapping[str, Sequence[str]] = {
    "score": ("proxy=score", "trials=200"),
    "short": ("proxy=short", "trials=100"),
    "score, then short": ("proxy=short", "rungs=[score,short]", "trials=100"),
    "supernet, 1 minute": (*SUPERNET, "proxy.minutes=1", "trials=100"),
    "supernet, 7 minutes": (*SUPERNET, "proxy.minutes=7", "trials=150"),
    "supernet, 12 minutes": (*SUPERNET, "proxy.minutes=12", "trials=150"),
    "score, then supernet, 1 minute": (*SUPERNET, "rungs=[score,supernet]", "proxy.minutes=1", "trials=200"),
}
"""Settings of `nas.search` beside `COMMON`, by name."""
AT = (1, 2, 3, 5, 10, 15, 25)
"""CPU minutes at which the share is shown."""
RANDOM = 100
"""Networks that are drawn and fully trained."""


@dataclass(slots=True)
class _Clock(Quiet):
    """A display that notes the CPU seconds at which trials end."""

    began: float
    ended: dict[int, float] = field(default_factory=dict)

    def trial(self, row: TrialRow, *, front_size: int, hypervolume: float, best: float | None) -> None:
        """Note the time."""
        self.ended[row.number] = time.process_time() - self.began


def run(name: str, seed: int, minutes: float, cache: Path) -> list[tuple[float, float, int]]:
    """CPU seconds, the share of the best hypervolume and the front's size after each trial of the search `name`."""
    words = [*COMMON, *SEARCHES[name], f"data.path={photographs(cache)}", f"seed={seed}"]
    settings = search_settings(words)
    clock = _Clock(time.process_time())
    checked = check_settings(settings)
    sought = checked.problem
    with tempfile.TemporaryDirectory() as folder:
        images = decode_images(settings, sought, checked.pixels, Path(folder))
        study = optuna.create_study(directions=sought.directions)
        origin = reference_point(sought, chance=1 / sought.space.classes)
        this = Run(sought, study, InlineExecutor(), Path(folder), clock, origin)
        trainings = make_trainings(settings, images, this)
        left = 60 * minutes - (time.process_time() - clock.began)
        stopping = Stopping(settings.trials, time_limit=max(left, 1.0))
        search(this, trainings.ladder, make_sampler(sought, settings.sampler, seed), stopping)
    table = problem("macro")  # opened here, for the first time
    handed = []
    for number, seconds in sorted(clock.ended.items(), key=lambda each: each[1]):
        done = [t for t in records(study) if t.state == "complete" and clock.ended[t.number] <= clock.ended[number]]
        values = believed(sought, done) if done else {}
        candidates = [trial for trial in done if trial.number in values]
        points = [values[trial.number] for trial in candidates]
        front = [candidates[i] for i in nondominated(points, sought.directions)]
        rows = np.array([genotype(sought.space, trial.params) for trial in front], dtype=np.int64)
        share = hypervolume(table.true(rows), table.reference) / table.best if len(rows) else 0.0
        handed.append((round(seconds, 2), round(share, 5), len(rows)))
    return handed


def drawn_at_random(seed: int) -> float:
    """The share of the front of `RANDOM` networks drawn at random, chosen by one full training of each."""
    table = problem("macro")
    rows = table.space.sample(np.random.default_rng(seed), RANDOM)
    front = rows[nondominated(table.seen(rows).tolist(), ("maximize", "minimize"))]
    return hypervolume(table.true(front), table.reference) / table.best


def at(handed: Sequence[tuple[float, float, int]], minutes: float) -> float | None:
    """The share after so many CPU minutes, None before the first trial ended."""
    done = [share for seconds, share, _ in handed if seconds <= 60 * minutes]
    return done[-1] if done else None


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the runs that are missing, and print a table of all: mean and least over the seeds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--searches", nargs="*", default=list(SEARCHES), choices=SEARCHES, metavar="SEARCH")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=AT[-1], help="CPU minutes after which none begins a trial")
    parser.add_argument("--results", type=Path, default=Path("build/benchmarks/end_to_end.jsonl"))
    parser.add_argument("--cache", type=Path, default=Path("build/benchmarks/images"), help="folder of the images")
    given = parser.parse_args(arguments)
    use_one_thread()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    for folder in (given.cache, given.results.parent):
        folder.mkdir(parents=True, exist_ok=True)
    lines = given.results.read_text(encoding="utf-8").splitlines() if given.results.exists() else []
    done = {(entry["search"], entry["seed"]): entry for entry in map(json.loads, lines)}
    for name in given.searches:
        for seed in range(given.seeds):
            if (name, seed) not in done:
                handed = run(name, seed, given.minutes, given.cache)
                done[name, seed] = {"search": name, "seed": seed, "handed": handed, "machine": machine()}
                with given.results.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(done[name, seed] | {"versions": versions()}) + "\n")
                print(f"{name}, seed {seed}: {handed[-1] if handed else 'nothing'}", file=sys.stderr, flush=True)
    print(f"| search | {' | '.join(f'{minutes} min' for minutes in AT)} | networks |\n{'|---' * (len(AT) + 2)}|")
    for name in given.searches:
        found = [done[name, seed]["handed"] for seed in range(given.seeds)]
        cells = []
        for minutes in AT:
            shares = [share for handed in found if (share := at(handed, minutes)) is not None]
            cells.append(f"{np.mean(shares):.3f} ({min(shares):.3f})" if len(shares) == len(found) else "")
        print(f"| {name} | {' | '.join(cells)} | {np.mean([len(handed) for handed in found]):.0f} |")
    shares = [drawn_at_random(seed) for seed in range(20)]
    print(
        f"\n{RANDOM} networks drawn at random, each fully trained: {np.mean(shares):.3f} ({min(shares):.3f}), 20 draws"
    )


if __name__ == "__main__":
    try:
        main()
    except NasError as error:
        sys.exit(f"error: {error}")
