"""Which network of a front to ship: the most accurate inside the user's limit, else the fastest near the best.

Costs are compared by ratio where they span more than `WIDE` times, as axes show them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from nas.measures import Measure
from nas.results.front import Front
from nas.results.member import Member
from nas.results.ordering import cost_measure, cost_of, ordered

NEAR = 0.01
"""Of accuracy, a share of the images: what is given up for a network that costs less."""

WIDE = 4.0
"""The ratio of the largest to the smallest cost from which an axis is logarithmic."""

Why = Literal["only", "limit", "over", "near"]


@dataclass(frozen=True, slots=True)
class Choice:
    """The network to ship, and `why`.

    It is the `only` one; the most accurate inside the user's `limit`, or, where all cost more (`over`), the cheapest;
    or, without a limit on that cost, the cheapest `near` the best.
    """

    member: Member
    why: Why


def is_wide(costs: Sequence[float]) -> bool:
    """Whether these costs ask for a logarithmic axis."""
    known = [cost for cost in costs if cost > 0]
    return bool(known) and len(known) == len(costs) and max(known) > WIDE * min(known)


def recommended(front: Front) -> Choice | None:
    """The network to ship by the cost that axes show; None where nothing was confirmed, or nothing learned."""
    measure = cost_measure(front.objectives)
    if not front.front or front.learned is False:
        return None
    if len(front.front) == 1:
        return Choice(front.front[0], "only")
    limit = front.budget.limits.get(measure.field)
    if limit is not None:
        inside = within(front.front, measure, limit)
        return Choice(most_accurate(inside), "limit") if inside else Choice(cheapest(front.front, measure), "over")
    return Choice(near_best(front.front, measure), "near")


def most_accurate(members: Sequence[Member]) -> Member:
    """The member of the highest accuracy."""
    return max(members, key=lambda member: member.accuracy.value)


def cheapest(members: Sequence[Member], measure: Measure) -> Member:
    """The member of the lowest cost."""
    return ordered(members, measure)[0]


def within(members: Sequence[Member], measure: Measure, limit: float) -> list[Member]:
    """The members that cost at most `limit`, from cheap to expensive."""
    return [member for member in ordered(members, measure) if cost_of(member, measure).value <= limit]


def near_best(members: Sequence[Member], measure: Measure, near: float = NEAR) -> Member:
    """The cheapest member whose accuracy is at most `near` below the best."""
    least = most_accurate(members).accuracy.value - near - 1e-9
    return next(member for member in ordered(members, measure) if member.accuracy.value >= least)


def knee(members: Sequence[Member], measure: Measure) -> Member | None:
    """The member farthest above the line from the cheapest to the most accurate one; None where none is above it.

    Both axes are scaled to that line's ends (Das 1999, doi:10.1007/BF01195985).
    """
    first, last = cheapest(members, measure), most_accurate(members)
    ends = [_place(each, measure, members) for each in (first, last)]
    (left, low), (right, high) = ends
    if right <= left or high <= low:
        return None

    def height(member: Member) -> float:
        cost, accuracy = _place(member, measure, members)
        return (accuracy - low) / (high - low) - (cost - left) / (right - left)

    best = max(members, key=height)
    return best if height(best) > 1e-9 else None


def named(members: Sequence[Member], measure: Measure) -> dict[str, Member | None]:
    """What the networks of a front that one looks at first are called; there must be one at least."""
    return {
        "fastest": cheapest(members, measure),
        "most-accurate": most_accurate(members),
        "knee": knee(members, measure),
    }


def _place(member: Member, measure: Measure, members: Sequence[Member]) -> tuple[float, float]:
    cost = cost_of(member, measure).value
    wide = is_wide([cost_of(each, measure).value for each in members])
    return (math.log(cost) if wide else cost), member.accuracy.value
