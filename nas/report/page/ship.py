"""What stands at the top of a page: which network to ship and why, and what else there is to choose."""

from dataclasses import dataclass

from nas.measures import Measure
from nas.report.networks import cost_measure
from nas.report.page.network import files_of
from nas.report.text import budget_text, percent
from nas.results.choice import NEAR, cheapest, knee, most_accurate, recommended
from nas.results.front import Front
from nas.results.member import Member
from nas.results.naming import cost_text, member_names
from nas.results.ordering import cost_of


@dataclass(frozen=True, slots=True)
class Option:
    """Another network to choose: what speaks for it, its name, and its key."""

    why: str
    name: str
    key: str


@dataclass(frozen=True, slots=True)
class Ship:
    """The network to ship: its name and key, the reasons in sentences, its files as (label, link), and the others."""

    name: str
    key: str
    why: tuple[str, ...]
    files: tuple[tuple[str, str], ...]
    others: tuple[Option, ...]


def ship(front: Front) -> Ship | None:
    """What to ship; None where there is nothing to ship."""
    found, names = recommended(front), member_names(front)
    if found is None:
        return None
    member, measure = found.member, cost_measure(front)
    files = tuple(
        (f"{file.label}{f', {file.size}' * bool(file.size)}", file.link) for file in files_of(member) if file.link
    )
    reasons = (_why(front, member, found.why, measure), *_doubt(front, member))
    return Ship(names[member.key], member.key, reasons, files, tuple(_others(front, member, measure)))


def _why(front: Front, member: Member, why: str, measure: Measure) -> str:
    best, limit = most_accurate(front.front), front.budget.limits.get(measure.field)
    if why == "only":
        return "It is the only network of the front."
    if limit is not None:
        asked = cost_text(limit, measure)
        if why == "over":
            return f"Every network of the front costs more than your limit of {asked}; this one is the nearest to it."
        return f"It is the most accurate network within your limit of {asked}."
    superlative, points = _superlative(measure), f"{100 * NEAR:g} point"
    inside = f"Of the networks within {budget_text(front)} it is" if front.budget.text else "It is"
    if member is best:
        return f"{inside} the most accurate, and none that costs less is within {points} of it."
    share = cost_of(member, measure).value / cost_of(best, measure).value
    label = member_names(front)[best.key].partition(" ")[0]
    return (
        f"{inside} the {superlative} that loses at most {points} against the best ({label}, "
        f"{percent(best.accuracy.value)} %), for {100 * share:.0f} % of its {_counted(measure)}."
    )


def _doubt(front: Front, member: Member) -> list[str]:
    """Says so where the accuracies leave open whether it is less accurate than the best."""
    best = most_accurate(front.front)
    if member is best or member.accuracy.high < best.accuracy.low:
        return []
    low, high = percent(member.accuracy.low), percent(member.accuracy.high)
    return [f"Its interval, {low} to {high} %, overlaps with that of the best: the two may be equally accurate."]


def _others(front: Front, member: Member, measure: Measure) -> list[Option]:
    names = member_names(front)
    best, first, bend = most_accurate(front.front), cheapest(front.front, measure), knee(front.front, measure)
    known = [
        ("The most accurate", best),
        ("The knee, where more accuracy begins to cost most", bend),
        (f"The {_superlative(measure)}", first),
    ]
    found: list[Option] = []
    for why, other in known:
        if other is not None and other.key not in (member.key, *(each.key for each in found)):
            found.append(Option(why, names[other.key], other.key))
    return found


def _superlative(measure: Measure) -> str:
    return "fastest" if measure.name.partition(":")[0] == "latency" else f"cheapest ({measure.label})"


def _counted(measure: Measure) -> str:
    return "milliseconds" if measure.name.partition(":")[0] == "latency" else measure.label
