"""What the interactive chart shows, as JSON values for `chart.js`: costs to choose from, networks, and trials.

Accuracies are in percent, costs in the unit of their measure. A network is `[value, low, high]` in each.
"""

import random
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from nas.measures import COSTS, MEASURES, PREDICTED, Interval, Measure, on_device
from nas.reading.plain import one_line
from nas.report.devices import device_names
from nas.report.figures import family_name
from nas.report.network_row import short_how
from nas.report.networks import BEATEN, beaten, bounds, cost_measure
from nas.report.page.packing import packed_numbers, packed_texts
from nas.report.text import how_text
from nas.results.choice import is_wide
from nas.results.costs import cost_interval, cost_of_field
from nas.results.front import Front
from nas.results.member import Baseline, Member
from nas.results.naming import member_names
from nas.results.ordering import ordered
from nas.results.trials import TrialRow

Json = dict[str, Any]
_STATES = (
    ("complete", "evaluated", True),
    ("stopped", "stopped early", False),
    ("rejected", "rejected by the budget", False),
    ("failed", "failed", False),
)
_BASELINES = ("ink", "green", "purple")
_LONGEST = 300
"""Letters of a network's notation."""


def front_chart(front: Front, trials: Sequence[TrialRow], most: int) -> Json:
    """Accuracy against each cost of a run; of more than `most` trials some drawn at random, those evaluated first."""
    measures = chart_measures(front)
    drawn, left = list[Sequence[TrialRow]](), most
    for state, _, _ in _STATES:
        drawn.append(_some([row for row in trials if row.state == state], left))
        left -= len(drawn[-1])
    costs = [_axis(each, _values(_networks(front), drawn[0], each), [front]) for each in measures]
    names = member_names(front)
    learned = front.learned is not False
    others = beaten(front)
    series = [
        *_baseline_series(front, measures),
        *([_series(BEATEN, "vermillion", others, names, measures, hollow=True)] if others else []),
        _series("front" if learned else "confirmed", "vermillion", _in_order(front), names, measures, step=learned),
    ]
    groups = [
        _group(label, shown, some, measures) for (_, label, shown), some in zip(_STATES, drawn, strict=True) if some
    ]
    return {"costs": costs, "series": series, "trials": groups, "drawn": most - left, "of": len(trials)}


def comparison_chart(fronts: Sequence[Front], labels: Sequence[str], links: Sequence[str]) -> Json:
    """The confirmed fronts of comparable runs over one another."""
    measures = chart_measures(fronts[0])
    for front in fronts[1:]:
        others = {measure.field for measure in chart_measures(front)}
        measures = [measure for measure in measures if measure.field in others]
    members = [member for front in fronts for member in front.front]
    costs = [_axis(measure, _values(members, (), measure), fronts) for measure in measures]
    series = [
        _series(label, index, _in_order(front), member_names(front), measures, step=True, page=link)
        for index, (front, label, link) in enumerate(zip(fronts, labels, links, strict=True))
    ]
    return {"costs": costs, "series": series, "trials": [], "drawn": 0, "of": 0}


def chart_measures(front: Front) -> list[Measure]:
    """The costs that all of its networks are known by, on each of several devices; the run's own comes first."""
    several = [on_device(each, name) for name in device_names(front) for each in PREDICTED.values()]
    found = [*several, *COSTS.values()] if front.several else list(COSTS.values())
    own = cost_measure(front)
    found.sort(key=lambda measure: measure.field != own.field)
    known = [measure for measure in found if all(_cost(each, measure) for each in _networks(front))]
    return [each for each in known if not (front.several and each.predicted and ":" not in each.field)] or [own]


def _networks(front: Front) -> list[Member | Baseline]:
    return [*front.confirmed, *front.baselines]


def _in_order(front: Front) -> list[Member]:
    return ordered(front.front, cost_measure(front))


def _some(rows: Sequence[TrialRow], most: int) -> Sequence[TrialRow]:
    """At most `most` of them, drawn at random but always the same, in their order."""
    if len(rows) <= most:
        return rows
    return [rows[index] for index in sorted(random.Random(0).sample(range(len(rows)), most))]


def _values(networks: Iterable[Member | Baseline], trials: Iterable[TrialRow], measure: Measure) -> list[float]:
    """What all of them cost, in the measure's unit, where it is known."""
    found = [cost.value for each in networks if (cost := _cost(each, measure))]
    return found + [value * measure.scale for row in trials if (value := row.figures.get(measure.field)) is not None]


def _axis(measure: Measure, values: Sequence[float], fronts: Sequence[Front]) -> Json:
    limits = {limit for front in fronts if (limit := front.budget.limits.get(measure.field)) is not None}
    return {
        "label": one_line(f"{measure.label} ({measure.unit})", 80),
        "unit": measure.unit,
        "short": one_line(measure.label, 60),
        "log": is_wide(values),
        "limits": sorted(limit * measure.scale for limit in limits),
    }


def _series(
    name: str,
    colour: str | int,
    members: Sequence[Member],
    names: Mapping[str, str],
    measures: Sequence[Measure],
    *,
    step: bool = False,
    hollow: bool = False,
    page: str = "",
) -> Json:
    points = [
        {
            "name": names[each.key],
            "label": names[each.key].partition(" ")[0],
            "href": f"{page}#{each.key}",
            "text": one_line(each.notation, _LONGEST),
            "how": short_how(each.accuracy),
            **_figures(each, measures),
        }
        for each in members
    ]
    return {"name": one_line(name, 90), "colour": colour, "points": points, "step": step, "hollow": hollow}


def _baseline_series(front: Front, measures: Sequence[Measure]) -> Iterable[Json]:
    families: dict[str, list[Baseline]] = {}
    for each in front.baselines:
        families.setdefault(each.family, []).append(each)
    for index, (family, networks) in enumerate(sorted(families.items())):
        hows = ", ".join(sorted({how_text(each.accuracy.how) for each in networks}))
        points = [
            {
                "name": one_line(each.name, 60),
                "text": one_line(each.architecture.notation, _LONGEST),
                "how": short_how(each.accuracy),
                **_figures(each, measures),
            }
            for each in networks
        ]
        name = one_line(f"{family_name(family)}, {hows}", 90)
        yield {"name": name, "colour": _BASELINES[index % 3], "points": points, "dashed": True}


def _figures(network: Member | Baseline, measures: Sequence[Measure]) -> Json:
    costs = [_cost(network, measure) for measure in measures]
    accuracy = bounds(network.accuracy).scaled(MEASURES["accuracy"].scale)
    return {"accuracy": _rounded(accuracy), "costs": [cost and _rounded(cost) for cost in costs]}


def _cost(network: Member | Baseline, measure: Measure) -> Interval | None:
    try:
        return cost_interval(cost_of_field(network.costs, measure.field)).scaled(measure.scale)
    except KeyError:
        return None


def _rounded(found: Interval) -> list[float]:
    return [float(f"{value:.5g}") for value in (found.value, found.low, found.high)]


def _group(label: str, shown: bool, rows: Sequence[TrialRow], measures: Sequence[Measure]) -> Json:
    """Trials of one state; the accuracy is unknown of those that were ranked alone, or not trained."""
    hows = sorted({how_text(row.how) for row in rows if row.accuracy is not None and not row.ranked_only})
    accuracies = [None if row.accuracy is None or row.ranked_only else 100 * row.accuracy for row in rows]
    return {
        "name": one_line(", ".join([label, *hows]), 90),
        "shown": shown,
        "numbers": packed_texts([str(row.number) for row in rows]),
        "texts": packed_texts([one_line(row.notation or row.key or "", _LONGEST) for row in rows]),
        "accuracy": packed_numbers(accuracies),
        "costs": [
            packed_numbers([_scaled(row.figures.get(measure.field), measure.scale) for row in rows])
            for measure in measures
        ],
        "count": len(rows),
    }


def _scaled(value: float | None, scale: float) -> float | None:
    return None if value is None else value * scale
