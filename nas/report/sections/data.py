"""The images, their splits, and the files left out."""

from collections.abc import Sequence

from nas.report.blocks import Facts, Heading, Lines, Section, section
from nas.results.front import Front
from nas.results.trials import TrialRow

_CLASSES = 12


def make(front: Front, trials: Sequence[TrialRow]) -> Section:
    """The section."""
    left_out = front.data.left_out
    lines = tuple(f"{each.count} {each.reason}: {', '.join(each.examples)}" for each in left_out)
    return section(
        "Data",
        Facts(facts(front)),
        *((Heading(f"Files left out ({sum(each.count for each in left_out)})"), Lines(lines)) if left_out else ()),
    )


def facts(front: Front) -> tuple[tuple[str, str], ...]:
    """The data set and its splits: (name, value)."""
    data = front.data
    more = ", …" if len(data.classes) > _CLASSES else ""
    rows = (
        ("source", data.source),
        ("classes", f"{len(data.classes)}: {', '.join(data.classes[:_CLASSES])}{more}" if data.classes else ""),
        ("training images", str(data.train)),
        ("validation images (rank the trials, choose the front)", str(data.val)),
        ("test images (seen once, by what was chosen)", str(data.test)),
        ("native resolution", f"{data.native_resolution} px"),
    )
    return tuple((name, value) for name, value in rows if value)
