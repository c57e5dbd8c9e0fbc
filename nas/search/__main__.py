"""`python -m nas.search`: from a device and a budget to a Pareto front."""

from nas.commandline.answers import answer_first

if __name__ == "__main__":
    answer_first("search")  # what follows takes seconds to import

import hashlib
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import optuna
from rich.console import Console

from nas.commandline import Invocation, command
from nas.nets.pretrained import NONE, SPACES, absolute, load
from nas.nets.slices.reach import covered
from nas.problem import Problem, reference_point
from nas.reading.plain import one_line
from nas.report.card import write_cards
from nas.report.figures import save_front_png
from nas.report.html import write_comparison, write_report
from nas.report.live.display import TerminalDisplay
from nas.report.opening import opening_lines
from nas.report.outlook import outlook_lines
from nas.report.terminal import print_front, to_ship
from nas.report.trackers import tracker_settings
from nas.report.trackers.base import TrackerSettings
from nas.report.trackers.guard import Guarded
from nas.report.trackers.tracked import tracked_search
from nas.results.front import Front
from nas.results.ordering import cost_measure
from nas.results.run_folder import write_front
from nas.results.trials import TrialRow, read_trials
from nas.search.checks import Checked, check_settings
from nas.search.context import Run
from nas.search.display import Display
from nas.search.doubtful import doubts, remarks
from nas.search.dry_run.measure import measure
from nas.search.dry_run.memory import workers_for
from nas.search.evaluations import Data, decode_images, make_trainings
from nas.search.identity import identity
from nas.search.loop import Stopping
from nas.search.patience import Patience
from nas.search.plan import Plan, run
from nas.search.record.drivers import Elsewhere, driving
from nas.search.record.folder import taken
from nas.search.record.storage import check_storage, working
from nas.search.record.study import close_study, describe, earlier_journal, open_study
from nas.search.result.about import About, about_settings, data_facts
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
    """One search, begun or resumed, in the folder of `invocation`; its front is printed."""
    if settings.dry_run:
        dry_run(settings, invocation)
        return
    place = invocation.one_of
    title, mark = (str(place), place.mark) if place else ("", "")
    with TerminalDisplay(cost=cost_measure(settings.objectives), title=title, mark=mark) as display:
        try:
            front = searched(settings, invocation, display)
        except Elsewhere as elsewhere:
            display.message(str(elsewhere))
            return
    console = Console()
    if mark:
        console.print(title, highlight=False, markup=False, soft_wrap=True)
    print_front(console, front)
    for line in to_ship(front, invocation.folder):
        console.print(one_line(line), soft_wrap=True, highlight=False, markup=False)
    console.print(one_line(f"report: {invocation.folder / 'report.html'}"), soft_wrap=True, highlight=False)


def searched(settings: SearchSettings, invocation: Invocation, display: Display) -> Front:
    """The front of one search, begun or resumed, in the folder of `invocation`, where its reports are too.

    Raises:
        NasError: it cannot be done, or came to no result; what is finished is kept, as after any interruption.
        Elsewhere: another command on the same study makes the result.
    """
    (checked, shown), folder = _checked(settings), invocation.folder
    with working(settings.storage), ExitStack() as stack:
        stack.callback(optuna.logging.set_verbosity, optuna.logging.get_verbosity())  # which the study's are below
        with taken(folder) as held:
            stack.callback(held.release)
            checked.problem.require_feasible()
            journal = None if settings.storage else earlier_journal(folder)
            invocation.write_files()
            images = decode_images(settings, checked.problem, checked.pixels, folder)
            data = data_facts(settings, images.images)
            agreed = identity(settings, checked.problem, data)
            study = open_study(
                *(folder, settings.storage, checked.problem.directions, agreed, journal, settings.study),
                display.message,
            )
            stack.callback(close_study, study)
            describe(study, *_names_and_facts(checked.problem, settings))
            workers = workers_for(settings, checked)
            executor = settings.executor.start(settings.executor.slots(workers.count))
            stack.callback(executor.close)
        if settings.search_space == AUTO:
            why = f"init={settings.init}" if settings.init in SPACES else f"the images have {checked.pixels} pixels"
            display.message(f"search_space=auto is {checked.problem.space.name}: {why}")
        for line in (*opening_lines(checked.problem, data), *remarks(checked.problem)):
            display.message(line)
        if settings.init != NONE:
            display.message(covered(checked.problem.space, load(absolute(settings.init))))
        if workers.said:
            (display.warning if workers.doubtful else display.message)(workers.said)
        for doubt in doubts(settings, checked.problem, data):
            display.warning(doubt)
        if not executor.shared_files:
            display.message(f"workers must reach {folder.resolve()} under that path")
        about = about_settings(settings, checked.problem, data, invocation.line)
        tracked = tracked_search(settings, about, checked.problem, folder)
        tracker = Guarded(lambda: shown.start(tracked), display.warning)
        origin = reference_point(checked.problem, chance=1 / checked.problem.space.classes)
        this = Run(
            checked.problem, study, executor, folder, _Tracked(display, tracker), origin, settings.trial_time_limit
        )
        if settings.study:
            this = replace(this, driver=stack.enter_context(driving(study, folder)))
        front = _search(settings, checked, this, images, about)
        executor.close()
        return _reported(front, folder, tracker, display)


def dry_run(settings: SearchSettings, invocation: Invocation) -> None:
    """Say what the search would take and write."""
    place = invocation.one_of
    if place:
        print(f"{place.mark}{place}", flush=True)
    checked, _ = _checked(settings)
    checked.problem.require_feasible()
    workers = workers_for(settings, checked)
    found = measure(settings, checked, settings.executor.slots(workers.count))
    for line in outlook_lines(found, checked.problem, invocation.folder, settings.storage):
        print(f"{place.mark if place else ''}{line}")
    if workers.said:
        print(f"{place.mark if place else ''}{workers.said}")


def _search(settings: SearchSettings, checked: Checked, this: Run, images: Data, about: About) -> Front:
    """All steps of the run."""
    trainings = make_trainings(settings, images, this)
    patience = Patience(settings.patience, settings.patience_gain) if settings.patience else None
    stopping = Stopping(settings.trials, settings.time_limit, patience)
    init = absolute(settings.init)
    plan = Plan(settings.confirm, settings.baselines, settings.warm_start, about, checked.timing, init)
    return run(this, trainings, make_sampler(checked.problem, settings.sampler, settings.seed), stopping, plan)


def _reported(front: Front, folder: Path, tracker: Guarded, display: Display) -> Front:
    """Write the picture, the page and the cards; the front, with what its tracker warned of in the end."""
    trials = read_trials(folder)
    save_front_png(front, trials, folder / "front.png")
    write_report(folder)
    write_cards(folder, front)
    tracker.finish(front, trials, folder)
    tracker.close()
    if len(display.warnings) > len(front.warnings):
        front = replace(front, warnings=tuple(display.warnings))
        write_front(front, folder)
        write_report(folder)
    return front


class _Tracked:
    """The display, with every trial passed on to the tracker too."""

    def __init__(self, display: Display, tracker: Guarded) -> None:
        self.stage, self.advance, self.message = display.stage, display.advance, display.message
        self.earlier, self.now, self.limit = display.earlier, display.now, display.limit
        self.warning, self.warnings = display.warning, display.warnings
        self._display, self._tracker = display, tracker

    def trial(self, row: TrialRow, *, front_size: int, hypervolume: float, best: float | None) -> None:
        self._display.trial(row, front_size=front_size, hypervolume=hypervolume, best=best)
        self._tracker.trial(row, hypervolume, front_size)


def _names_and_facts(problem: Problem, settings: SearchSettings) -> tuple[list[str], dict[str, str]]:
    """What Optuna's own tools call the values of a trial (`worth` is what it is ranked by), and what is searched."""
    names = ["worth" if measure.name == "accuracy" else measure.field for measure in problem.measures]
    hardware = ", ".join(profile.label for profile in problem.profiles)
    facts = {"hardware": hardware, "budget": str(problem.budget), "space": problem.space.name}
    return names, facts | {"data": settings.data.source, "proxy": settings.proxy.name}


def compare(folders: list[Path]) -> None:
    """After a multirun: one report over all of its fronts, beside them."""
    folders = [folder for folder in folders if (folder / "front.json").exists()]  # a dry run has none
    if len(folders) < 2:
        return
    digest = hashlib.blake2b("\n".join(sorted(f.name for f in folders)).encode(), digest_size=3).hexdigest()
    path = folders[0].parent / f"comparison-{digest}.html"
    write_comparison(folders, path)
    Console().print(one_line(f"comparison: {path}"), soft_wrap=True, highlight=False)


if __name__ == "__main__":
    command("search", SearchSettings, main, check, after_multirun=compare)
