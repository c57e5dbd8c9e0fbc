"""The reports: one self-contained HTML file each, which opens offline.

All text is made in summary.py, page/ and sections/ and escaped by Jinja2; the templates only lay it out. Figures stand
in the page as SVG, and its one script is page/chart.js; a policy in the page's head lets it load nothing and run no
other script.
"""

import base64
import hashlib
import itertools
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from nas.reading.plain import one_line
from nas.report import summary
from nas.report.blocks import Chart
from nas.report.devices import devices_text, views
from nas.report.drawing import themed_svg
from nas.report.page.comparing import comparison
from nas.report.page.ship import ship
from nas.report.sections import SECTIONS
from nas.report.sections.devices import gains
from nas.report.text import address, budget_words, configuration_text
from nas.results.front import Front
from nas.results.run_folder import read_front, write_text
from nas.results.trials import TrialRow, read_trials

MOST_BYTES = 2_000_000
"""Of a page; of a larger one fewer trials are drawn, and then no images."""

MOST_TRIALS = (20_000, 10_000, 4_000, 1_000, 0)
"""That a chart draws: as many as the page has room for."""

_PICTURES = 500_000  # bytes of the images that networks get wrong, all together
_PICTURE = 100_000


def write_report(run_folder: str | Path) -> Path:
    """Write `report.html` beside the run's `front.json` and `trials.csv`, from these and the pictures they name.

    Raises:
        RunError: either is missing or unreadable, or the folder cannot be written.
    """
    folder = Path(run_folder)
    return write_text(folder / "report.html", report_html(read_front(folder), read_trials(folder), folder))


def write_comparison(run_folders: Sequence[str | Path], path: str | Path) -> Path:
    """Write one page over several runs, with links to their own reports.

    Raises:
        RunError: a run has no readable `front.json`, or `path` cannot be written.
    """
    path = Path(path)
    fronts = [read_front(folder) for folder in run_folders]
    links = [os.path.relpath(Path(folder) / "report.html", path.parent) for folder in run_folders]
    return write_text(path, comparison_html(fronts, links))


def report_html(front: Front, trials: Sequence[TrialRow], folder: Path | None = None) -> str:
    """The report as text; pictures are taken from the run `folder`."""
    made = [[make(front, trials) for make in side_by_side] for side_by_side in SECTIONS]
    found = ship(front)
    return _fitting(
        "report.html.j2",
        folder,
        title=f"{devices_text(front)}, {budget_words(front)}",
        subtitle="; ".join(configuration_text(view) for view in views(front)),
        headline=summary.headline(front),
        gains=() if front.several else gains(front),
        ship=found,
        opened=found.key if found else "",
        tiles=summary.tiles(front),
        notices=summary.notices(front),
        sections=[kept for row in made if (kept := [section for section in row if section.blocks])],
    )


def comparison_html(fronts: Sequence[Front], links: Sequence[str]) -> str:
    """The comparison as text; `links` are the runs' own reports, relative to the page."""
    groups = comparison(fronts, [address(link) for link in links])
    title = f"{len(fronts)} fronts compared"
    return _fitting("comparison.html.j2", None, title=title, groups=groups, opened="")


def _fitting(template: str, folder: Path | None, **values: object) -> str:
    """The page with as many trials and images as there is room for."""
    page = ""
    for most, pictures in [*((most, _PICTURES) for most in MOST_TRIALS), (0, 0)]:
        page = _render(template, most, _Pictures(folder, pictures), **values)
        if len(page.encode()) <= MOST_BYTES:
            break
    return page


class _Pictures:
    """Pictures of a run folder as addresses that hold them, as long as there is room."""

    def __init__(self, folder: Path | None, room: int) -> None:
        self._folder, self._room = folder, room

    def __call__(self, path: str) -> str:
        """The address; blank where there is no such picture, or no room for it."""
        if self._folder is None or not path or not path.endswith(".jpg"):
            return ""
        try:
            with (self._folder / path).open("rb") as file:
                content = file.read(_PICTURE + 1)
        except OSError:  # the run folder was copied without it
            return ""
        if len(content) > min(_PICTURE, self._room) or not content.startswith(b"\xff\xd8\xff"):
            return ""
        self._room -= len(content)
        return "data:image/jpeg;base64," + base64.b64encode(content).decode()


def _shown(value: Any) -> Any:
    """What an expression of a template gives, fit for a page; what is HTML already stays as it is."""
    return one_line(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def _drawn(most: int) -> Callable[[Chart], Mapping[str, Any]]:
    """What a chart's macro needs: a number of its own, its JSON, and how many trials of how many it has."""
    numbers = itertools.count(1)

    def drawn(chart: Chart) -> Mapping[str, Any]:
        found = chart.draw(most)
        text = json.dumps(found, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
        safe = text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
        return {"id": next(numbers), "json": safe, "drawn": found["drawn"], "of": found["of"]}

    return drawn


@cache
def _script() -> str:
    return Path(__file__).with_name("page").joinpath("chart.js").read_text(encoding="utf-8")


def _render(template: str, most: int, pictures: _Pictures, **values: object) -> str:
    environment = Environment(
        loader=PackageLoader("nas.report", ""),
        autoescape=True,
        finalize=_shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    opened = values.pop("opened")
    environment.filters |= {
        "themed": themed_svg,
        "kind": lambda block: type(block).__name__,
        "drawn": _drawn(most),
        "inlined": pictures,
        "is_open": lambda key: key == opened,
        "slug": lambda text: re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-"),
    }
    script = _script()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template(template).render(values, script=script, script_hash=f"sha256-{digest}")
