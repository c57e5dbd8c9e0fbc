"""The sections of a report, a file each: what they say, made from the front and the trials."""

from collections.abc import Callable, Sequence

from nas.report.blocks import Section
from nas.report.sections import (
    baselines,
    data,
    devices,
    failures,
    finished,
    front,
    hardware,
    importance,
    latency,
    networks,
    progress,
    proposals,
    reproduce,
    trust,
)
from nas.results.front import Front
from nas.results.trials import TrialRow

SECTIONS: tuple[tuple[Callable[[Front, Sequence[TrialRow]], Section], ...], ...] = (
    (front.make,),
    (devices.make,),
    (networks.make,),
    (baselines.make,),
    (finished.make,),
    (progress.make,),
    (trust.make, latency.make),
    (importance.make,),
    (proposals.make, hardware.make),
    (data.make,),
    (failures.make,),
    (reproduce.make,),
)
"""In the order of the page; those of one row stand side by side, and one without blocks is left out."""
