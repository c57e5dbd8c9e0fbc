"""`python -m nas.search`: from a device and a budget to a Pareto front."""

import dataclasses
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from nas.commandline import Invocation, command
from nas.data.images import Images, imbalance
from nas.data.prepare import describe
from nas.errors import ConfigError
from nas.latency.profile import load_profile
from nas.nets.device import device_of
from nas.nets.teacher import OnnxTeacher
from nas.problem import Problem
from nas.proxies.scores import SCORES
from nas.recording.devices.target import Target
from nas.report.figures import save_front_png
from nas.report.html import write_comparison, write_report
from nas.report.terminal import Progress, front_table
from nas.report.text import population
from nas.report.trackers.guard import Guarded, check_tracker, make_tracker
from nas.resources import names
from nas.results.run_folder import read_trials
from nas.search.confirm.target import DeviceTiming, is_here
from nas.search.executors import EXECUTORS
from nas.search.patience import Patience
from nas.search.record.study import lock, open_study
from nas.search.run import run
from nas.search.rungs import check_rungs
from nas.search.samplers.distinct import SAMPLERS, make_sampler
from nas.search.settings import SearchSettings
from nas.search.trainings import RUNGS, decoded, make_trainings, rung_names
from nas.spaces.budget import Budget
from nas.spaces.load import load_space


def main(settings: SearchSettings, invocation: Invocation) -> None:
    """One search, begun or resumed, in the folder of `invocation`."""
    problem = _problem(settings)
    held = lock(invocation.folder)
    try:
        with Progress() as display:
            _search(settings, problem, invocation, display)
    finally:
        held.release()


def _problem(settings: SearchSettings) -> Problem:
    """The problem the settings state, checked as far as can be before any work."""
    budget = Budget.parse(settings.budget)
    space, profile = load_space(settings.search_space), load_profile(settings.hardware)
    _known("sampler", settings.sampler.get("name"), SAMPLERS)
    check_rungs(rung_names(settings), RUNGS[settings.proxy.name])
    for name in settings.score.names:
        _known("score", name, SCORES)
    _known("executor", settings.executor.name, EXECUTORS)
    check_tracker(str(settings.tracker.get("name")), str(settings.tracker.get("mode", "offline")))
    device_of(settings.accelerator)
    about = describe(settings.data)
    if settings.training.teacher is not None:
        OnnxTeacher(settings.training.teacher).require(about.channels, len(about.classes))
    problem = Problem(space.with_data(about.channels, len(about.classes)), profile, budget, settings.objectives)
    _on_target(settings, problem)
    problem.require_feasible()
    return problem


def _on_target(settings: SearchSettings, problem: Problem) -> DeviceTiming | None:
    """What measures the confirmed networks; None where nothing does."""
    kind = settings.device
    if kind == "auto":
        kind = "host" if is_here(problem.profile) else "none"
    target = Target("host" if kind == "none" else kind, settings.reach)
    return None if kind == "none" else DeviceTiming(problem.profile, target)


def _search(settings: SearchSettings, problem: Problem, invocation: Invocation, display: Progress) -> None:
    folder, seed = invocation.folder, settings.seed
    pictures = decoded(settings, problem, folder)
    data = _data(settings, pictures.images)
    for line in _opening(problem, data):
        display.message(line)
    options = {key: value for key, value in settings.sampler.items() if key != "name"}
    sampler = make_sampler(problem, str(settings.sampler["name"]), options, seed)
    study = open_study(folder, settings.storage, problem.directions, _identity(settings, problem, data))
    about = {
        "seed": seed,
        "data": data,
        "sampler": settings.sampler["name"],
        "proxy": {**dataclasses.asdict(settings.proxy), "how": rung_names(settings)[-1]},
        "rungs": list(rung_names(settings)),
        "command": invocation.line,
    }
    tracker = _tracker(settings, folder, about, problem, display)
    executor = EXECUTORS[settings.executor.name](settings.workers or os.cpu_count() or 1)
    shown = _Tracked(display, tracker)
    try:
        front = run(
            problem,
            make_trainings(settings, problem, pictures, folder, study, executor, shown),
            study,
            sampler,
            executor,
            folder,
            trials=settings.trials,
            confirm=settings.confirm,
            references=settings.references,
            warm_start=settings.warm_start,
            display=shown,
            about=about,
            time_limit=settings.time_limit,
            patience=Patience(settings.patience, settings.patience_gain) if settings.patience else None,
            on_target=_on_target(settings, problem),
        )
    finally:
        executor.close()
    trials = read_trials(folder)
    save_front_png(front, trials, folder / "front.png")
    write_report(folder)
    tracker.finish(front, trials, folder)
    tracker.close()
    display.stop()
    console = Console()
    console.print(front_table(front))
    console.print(f"report: {folder / 'report.html'}", soft_wrap=True, highlight=False)


class _Tracked:
    """The display, with every trial passed on to the tracker too."""

    def __init__(self, display: Progress, tracker: Guarded) -> None:
        self.stage, self.advance, self.message = display.stage, display.advance, display.message
        self._display, self._tracker = display, tracker

    def trial(self, row: dict[str, Any], *, front_size: int, hypervolume: float, best: float) -> None:
        self._display.trial(row, front_size=front_size, hypervolume=hypervolume, best=best)
        self._tracker.trial(row, hypervolume, front_size)


def _data(settings: SearchSettings, images: Images) -> dict[str, Any]:
    return {
        "source": settings.data.source,
        "path": settings.data.path,
        "classes": list(images.classes),
        **{name: len(split) for name, split in images.splits.items()},
        "counts": images.counts,
        "native_resolution": images.native_resolution,
        "skipped": [f"{skipped.path}: {skipped.reason}" for skipped in images.skipped],
    }


def _opening(problem: Problem, data: dict[str, Any]) -> list[str]:
    """What the user should know before the search begins."""
    inside, every = problem.networks()
    room = f"{population(inside.estimate)} of {population(every)} networks fit"
    room = room if problem.budget.limits else f"{population(every)} networks"
    lines = [
        f"{problem.profile.label}, budget {problem.budget}, space {problem.space.name} "
        f"({room}), data {data['source']}: {len(data['classes'])} classes, "
        f"{data['train']} train, {data['val']} val, {data['test']} test images"
    ]
    if data["skipped"]:
        lines.append(f"{len(data['skipped'])} unreadable images are left out, the first: {data['skipped'][0]}")
    if unbalanced := imbalance(data["counts"]["train"]):
        lines.append(unbalanced)
    return lines


def _identity(settings: SearchSettings, problem: Problem, data: dict[str, Any]) -> dict[str, Any]:
    """What must be equal for two processes to work on one study, by the name of the setting."""

    def digest(value: object) -> str:
        return hashlib.blake2b(repr(value).encode(), digest_size=6).hexdigest()

    teacher = settings.training.teacher
    training = dataclasses.asdict(settings.training)
    if teacher is not None:  # by what it is, wherever the file lies
        training["distillation"]["teacher"] = digest(teacher.read_bytes())
    return {
        "hardware": f"{problem.profile.label} ({digest(problem.profile)})",
        "budget": str(problem.budget),
        "search_space": f"{problem.space.name} ({digest(problem.space)})",
        "objectives": list(problem.objectives),
        "seed": settings.seed,
        "warm_start": [settings.warm_start, *settings.references.widths],
        "data": f"{data['source']} ({digest((settings.data, data))})",
        "sampler": settings.sampler,
        "proxy": dataclasses.asdict(settings.proxy),
        **{f"training.{key}": value for key, value in training.items()},
        "rungs": [*rung_names(settings), settings.keep, settings.long.epochs],
        "score": dataclasses.asdict(settings.score),
    }


def _tracker(
    settings: SearchSettings, folder: Path, about: dict[str, Any], problem: Problem, display: Progress
) -> Guarded:
    options: dict[str, Any] = dict(settings.tracker)
    kind = str(options.pop("name"))
    config = {**about, "hardware": problem.profile.label, "budget": str(problem.budget)}
    config |= {"search_space": problem.space.name, "objectives": list(problem.objectives), "trials": settings.trials}
    name = options.pop("run_name", None) or folder.name
    return make_tracker(kind, warn=display.message, folder=folder, config=config, name=name, **options)


def _known(what: str, value: object, known: Mapping[str, Any]) -> None:
    if value not in known:
        raise ConfigError(f"unknown {what} {value!r}; known: {names(known)}")


def compare(folders: list[Path]) -> None:
    """After a multirun: one report over all of its fronts, beside them."""
    digest = hashlib.blake2b("\n".join(sorted(f.name for f in folders)).encode(), digest_size=3).hexdigest()
    path = folders[0].parent / f"comparison-{digest}.html"
    write_comparison(folders, path)
    Console().print(f"comparison: {path}", soft_wrap=True, highlight=False)


if __name__ == "__main__":
    command("search", SearchSettings, main, after_multirun=compare)
