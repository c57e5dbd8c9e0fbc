"""What a dry run prints: what a search would take, and what it would write."""

from collections.abc import Iterator
from pathlib import Path

from nas.problem import Problem
from nas.reading.plain import one_line
from nas.reading.words import cut
from nas.report.text import plural, population
from nas.search.dry_run.estimate import Estimate, Step

_WRITTEN = "front.json, trials.csv, report.html, front.png, models/, images/, .hydra/"
_WIDTH = 14
_THERE = "which is there: a run with these settings goes on, another is refused"


def outlook_lines(found: Estimate, problem: Problem, folder: Path, storage: str | None) -> Iterator[str]:
    """The lines, each with what it is about in front."""
    inside, every = problem.networks()
    about = "" if inside.exact else "about "
    budget = f"{about}{population(inside.estimate)} within {problem.budget}" if problem.budget.limits else "no budget"
    rows = {
        "space": f"{problem.space.name}: {population(every)} networks, {budget}",
        "measured on": f"{cut(found.notation, 90)}, {found.macs / 1e6:.3g}M MACs, of median cost",
        "one trial": f"{seconds(found.trial_s)}: {', '.join(_step(step) for step in found.evaluations)}",
        "before": f"{seconds(found.preparation_s)}: images, {_steps(found.preparations)}",
        "search": f"{seconds(found.search_s)} with {plural(found.workers, 'worker')}",
        "trainings": f"{seconds(found.training_s)} at the most: {_steps(found.trainings)}",
        "total": f"about {seconds(found.total_s)}; tests, files and timings of the confirmed networks come on top",
        "disk": f"about {_bytes(found.total_bytes)}: images {_bytes(found.image_bytes)}, models "
        f"{_bytes(found.file_bytes)}, record {_bytes(found.record_bytes)}",
        "folder": f"{folder}, {_THERE if folder.exists() else 'which would be made'}",
        "written": f"{_WRITTEN}{'' if storage else ', study.journal'}",
    }
    yield "dry run: nothing is kept"
    for name, text in rows.items():
        yield one_line(f"{name:<{_WIDTH}}{text}")


def _steps(steps: tuple[Step, ...]) -> str:
    return ", ".join(f"{step.networks:.3g} x {_step(step)}" for step in steps if step.networks) or "nothing else"


def _step(step: Step) -> str:
    return f"{step.name} {seconds(step.seconds)}"


def seconds(amount: float) -> str:
    """A duration in two figures or so: `0.8 s`, `42 s`, `5.3 min`, `2.1 h`."""
    for size, unit in ((3600, "h"), (60, "min")):
        if amount >= 2 * size:
            return f"{amount / size:.1f} {unit}"
    return f"{amount:.2g} s" if amount < 10 else f"{amount:.0f} s"


def _bytes(amount: float) -> str:
    return f"{amount / 1e9:.1f} GB" if amount >= 1e9 else f"{amount / 1e6:.1f} MB"
