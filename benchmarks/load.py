"""What many finished trials cost: a proposal, resuming, the result, the report and the picture.

    python -m benchmarks.load --trials 200 1000 5000 20000

For each number a study is made up in a journal, as a search would have left it: networks of `separable` within 300M
on pixel4, accuracies that rise with the logarithm of MACs, with noise, and one network in fifty failed.
Then each step runs in a process of its own. Seconds are CPU seconds, megabytes the most memory beyond what the process
took before the step.
"""

import argparse
import math
import multiprocessing
import resource
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.storages import JournalStorage
from optuna.storages.journal import BaseJournalBackend, JournalFileBackend
from optuna.study import Study, create_study
from optuna.trial import FrozenTrial, Trial, TrialState

from benchmarks.quiet import Quiet
from nas.latency.profile import load_profile
from nas.problem import Problem, reference_point
from nas.proxies.base import Evaluation, Failed
from nas.report.figures import save_front_png
from nas.report.html import write_report
from nas.results.front import DataFacts
from nas.results.run_folder import read_front, write_front
from nas.results.trials import read_trials, write_trials
from nas.search.confirm.network import Confirmed
from nas.search.context import Run
from nas.search.executors.inline import InlineExecutor
from nas.search.front import choose_to_confirm
from nas.search.loop import Stopping, search
from nas.search.parameters import decode, distributions, encode
from nas.search.record.notes import note_study
from nas.search.record.study import open_study
from nas.search.record.trial import RungRecord, fail, note_proposal, records, rows, write_candidate, write_rungs
from nas.search.result.about import About
from nas.search.result.compose import compose
from nas.search.rungs import Ladder, Rung
from nas.search.samplers.distinct import make_sampler
from nas.search.samplers.pareto import ParetoSettings
from nas.spaces.architecture import Architecture
from nas.spaces.budget import Budget
from nas.spaces.load import load_space
from nas.training.long import Judged, Trained, hexadecimal

FURTHER = 3
"""Networks that are proposed and evaluated after those of the study."""
CONFIRMED = 8
START = 16
ABOUT = About(
    seed=0,
    data=DataFacts(
        "digits", None, ("0", "1"), 6, 2, 2, {split: {"0": 3, "1": 3} for split in ("train", "val", "test")}, 32
    ),
    sampler="pareto",
    proxy={"name": "short", "how": "short"},
    rungs=("short",),
    command="python -m benchmarks.load",
)


@dataclass(frozen=True, slots=True)
class Used:
    """What a step took."""

    seconds: float
    megabytes: float


class Lines(BaseJournalBackend):
    """A journal that is kept in memory and written once: a study of thousands of trials is made in a minute."""

    def __init__(self) -> None:
        self.logs: list[dict[str, Any]] = []

    def read_logs(self, log_number_from: int) -> Iterable[dict[str, Any]]:
        return self.logs[log_number_from:]

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        self.logs += logs

    def write(self, path: Path) -> None:
        """As a file, by Optuna's own writer."""
        path.unlink(missing_ok=True)
        JournalFileBackend(str(path)).append_logs(self.logs)


class Given(BaseSampler):
    """Proposes the parameters that it is given, one after the other."""

    def __init__(self, space: dict[str, BaseDistribution], given: Iterable[dict[str, Any]]) -> None:
        self._space, self._given = space, iter(given)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return self._space

    def sample_relative(self, study: Study, trial: FrozenTrial, search_space: dict[str, Any]) -> dict[str, Any]:
        return next(self._given)

    def sample_independent(self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: Any) -> Any:
        raise NotImplementedError


def problem() -> Problem:
    """What every study here is of."""
    space = load_space("separable").with_data(3, 10)
    return Problem(space, load_profile("pixel4"), Budget.parse("300M"), ("accuracy", "latency"))


def evaluate(arch: Architecture, macs: float | None = None) -> Evaluation:
    """A made-up accuracy: it rises with the logarithm of MACs, and the network's key is the noise."""
    macs = problem().candidate(arch).measures()["macs"] if macs is None else macs
    noise = int(arch.key[:8], 16) / 16**8 - 0.5
    share = min(max(0.55 + 0.12 * math.log10(macs / 1e7) + 0.1 * noise, 0.1), 0.99)
    return Evaluation(share, share - 0.03, share + 0.03, "short", 1.5, 1, arch.resolution)


def write_study(wanted: Problem, trials: int, folder: Path) -> None:
    """`study.journal` with so many finished trials."""
    drawn = wanted.draw(np.random.default_rng(0), trials, evenly="macs")
    lines, space = Lines(), wanted.space
    given = Given(distributions(space), (encode(space, row) for row in drawn))
    study = create_study(
        storage=JournalStorage(lines), study_name=folder.name, directions=list(wanted.directions), sampler=given
    )
    note_study(study, "settings", {})
    for number, row in enumerate(drawn):
        arch = space.architecture(row)
        trial = Trial(study, study._storage.create_new_trial(study._study_id))
        for name, distribution in distributions(space).items():
            trial._suggest(name, distribution)
        frozen = study._storage.get_trial(trial._trial_id)
        note_proposal(study, frozen, "start" if number < START else "model", None if number < START else 0.001)
        measures = wanted.candidate(arch).measures()
        trial.set_constraint("budget", wanted.budget.excess(measures) - 1)
        write_candidate(trial, measures)
        if number % 50 == 49:
            fail(study, trial, Failed("Diverged: the loss is nan"))
            continue
        found = evaluate(arch, measures["macs"])
        write_rungs(trial, [RungRecord("short", 1.5, found.accuracy, found.low, found.high, 1, arch.resolution)])
        values = wanted.values({**measures, "accuracy": found.accuracy})
        study._storage.set_trial_state_values(trial._trial_id, TrialState.COMPLETE, values)
    lines.write(folder / "study.journal")


def opened(folder: Path) -> Run:
    """The study, resumed."""
    wanted = problem()
    study = open_study(folder, None, wanted.directions, {})
    return Run(wanted, study, InlineExecutor(), folder, Quiet(), reference_point(wanted, chance=0.1))


def go_on(run: Run, sampler: BaseSampler, networks: int) -> None:
    """Search until so many networks are begun."""
    search(run, Ladder((Rung("short", evaluate),)), sampler, Stopping(networks))


def measured(step: Callable[[], object]) -> Used:
    """What `step` takes."""
    before, begun = _peak(), time.process_time()
    step()
    return Used(time.process_time() - begun, _peak() - before)


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def resume(folder: Path) -> Used:
    """Open the study and find that its search is over."""
    return measured(lambda: go_on(opened(folder), Given({}, ()), 1))


def propose(folder: Path) -> Used:
    """A proposal, its evaluation and what is written: the mean of `FURTHER`, after one that fills tables."""
    run = opened(folder)
    begun, before = len(records(run.study)), _peak()
    settings = ParetoSettings("pareto", start=START, pool=20_000)
    sampler = make_sampler(run.problem, settings, 0)
    go_on(run, sampler, begun + 1)
    used = measured(lambda: go_on(run, sampler, begun + 1 + FURTHER))
    return Used(used.seconds / FURTHER, _peak() - before)


def result(folder: Path) -> Used:
    """front.json and trials.csv from the study, as if `CONFIRMED` networks had been confirmed."""
    run = opened(folder)

    def make() -> None:
        front = compose(run, Ladder((Rung("short", evaluate),)), list(confirmed(run)), {}, ABOUT)
        write_front(front, folder)
        write_trials(rows(run.study), folder)

    return measured(make)


def confirmed(run: Run) -> Iterable[Confirmed]:
    """The networks that would be confirmed, each as accurate as its trial said."""
    complete = [trial for trial in records(run.study) if trial.state == "complete"]
    chosen = choose_to_confirm([trial.values(run.problem) for trial in complete], run.problem.directions, CONFIRMED)
    rng = np.random.default_rng(0)
    for trial in (complete[index] for index in chosen):
        right = rng.random(500) < trial.rungs[-1].rank_value
        arch, accuracy = decode(run.problem.space, trial.params), float(right.mean())
        trained = Trained(1, accuracy, hexadecimal(right), len(right), arch.resolution, 60.0)
        yield Confirmed(arch, (trained,), (Judged(accuracy, len(right)),))


def report(folder: Path) -> Used:
    """report.html."""
    return measured(lambda: write_report(folder))


def picture(folder: Path) -> Used:
    """front.png."""
    return measured(lambda: save_front_png(read_front(folder), read_trials(folder), folder / "front.png"))


STEPS: tuple[Callable[[Path], Used], ...] = (resume, propose, result, report, picture)


def measure(trials: int, keep: Path | None) -> list[str]:
    """The row of the table for so many trials."""
    folder = Path(tempfile.mkdtemp()) if keep is None else keep / str(trials)
    folder.mkdir(parents=True, exist_ok=True)
    used = []
    try:
        if not (folder / "study.journal").exists():
            write_study(problem(), trials, folder)
        megabytes = (folder / "study.journal").stat().st_size / 1e6
        for step in STEPS:
            with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
                used.append(pool.submit(step, folder).result())
            print(
                f"{trials} trials, {step.__name__}: {used[-1].seconds:.2f} s, {used[-1].megabytes:.0f} MB", flush=True
            )
        page = (folder / "report.html").stat().st_size / 1e6
    finally:
        if keep is None:
            shutil.rmtree(folder)
    texts = [f"{each.seconds:.2f} s, {each.megabytes:.0f} MB" for each in used]
    return [f"{trials:,}", f"{megabytes:.1f} MB", *texts, f"{page:.2f} MB"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description="What many finished trials cost.")
    parser.add_argument("--trials", type=int, nargs="+", default=[200, 1000, 5000, 20_000])
    parser.add_argument("--keep", type=Path, help="folder that keeps the studies, for the next time")
    options = parser.parse_args(arguments)
    table = [measure(trials, options.keep) for trials in options.trials]
    heads = ["finished trials", "journal", *(step.__name__ for step in STEPS), "page"]
    print("\n".join(f"| {' | '.join(cells)} |" for cells in [heads, ["---"] * len(heads), *table]))


if __name__ == "__main__":
    main()
