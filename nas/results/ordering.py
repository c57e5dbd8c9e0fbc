"""The cost that networks are compared by, and their order: the numbering that figures, tables and commands share."""

from collections.abc import Sequence

from nas.measures import COSTS, Interval, Measure
from nas.results.costs import cost_interval, cost_of_field
from nas.results.member import Baseline, Member


def cost_measure(objectives: Sequence[str]) -> Measure:
    """The cost the figure's x axis shows: latency if it is an objective, else the first cost that is."""
    costs = [name for name in objectives if name in COSTS]
    return COSTS["latency" if "latency" in costs or not costs else costs[0]]


def cost_of(network: Member | Baseline, measure: Measure) -> Interval:
    """What a network costs by `measure`."""
    return cost_interval(cost_of_field(network.costs, measure.field))


def ordered(members: Sequence[Member], measure: Measure) -> list[Member]:
    """The members from cheap to expensive: ties by key."""
    return sorted(members, key=lambda member: (cost_of(member, measure).value, member.key))
