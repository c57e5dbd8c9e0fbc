"""Which choices of the search space matter for each objective."""

from collections.abc import Sequence

from nas.measures import find_objective
from nas.report.blocks import BarGroups, Bars, Section, Text, section
from nas.report.text import percent, plural
from nas.results.front import Front
from nas.results.quality import Importance
from nas.results.trials import TrialRow

_SHOWN = 12


def make(front: Front, trials: Sequence[TrialRow]) -> Section:
    """The section, without blocks where too few networks tell."""
    groups = tuple(_bars(each) for each in front.importances if each.shares)
    if not groups:
        return section("What matters")
    return section(
        "What matters",
        Text(
            "The share of each objective's variance that a choice of the search space explains alone, over the "
            f"{plural(front.importances[0].n, 'network')} evaluated to the end; what chance explains is taken off. "
            "Choices also act together, so shares need not add up to 100 %.",
            "soft",
        ),
        BarGroups(groups),
    )


def _bars(found: Importance) -> Bars:
    measure = find_objective(found.objective)
    rows = tuple((name, share, f"{percent(share, 0)} %") for name, share in list(found.shares.items())[:_SHOWN])
    return Bars(measure.label if measure else found.objective, rows)
