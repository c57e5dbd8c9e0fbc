"""The reports: one self-contained HTML file each, which opens offline.

All text is made in summary.py and sections/ and escaped by Jinja2; `report.html.j2` and `comparison.html.j2` only lay
it out. Figures are embedded as SVG images, so a page loads nothing from anywhere.
"""

import base64
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure

from nas.reading.plain import one_line
from nas.report import summary
from nas.report.devices import devices_text, views
from nas.report.drawing import svg
from nas.report.figures import comparison_figure, front_labels
from nas.report.network_row import NetworkRow, network_row
from nas.report.networks import cost_measure
from nas.report.sections import SECTIONS
from nas.report.sections.devices import gains
from nas.report.text import address, budget_text, budget_words, configuration_text, count_text
from nas.results.front import Front
from nas.results.ordering import ordered
from nas.results.run_folder import read_front, write_text
from nas.results.trials import TrialRow, read_trials


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run of a comparison as the texts of its row."""

    label: str
    link: str
    hardware: str
    budget: str
    space: str
    evaluated: str
    best: str
    cheapest: str
    hypervolume: str
    members: tuple[NetworkRow, ...]


def write_report(run_folder: str | Path) -> Path:
    """Write `report.html` beside the run's `front.json` and `trials.csv`, from those two alone.

    Raises:
        RunError: either is missing or unreadable, or the folder cannot be written.
    """
    folder = Path(run_folder)
    return write_text(folder / "report.html", report_html(read_front(folder), read_trials(folder)))


def write_comparison(run_folders: Sequence[str | Path], path: str | Path) -> Path:
    """Write one page over several runs, with links to their own reports.

    Raises:
        RunError: a run has no readable `front.json`, or `path` cannot be written.
    """
    path = Path(path)
    fronts = [read_front(folder) for folder in run_folders]
    links = [os.path.relpath(Path(folder) / "report.html", path.parent) for folder in run_folders]
    return write_text(path, comparison_html(fronts, links))


def report_html(front: Front, trials: Sequence[TrialRow]) -> str:
    """The report as text."""
    made = [[make(front, trials) for make in side_by_side] for side_by_side in SECTIONS]
    return _render(
        "report.html.j2",
        title=f"{devices_text(front)}, {budget_words(front)}",
        subtitle="; ".join(configuration_text(view) for view in views(front)),
        headline=summary.headline(front),
        gain=gains(front),
        tiles=summary.tiles(front),
        notices=summary.notices(front),
        sections=[[section for section in row if section.blocks] for row in made],
    )


def comparison_html(fronts: Sequence[Front], links: Sequence[str]) -> str:
    """The comparison as text; `links` are the runs' own reports, relative to the page."""
    labelled = zip(fronts, front_labels(fronts), links, strict=True)
    runs = [_run_row(front, label, address(link)) for front, label, link in labelled]
    figure = comparison_figure(fronts) if fronts else None
    return _render("comparison.html.j2", title=f"{len(runs)} fronts compared", runs=runs, figure=figure)


def _run_row(front: Front, label: str, link: str) -> RunRow:
    measure = cost_measure(front)
    members = ordered(front.front, measure)
    best = max(members, key=lambda member: member.accuracy.value, default=None)
    return RunRow(
        label=label,
        link=link,
        hardware="; ".join(f"{view.hardware.device}, {configuration_text(view)}" for view in views(front)),
        budget=budget_text(front),
        space=front.search_space,
        evaluated=count_text(front.counts.evaluated),
        best=summary.place(best, measure) if best else "-",
        cheapest=summary.place(members[0], measure) if members else "-",
        hypervolume=f"{front.hypervolume.value:.3f}",
        members=tuple(network_row(member) for member in members),
    )


def _shown(value: Any) -> Any:
    """What an expression of a template gives, fit for a page; what is HTML already stays as it is."""
    return one_line(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def _address(figure: Figure) -> str:
    """An address with the picture in it."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg(figure)).decode()


def _render(template: str, **values: object) -> str:
    environment = Environment(
        loader=PackageLoader("nas.report", ""),
        autoescape=True,
        finalize=_shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"address": _address, "kind": lambda block: type(block).__name__}
    return environment.get_template(template).render(values)
