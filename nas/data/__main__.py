"""`python -m nas.data data.path=photos`: what a data set holds, and what a search of it would take."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import Ge, Le
from rich.console import Console
from rich.progress import Progress

from nas.commandline import Invocation, command
from nas.data.settings import DataSettings
from nas.data.survey.findings import Finding, findings, verdict
from nas.data.survey.sheet import sheet_png, sheet_rows
from nas.data.survey.survey import Survey, survey
from nas.errors import ConfigError
from nas.reading.plain import one_line
from nas.reading.words import short
from nas.report.survey.page import survey_html
from nas.report.survey.table import print_survey
from nas.results.run_folder import write_bytes

_KINDS = (".html", ".png")
_TENTHS = 10


@dataclass(frozen=True, slots=True)
class SurveySettings:
    """What `nas.data` can be told."""

    data: DataSettings
    """The images."""
    seed: Annotated[int, Ge(0), Le(10**9)]
    """Of the splits that are carved, as in `nas.search`."""
    format: Literal["text", "json"]
    """text, or json."""
    out: str | None
    """A file such as photos.html, a page with the images that are twice there, or .png, a sheet of a few images of each
    class; null: none."""

    def __post_init__(self) -> None:
        if self.out is not None and Path(self.out).suffix.lower() not in _KINDS:
            raise ConfigError(f"out must end in {' or '.join(_KINDS)}, got {short(self.out)}")
        if self.out is not None and not os.path.isdir(Path(self.out).parent):
            raise ConfigError(f"out={short(self.out, 200)} is in no folder that exists; make it first")


def main(settings: SurveySettings, _: Invocation) -> None:
    """Look at every image once, then print what there is, and write it where `out` says."""
    with _progress() as report:
        found, looked = survey(settings.data, settings.seed, report)
    remarks = findings(found)
    if settings.out is not None:
        path = Path(settings.out)
        page = path.suffix.lower() == ".html"
        content = survey_html(found, looked, remarks).encode() if page else sheet_png(sheet_rows(looked))
        write_bytes(path, content)
    if settings.format == "json":
        print(json.dumps(to_json(found, remarks)))
    else:
        print_survey(found, remarks)
        if settings.out is not None:
            print(one_line(settings.out))


def to_json(found: Survey, remarks: list[Finding]) -> dict[str, Any]:
    """All that was found, with every group of images that are twice there."""
    content = asdict(found)
    for group in content["duplicates"]:
        for each in group["images"]:
            del each["place"]
    fit = {"fit": not any(each.stops for each in remarks), "verdict": verdict(remarks)}
    return {**fit, "findings": [asdict(each) for each in remarks], **content}


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """How many images have been looked at, on stderr: a bar on a terminal, elsewhere a line for each tenth."""
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield _in_tenths(console)
        return
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("looking at images", total=None)
        yield lambda done, count: progress.update(task, completed=done, total=count)


def _in_tenths(console: Console, least: int = 5000) -> Callable[[int, int], None]:
    """Of fewer than `least` images nothing is said."""

    def report(done: int, count: int) -> None:
        if count >= least and done * _TENTHS // count > (done - 1) * _TENTHS // count:
            console.print(f"looked at {done} of {count} images")

    return report


if __name__ == "__main__":
    command("data", SurveySettings, main)
