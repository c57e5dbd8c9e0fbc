"""What the report compares networks by: a cost with its bounds, the order that figures and tables share."""

from collections.abc import Sequence

from nas.measures import COSTS, Interval, Measure
from nas.results.costs import DeviceFigure, cost_interval, cost_of_field
from nas.results.front import Front
from nas.results.member import Accuracy, Baseline, FileAccuracy, HostTiming, Member


def cost_measure(front: Front) -> Measure:
    """The cost the figure's x axis shows: latency if it is an objective, else the first cost that is."""
    costs = [name for name in front.objectives if name in COSTS]
    return COSTS["latency" if "latency" in costs or not costs else costs[0]]


def cost_of(network: Member | Baseline, measure: Measure) -> Interval:
    """What a network costs by `measure`."""
    return cost_interval(cost_of_field(network.costs, measure.field))


def bounds(found: Accuracy | FileAccuracy | DeviceFigure) -> Interval:
    """The value with its bounds alone."""
    return Interval(found.value, found.low, found.high)


def ordered(members: Sequence[Member], measure: Measure) -> list[Member]:
    """The members from cheap to expensive: the numbering that figures and tables share."""
    return sorted(members, key=lambda member: (cost_of(member, measure).value, member.key))


def dominated(front: Front) -> list[Member]:
    """Confirmed networks that are not on the front."""
    members = {member.key for member in front.front}
    return [member for member in front.confirmed if member.key not in members]


def host_timing(member: Member, precision: str = "fp32") -> HostTiming | None:
    """How long the ONNX file of that precision took on the machine that searched."""
    file = member.file(precision)
    return file.host_latency_ms if file else None
