"""A survey of images as one HTML file with a sheet of them, which opens offline."""

import base64
from collections.abc import Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from nas.data.decode import Pixels
from nas.data.survey.findings import Finding, verdict
from nas.data.survey.sheet import MOST_CLASSES, jpeg, sheet_rows, squares
from nas.data.survey.survey import Group, Looked, Survey
from nas.reading.plain import one_line
from nas.report.survey.table import facts, heading

_MOST_GROUPS, _MOST_COPIES = 40, 6


def survey_html(survey: Survey, looked: Looked, found: Sequence[Finding]) -> str:
    """The page: what the terminal says, a few images of each class, and those that are twice there."""
    environment = Environment(
        loader=PackageLoader("nas.report.survey", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: one_line(value) if isinstance(value, str) and not hasattr(value, "__html__") else value,
    )
    environment.filters["picture"] = _picture
    groups = sorted(survey.duplicates, key=lambda group: (len(group.splits) < 2, len(group.classes) < 2))
    return environment.get_template("page.html.j2").render(
        heading=heading(survey),
        verdict=verdict(list(found)),
        findings=found,
        counts=survey.counts,
        facts=list(facts(survey)),
        left_out=survey.left_out,
        rows=sheet_rows(looked),
        most_classes=MOST_CLASSES,
        groups=[(group, _copies(group, looked)) for group in groups[:_MOST_GROUPS]],
        more=max(0, len(groups) - _MOST_GROUPS),
    )


def _copies(group: Group, looked: Looked) -> list[tuple[str, Pixels]]:
    shown = group.images[:_MOST_COPIES]
    pictures = squares(looked, (each.place for each in shown))
    return [(f"{each.name} ({each.split}, {each.label})", pixels) for each, pixels in zip(shown, pictures, strict=True)]


def _picture(square: Pixels) -> Markup:
    return Markup(f"data:image/jpeg;base64,{base64.b64encode(jpeg(square)).decode()}")
