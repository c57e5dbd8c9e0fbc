"""What the report compares networks by: a cost with its bounds."""

from nas.measures import Interval, Measure
from nas.results.costs import DeviceFigure
from nas.results.front import Front
from nas.results.member import Accuracy, FileAccuracy, HostTiming, Member
from nas.results.ordering import cost_measure as measure_of

BEATEN = "confirmed, beaten in validation"
"""What legends call networks that are `beaten`."""


def cost_measure(front: Front) -> Measure:
    """The cost the figure's x axis shows."""
    return measure_of(front.objectives)


def bounds(found: Accuracy | FileAccuracy | DeviceFigure) -> Interval:
    """The value with its bounds alone."""
    return Interval(found.value, found.low, found.high)


def beaten(front: Front) -> list[Member]:
    """Confirmed networks that are not on the front, which is chosen by the validation images."""
    members = {member.key for member in front.front}
    return [member for member in front.confirmed if member.key not in members]


def host_timing(member: Member, precision: str = "fp32") -> HostTiming | None:
    """How long the ONNX file of that precision took on the machine that searched."""
    file = member.file(precision)
    return file.host_latency_ms if file else None
