"""The device, and where its measurements come from."""

from collections.abc import Sequence

from nas.report.blocks import Block, Facts, Heading, Section, Text, section
from nas.report.devices import views
from nas.results.front import Front
from nas.results.trials import TrialRow

_PROVENANCE = (
    *("name", "configuration", "device", "soc", "cores", "threads", "precision", "batch"),
    *("runtime", "runtime_version", "method", "repeats", "date", "source"),
)


def make(front: Front, trials: Sequence[TrialRow]) -> Section:
    """The section."""
    blocks: list[Block] = []
    for view in views(front):
        blocks += [Heading(view.hardware.device)] if front.several else []
        blocks += [*(Text(note) for note in view.hardware.notes), Facts(provenance(view))]
    return section("Where the latencies come from", *blocks)


def provenance(front: Front) -> tuple[tuple[str, str], ...]:
    """(name, value) of what is known of the measurements."""
    values = ((field, str(getattr(front.hardware, field))) for field in _PROVENANCE)
    return tuple((field, value) for field, value in values if value)
