"""Several runs beside one another: only those that can be compared share a chart, a table and a reference point."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nas.measures import find_objective
from nas.reading.plain import one_line
from nas.report.blocks import Chart, Column, Link, Table
from nas.report.devices import views
from nas.report.figures import comparison_figure, front_labels
from nas.report.networks import cost_measure
from nas.report.page.chart import comparison_chart
from nas.report.text import budget_text, configuration_text, count_text, percent
from nas.results.choice import cheapest, most_accurate, recommended
from nas.results.costs import cost_interval, cost_of_field
from nas.results.front import Front
from nas.results.naming import cost_text, figures_text, member_names
from nas.results.ordering import cost_of

_ALT = "The confirmed fronts of the runs over one another"
_KNOWN = ("hardware", "budget", "search_space", "data", "objectives", "sampler", "proxy", "seed", "init", "rungs")
"""Settings that front.json tells by itself; the others are taken from the commands."""


@dataclass(frozen=True, slots=True)
class Group:
    """Comparable runs: what they have in common, their chart and table, and what hypervolume is counted from."""

    title: str
    common: str
    chart: Chart | None
    table: Table
    reference: str


def comparison(fronts: Sequence[Front], links: Sequence[str]) -> list[Group]:
    """The runs in groups that can be compared: of one device, the same images and the same objectives."""
    labels = front_labels(fronts)
    groups: dict[tuple[object, ...], list[int]] = {}
    for index, front in enumerate(fronts):
        groups.setdefault(_comparable(front), []).append(index)
    return [
        _group([fronts[index] for index in some], [labels[index] for index in some], [links[index] for index in some])
        for some in groups.values()
    ]


def _comparable(front: Front) -> tuple[object, ...]:
    data = front.data
    images = (data.source, data.path, data.classes, data.train, data.val, data.test)
    return (tuple(view.hardware.label for view in views(front)), images, front.objectives)


def _group(fronts: Sequence[Front], labels: Sequence[str], links: Sequence[str]) -> Group:
    first = fronts[0]
    facts = [_facts(front) for front in fronts]
    names = list(dict.fromkeys(name for each in facts for name in each))
    differing = [name for name in names if len({each.get(name) for each in facts}) > 1]
    common = [f"{name} {facts[0][name]}" for name in names if name not in differing and facts[0].get(name)]
    reference = common_reference(fronts)
    columns = (
        *(Column("run"), *(Column(name) for name in differing)),
        *(Column("on the front", "number"), Column("evaluated", "number"), Column("hypervolume", "number")),
        *(Column("most accurate", "number"), Column(_cheapest(first), "number"), Column("to ship", "number")),
    )
    rows = [
        (
            Link(label, link),
            *(each.get(name) or "-" for name in differing),
            *_results(front, link, reference),
        )
        for front, label, link, each in zip(fronts, labels, links, facts, strict=True)
    ]
    drawn = any(front.front for front in fronts)
    chart = Chart(lambda most: comparison_chart(fronts, labels, links), comparison_figure(fronts), _ALT)
    devices = " and ".join(f"{view.hardware.device} ({configuration_text(view)})" for view in views(first))
    return Group(
        title=f"{devices}, {first.data.source}",
        common=f"The same in all: {', '.join(common)}." if len(fronts) > 1 and common else "",
        chart=chart if drawn else None,
        table=Table(columns, tuple(rows)),
        reference=_reference_text(reference),
    )


def _facts(front: Front) -> dict[str, str]:
    """What was asked of a run, by the setting."""
    start = {"init": front.init.name} if front.init else {}
    proxy = {f"proxy.{key}": str(value) for key, value in front.proxy.items() if value is not None and key != "name"}
    return {
        "budget": budget_text(front),
        "search_space": front.search_space,
        "sampler": front.sampler,
        "seed": str(front.seed),
        **start,
        "rungs": " ".join(front.rungs),
        "proxy": str(front.proxy.get("name", "")),
        **{key: text for key, text in proxy.items() if key not in ("proxy.how", "proxy.own_resolution")},
        **_overrides(front.command),
    }


def _overrides(command: str) -> dict[str, str]:
    """The settings that a command gives, but for those that front.json tells, and where the run is."""
    try:
        words = shlex.split(command)
    except ValueError:
        return {}
    found = dict(word.split("=", 1) for word in words if "=" in word)
    return {
        one_line(key, 40): one_line(value, 60)
        for key, value in found.items()
        if key.split(".")[0] not in (*_KNOWN, "hydra", "workers", "tracker")
    }


def common_reference(fronts: Sequence[Front]) -> dict[str, float]:
    """The farthest of the runs' reference points, by objective."""
    return {
        name: (min if name == "accuracy" else max)(
            front.hypervolume.reference[name] for front in fronts if name in front.hypervolume.reference
        )
        for name in fronts[0].objectives
        if any(name in front.hypervolume.reference for front in fronts)
    }


def front_hypervolume(front: Front, reference: Mapping[str, float]) -> float | None:
    """The share of the box from `reference` to the ideal that the confirmed front dominates; None where unknown."""
    from nas.search.front import hypervolume

    fields = {name: measure.field for name in front.objectives if (measure := find_objective(name))}
    if set(fields) != set(reference):
        return None
    try:
        points = [
            [
                each.accuracy.value if name == "accuracy" else cost_interval(cost_of_field(each.costs, field)).value
                for name, field in fields.items()
            ]
            for each in front.front
        ]
    except KeyError:
        return None
    return hypervolume(points, front.objectives, reference) if points else 0.0


def _results(front: Front, link: str, reference: Mapping[str, float]) -> tuple[str | Link, ...]:
    measure, found = cost_measure(front), front_hypervolume(front, reference)
    counts = (str(len(front.front)), count_text(front.counts.evaluated), "-" if found is None else f"{found:.3f}")
    if not front.front:
        return (*counts, "-", "-", "-")
    best, first, choice = most_accurate(front.front), cheapest(front.front, measure), recommended(front)
    shipped = Link(member_names(front)[choice.member.key], f"{link}#{choice.member.key}") if choice else "-"
    cost = cost_text(cost_of(first, measure).value, measure)
    return (*counts, figures_text(best, measure), f"{cost} · {percent(first.accuracy.value)} %", shipped)


def _cheapest(front: Front) -> str:
    return "fastest" if cost_measure(front).name.partition(":")[0] == "latency" else "cheapest"


def _reference_text(reference: Mapping[str, float]) -> str:
    measures = {name: find_objective(name) for name in reference}
    parts = [
        f"{measure.label} {reference[name] * measure.scale:.3g} {measure.unit}"
        for name, measure in measures.items()
        if measure
    ]
    if not parts:
        return ""
    return (
        "Hypervolume is the share of the box between "
        f"one reference point for all of these runs ({', '.join(parts)}) and the ideal that the confirmed front "
        "dominates, by the test images."
    )
