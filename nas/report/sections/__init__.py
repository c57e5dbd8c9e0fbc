"""The sections of a report, a file each: what they say, made from the front and the trials."""

from collections.abc import Callable, Sequence

from nas.report.blocks import Section
from nas.report.sections import (
    data,
    devices,
    failures,
    finished,
    front,
    hardware,
    latency,
    progress,
    proposals,
    reproduce,
    trust,
)
from nas.results.front import Front
from nas.results.trials import TrialRow

SECTIONS: tuple[tuple[Callable[[Front, Sequence[TrialRow]], Section], ...], ...] = (
    (devices.make,),
    (front.make,),
    (finished.make,),
    (proposals.make, trust.make),
    (progress.make,),
    (hardware.make, latency.make),
    (data.make,),
    (failures.make,),
    (reproduce.make,),
)
"""In the order of the page; those of one row stand side by side, and one without blocks is left out."""
