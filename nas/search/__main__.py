"""`python -m nas.search`: from a device and a budget to a Pareto front."""

import hashlib
import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from nas.commandline import Invocation, command
from nas.problem import Problem, reference_point
from nas.report.figures import save_front_png
from nas.report.html import write_comparison, write_report
from nas.report.opening import opening_lines
from nas.report.terminal import TerminalDisplay, front_table
from nas.report.trackers import tracker_settings
from nas.report.trackers.base import TrackerSettings
from nas.report.trackers.guard import Guarded
from nas.results.run_folder import write_front
from nas.results.trials import TrialRow, read_trials
from nas.search.checks import checked_problem
from nas.search.confirm.target import DeviceTiming
from nas.search.context import Run
from nas.search.doubtful import doubts
from nas.search.evaluations import decode_images, make_trainings
from nas.search.identity import identity
from nas.search.loop import Stopping
from nas.search.patience import Patience
from nas.search.record.study import lock, open_study
from nas.search.result.about import About, about_settings, data_facts
from nas.search.run import Plan, run
from nas.search.samplers.distinct import make_sampler
from nas.search.settings import SearchSettings


def main(settings: SearchSettings, invocation: Invocation) -> None:
    """One search, begun or resumed, in the folder of `invocation`."""
    chosen = tracker_settings(settings.tracker)
    problem, timing = checked_problem(settings)
    held = lock(invocation.folder)
    try:
        with TerminalDisplay() as display:
            _search(settings, problem, timing, chosen, invocation, display)
    finally:
        held.release()


def _search(
    settings: SearchSettings,
    problem: Problem,
    timing: DeviceTiming | None,
    chosen: TrackerSettings,
    invocation: Invocation,
    display: TerminalDisplay,
) -> None:
    """Open the run folder, do all steps of the run, and report."""
    folder = invocation.folder
    images = decode_images(settings, problem, folder)
    data = data_facts(settings, images.images)
    for line in opening_lines(problem, data):
        display.message(line)
    for doubt in doubts(settings, problem, data):
        display.warning(doubt)
    sampler = make_sampler(problem, settings.sampler, settings.seed)
    study = open_study(folder, settings.storage, problem.directions, identity(settings, problem, data))
    about = about_settings(settings, data, invocation.line)
    asked = _config(settings, about, problem)
    tracker = Guarded(lambda: chosen.start(folder, asked), display.warning)
    executor = settings.executor.start(settings.workers or os.cpu_count() or 1)
    if not executor.shared_files:
        display.message(f"workers must reach {folder.resolve()} under that path")
    origin = reference_point(problem, chance=1 / problem.space.classes)
    this = Run(problem, study, executor, folder, _Tracked(display, tracker), origin)
    try:
        trainings = make_trainings(settings, images, this)
        patience = Patience(settings.patience, settings.patience_gain) if settings.patience else None
        stopping = Stopping(settings.trials, settings.time_limit, patience)
        plan = Plan(settings.confirm, settings.baselines, settings.warm_start, about, timing)
        front = run(this, trainings, sampler, stopping, plan)
    finally:
        executor.close()
    trials = read_trials(folder)
    save_front_png(front, trials, folder / "front.png")
    write_report(folder)
    tracker.finish(front, trials, folder)
    tracker.close()
    if len(display.warnings) > len(front.warnings):  # of the tracker's end
        write_front(replace(front, warnings=tuple(display.warnings)), folder)
        write_report(folder)
    display.stop()
    console = Console()
    console.print(front_table(front))
    console.print(f"report: {folder / 'report.html'}", soft_wrap=True, highlight=False)


class _Tracked:
    """The display, with every trial passed on to the tracker too."""

    def __init__(self, display: TerminalDisplay, tracker: Guarded) -> None:
        self.stage, self.advance, self.message = display.stage, display.advance, display.message
        self.warning, self.warnings = display.warning, display.warnings
        self._display, self._tracker = display, tracker

    def trial(self, row: TrialRow, *, front_size: int, hypervolume: float, best: float) -> None:
        self._display.trial(row, front_size=front_size, hypervolume=hypervolume, best=best)
        self._tracker.trial(row, hypervolume, front_size)


def _config(settings: SearchSettings, about: About, problem: Problem) -> dict[str, Any]:
    """What trackers show of what the search was asked for."""
    config = {**asdict(about), "hardware": problem.profile.label, "budget": str(problem.budget)}
    return config | {
        "search_space": problem.space.name,
        "objectives": list(problem.objectives),
        "trials": settings.trials,
    }


def compare(folders: list[Path]) -> None:
    """After a multirun: one report over all of its fronts, beside them."""
    digest = hashlib.blake2b("\n".join(sorted(f.name for f in folders)).encode(), digest_size=3).hexdigest()
    path = folders[0].parent / f"comparison-{digest}.html"
    write_comparison(folders, path)
    Console().print(f"comparison: {path}", soft_wrap=True, highlight=False)


if __name__ == "__main__":
    command("search", SearchSettings, main, after_multirun=compare)
