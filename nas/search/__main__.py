"""`python -m nas.search`: from a device and a budget to a Pareto front."""

import hashlib
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from nas.commandline import Invocation, command
from nas.nets.pretrained import NONE, SPACES, absolute, load
from nas.nets.slices import covered
from nas.problem import Problem, reference_point
from nas.reading.plain import one_line
from nas.report.card import write_cards
from nas.report.figures import save_front_png
from nas.report.html import write_comparison, write_report
from nas.report.opening import opening_lines
from nas.report.terminal import TerminalDisplay, print_front
from nas.report.trackers import tracker_settings
from nas.report.trackers.base import TrackerSettings
from nas.report.trackers.guard import Guarded
from nas.results.front import Front
from nas.results.run_folder import write_front
from nas.results.trials import TrialRow, read_trials
from nas.search.checks import Checked, check_settings
from nas.search.context import Run
from nas.search.doubtful import doubts, remarks
from nas.search.evaluations import Data, decode_images, make_trainings
from nas.search.identity import identity
from nas.search.loop import Stopping
from nas.search.patience import Patience
from nas.search.record.folder import taken
from nas.search.record.storage import check_storage, working
from nas.search.record.study import earlier_journal, open_study
from nas.search.result.about import About, about_settings, data_facts
from nas.search.run import Plan, run
from nas.search.samplers.distinct import make_sampler
from nas.search.settings import SearchSettings
from nas.spaces.load import AUTO


def check(runs: Sequence[SearchSettings]) -> None:
    """Refuse runs of which one cannot be done.

    Raises:
        NasError: the first that is wrong with any of them, as far as can be told before an image is decoded.
    """
    for checked, _ in [_checked(settings) for settings in runs]:
        checked.problem.require_feasible()


def _checked(settings: SearchSettings) -> tuple[Checked, TrackerSettings]:
    """What the settings ask for, before any work."""
    tracker = tracker_settings(settings.tracker)
    checked = check_settings(settings)
    if settings.storage is not None:
        check_storage(settings.storage)
    return checked, tracker


def main(settings: SearchSettings, invocation: Invocation) -> None:
    """One search, begun or resumed, in the folder of `invocation`."""
    (checked, shown), folder = _checked(settings), invocation.folder
    with working(settings.storage), ExitStack() as stack:
        with taken(folder) as held:
            stack.callback(held.release)
            checked.problem.require_feasible()
            journal = None if settings.storage else earlier_journal(folder)
            invocation.write_files()
            display = stack.enter_context(TerminalDisplay())
            images = decode_images(settings, checked.problem, checked.pixels, folder)
            data = data_facts(settings, images.images)
            agreed = identity(settings, checked.problem, data)
            study = open_study(folder, settings.storage, checked.problem.directions, agreed, journal)
            executor = settings.executor.start(settings.executor.slots(settings.workers))
            stack.callback(executor.close)
        if settings.search_space == AUTO:
            why = f"init={settings.init}" if settings.init in SPACES else f"the images have {checked.pixels} pixels"
            display.message(f"search_space=auto is {checked.problem.space.name}: {why}")
        for line in (*opening_lines(checked.problem, data), *remarks(checked.problem)):
            display.message(line)
        if settings.init != NONE:
            display.message(covered(checked.problem.space, load(absolute(settings.init))))
        for doubt in doubts(settings, checked.problem, data):
            display.warning(doubt)
        if not executor.shared_files:
            display.message(f"workers must reach {folder.resolve()} under that path")
        about = about_settings(settings, checked.problem, data, invocation.line)
        asked = _config(settings, about, checked.problem)
        tracker = Guarded(lambda: shown.start(folder, asked), display.warning)
        origin = reference_point(checked.problem, chance=1 / checked.problem.space.classes)
        this = Run(
            checked.problem, study, executor, folder, _Tracked(display, tracker), origin, settings.trial_time_limit
        )
        front = _search(settings, checked, this, images, about)
        executor.close()
        _report(front, folder, tracker, display)


def _search(settings: SearchSettings, checked: Checked, this: Run, images: Data, about: About) -> Front:
    """All steps of the run."""
    trainings = make_trainings(settings, images, this)
    patience = Patience(settings.patience, settings.patience_gain) if settings.patience else None
    stopping = Stopping(settings.trials, settings.time_limit, patience)
    init = absolute(settings.init)
    plan = Plan(settings.confirm, settings.baselines, settings.warm_start, about, checked.timing, init)
    return run(this, trainings, make_sampler(checked.problem, settings.sampler, settings.seed), stopping, plan)


def _report(front: Front, folder: Path, tracker: Guarded, display: TerminalDisplay) -> None:
    """Write the picture and the page, and show the front."""
    trials = read_trials(folder)
    save_front_png(front, trials, folder / "front.png")
    write_report(folder)
    write_cards(folder, front)
    tracker.finish(front, trials, folder)
    tracker.close()
    if len(display.warnings) > len(front.warnings):  # of the tracker's end
        write_front(replace(front, warnings=tuple(display.warnings)), folder)
        write_report(folder)
    display.stop()
    console = Console()
    print_front(console, front)
    console.print(one_line(f"report: {folder / 'report.html'}"), soft_wrap=True, highlight=False)


class _Tracked:
    """The display, with every trial passed on to the tracker too."""

    def __init__(self, display: TerminalDisplay, tracker: Guarded) -> None:
        self.stage, self.advance, self.message = display.stage, display.advance, display.message
        self.warning, self.warnings = display.warning, display.warnings
        self._display, self._tracker = display, tracker

    def trial(self, row: TrialRow, *, front_size: int, hypervolume: float, best: float | None) -> None:
        self._display.trial(row, front_size=front_size, hypervolume=hypervolume, best=best)
        self._tracker.trial(row, hypervolume, front_size)


def _config(settings: SearchSettings, about: About, problem: Problem) -> dict[str, Any]:
    """What trackers show of what the search was asked for."""
    hardware = ", ".join(profile.label for profile in problem.profiles)
    config = {**asdict(about), "hardware": hardware, "budget": str(problem.budget)}
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
    Console().print(one_line(f"comparison: {path}"), soft_wrap=True, highlight=False)


if __name__ == "__main__":
    command("search", SearchSettings, main, check, after_multirun=compare)
