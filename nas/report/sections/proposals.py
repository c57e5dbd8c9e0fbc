"""What became of the networks proposed, and why some were rejected."""

import re
from collections import Counter
from collections.abc import Sequence

from nas.report.blocks import Facts, Heading, Section, Text, section
from nas.report.text import population, whole
from nas.results.front import Front
from nas.results.trials import TrialRow

_SHOWN = 12


def make(front: Front, trials: Sequence[TrialRow]) -> Section:
    """The section."""
    said, rejected = room(front), rejections(trials)
    return section(
        "What became of the proposals",
        Facts(counts(front)),
        Text(said, "soft") if said else None,
        *((Heading("Why networks were rejected"), Facts(rejected)) if rejected else ()),
    )


def counts(front: Front) -> tuple[tuple[str, str], ...]:
    """What became of the proposed networks: (name, number)."""
    totals = front.counts
    return (
        ("proposed by the sampler", whole(totals.proposed)),
        ("rejected by the budget before any training", whole(totals.rejected_by_budget)),
        ("evaluated to the end", whole(totals.evaluated)),
        ("stopped early: others of like cost did better", whole(totals.stopped)),
        ("failed", whole(totals.failed)),
        ("confirmed by longer training", whole(totals.confirmed)),
    )


def share_inside(front: Front) -> float | None:
    """The share of the space's networks that fit the budget; None without a limit."""
    found = front.budget.networks
    return found.inside / found.of if front.budget.text and found.of else None


def room(front: Front) -> str | None:
    """What the budget leaves of the search space, in a sentence."""
    if share_inside(front) is None:
        return None
    found = front.budget.networks
    inside = ("" if found.low == found.high else "about ") + population(found.inside)
    text = f"Of the {population(found.of)} networks of {front.search_space}, {inside} fit the budget."
    return text if front.counts.rejected_by_budget else text + " Only such were proposed."


def rejections(trials: Sequence[TrialRow]) -> tuple[tuple[str, str], ...]:
    """(reason, how often), the commonest first; numbers that differ from trial to trial count as one reason."""
    reasons = [row.error or "no reason recorded" for row in trials if row.state == "rejected"]
    shapes = Counter(_shape(reason) for reason in reasons)
    examples = {_shape(reason): reason for reason in reversed(reasons)}
    return tuple(
        (examples[shape] if times == 1 else f"{examples[shape]}, and the like", str(times))
        for shape, times in shapes.most_common(_SHOWN)
    )


def _shape(reason: str) -> str:
    return re.sub(r"\d[\d.,]*", "#", reason)
