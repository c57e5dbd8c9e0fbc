"""Charts of a run for Weights & Biases: their data as columns and rows, and the Vega-Lite of those that W&B lacks.

A chart of our own needs its specification there: `nas.dashboard RUN tracker=wandb` puts it, once for an account. The
names of its fields are filled in by W&B (`${field:x}`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nas.measures import Interval, Measure
from nas.report.networks import bounds, cost_measure
from nas.report.trackers.base import Choice
from nas.results.front import Front
from nas.results.member import Baseline, Member
from nas.results.ordering import cost_of, ordered
from nas.results.trials import TrialRow

MOST_LINES = 300
"""Networks in the chart of choices at most, evenly spaced from the best to the worst."""


@dataclass(frozen=True, slots=True)
class Chart:
    """Data, in rows of `columns`; `x` and `y` are the columns of a plain scatter of it."""

    title: str
    columns: tuple[str, ...]
    rows: list[list[Any]]
    x: str
    y: str


FRONT_COLUMNS = ("kind", "name", "cost", "cost_low", "cost_high", "accuracy", "accuracy_low", "accuracy_high")
CHOICE_COLUMNS = ("trial", "choice", "value", "place", "accuracy")


def front_chart(front: Front, trials: Sequence[TrialRow]) -> Chart:
    """Every evaluated network, the confirmed ones and the baselines with their intervals, accuracy over the cost."""
    measure = cost_measure(front)
    rows: list[list[Any]] = []
    for row in trials:
        cost = row.figures.get(measure.field)
        if row.state in ("complete", "stopped") and row.accuracy is not None and cost is not None:
            rows.append(["trial", f"trial {row.number}", *(cost,) * 3, *(row.accuracy,) * 3])
    members = {member.key for member in front.front}
    for number, member in enumerate(ordered(front.front, measure), start=1):
        rows.append(_interval_row("front", f"m{number}", member, measure))
    others = (member for member in front.confirmed if member.key not in members)
    rows += [_interval_row("confirmed", member.key, member, measure) for member in others]
    rows += [_interval_row("baseline", baseline.name, baseline, measure) for baseline in front.baselines]
    title = f"Front, trials and baselines: accuracy over {measure.label}"
    return Chart(title, FRONT_COLUMNS, rows, "cost", "accuracy")


def choices_chart(trials: Sequence[TrialRow], choices: Callable[[TrialRow], Mapping[str, Choice]]) -> Chart:
    """What each evaluated network chose, a row for each choice, for parallel coordinates, of which the best lie on top.

    `place` is that of the value among all that were chosen, 0 for the least and 1 for the most.
    """
    complete = sorted((row for row in trials if row.state == "complete" and row.notation), key=_rank, reverse=True)
    some = complete[:: -(-len(complete) // MOST_LINES) or 1]
    made = [(row, choices(row)) for row in some]
    seen: dict[str, dict[Choice, None]] = {}
    for _, chosen in made:
        for name, value in chosen.items():
            seen.setdefault(name, {})[value] = None
    places = {name: _places(list(values)) for name, values in seen.items()}
    rows = [
        [row.number, name, str(value), places[name][value], row.accuracy]
        for row, chosen in reversed(made)
        for name, value in chosen.items()
    ]
    return Chart("Choices of the networks", CHOICE_COLUMNS, rows, "place", "accuracy")


def fidelity_chart(front: Front, trials: Sequence[TrialRow]) -> Chart:
    """The cheap accuracy of each confirmed network beside the confirmed one, both of validation images."""
    cheap = {row.key: row for row in trials if row.state == "complete"}
    rows = [
        [member.key, _rank(cheap[member.key]), cheap[member.key].accuracy, member.val_accuracy.value, member.macs]
        for member in front.confirmed
        if member.key in cheap
    ]
    columns = ("key", "ranked_by", "cheap_accuracy", "confirmed_accuracy", "macs")
    return Chart("Cheap and confirmed accuracy", columns, rows, "ranked_by", "confirmed_accuracy")


def measured_chart(front: Front) -> Chart:
    """Predicted milliseconds of each confirmed network that was measured, with their interval, beside the measured."""
    rows = [
        [member.key, found.predicted.value, found.predicted.low, found.predicted.high, found.value]
        for member in front.confirmed
        if (found := member.latency_ms).predicted
    ]
    columns = ("key", "predicted_ms", "predicted_low_ms", "predicted_high_ms", "measured_ms")
    return Chart("Predicted and measured latency", columns, rows, "measured_ms", "predicted_ms")


def hypervolume_lines(front: Front) -> dict[str, list[float]]:
    """Hypervolume after each network, and what a search without a model reaches, by name, of equal lengths."""
    found, history = front.hypervolume, list(front.hypervolume.history)
    lines = {"this search": history}
    if found.random and history:
        known = {"without a model": found.random.mean, "its low": found.random.low, "its high": found.random.high}
        lines |= {name: list(values[: len(history)]) for name, values in known.items()}
        least = min(map(len, lines.values()))
        lines = {name: values[:least] for name, values in lines.items()}
    return lines


def _axis(field: str, kind: str, **more: Any) -> dict[str, Any]:
    return {"field": f"${{field:{field}}}", "type": kind, **more}


_TITLE = "${string:title}"
_LINEAR = {"scale": {"zero": False}}
_LOG = {"scale": {"type": "log", "nice": False}}  # a nice one ends at powers of ten, far from the networks
_MARKS = {
    "trial": ("circle", "#999999"),
    "confirmed": ("diamond", "#56B4E9"),
    "front": ("square", "#D55E00"),
    "baseline": ("triangle-up", "#0072B2"),
}
"""The shape and the colour of each kind of network."""
_SHAPES, _COLOURS = ({"domain": list(_MARKS), "range": list(each)} for each in zip(*_MARKS.values(), strict=True))
_FRONT_POINT = {
    "x": _axis("x", "quantitative", title="cost", **_LOG),
    "y": _axis("y", "quantitative", title="accuracy", **_LINEAR),
    "color": _axis("kind", "nominal", title=None, scale=_COLOURS),
}
SPECIFICATIONS: Mapping[str, Mapping[str, Any]] = {
    "nas-front": {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "title": _TITLE,
        "data": {"name": "wandb"},
        "layer": [
            {
                "mark": {"type": "rule", "opacity": 0.6},
                "encoding": {
                    **_FRONT_POINT,
                    "y": _axis("low", "quantitative", title="accuracy", **_LINEAR),
                    "y2": {"field": "${field:high}"},
                },
            },
            {
                "mark": {"type": "rule", "opacity": 0.6},
                "encoding": {
                    **_FRONT_POINT,
                    "x": _axis("left", "quantitative", title="cost", **_LOG),
                    "x2": {"field": "${field:right}"},
                },
            },
            {
                "mark": {"type": "point", "filled": True, "size": 60, "tooltip": {"content": "data"}},
                "encoding": {**_FRONT_POINT, "shape": _axis("kind", "nominal", title=None, scale=_SHAPES)},
            },
        ],
    },
    "nas-choices": {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "title": _TITLE,
        "data": {"name": "wandb"},
        "mark": {"type": "line", "opacity": 0.5, "tooltip": {"content": "data"}},
        "encoding": {
            "x": _axis("choice", "nominal", sort=None, title=None),
            "y": _axis("place", "quantitative", title="least to most"),
            "detail": {"field": "${field:trial}"},
            "color": _axis("accuracy", "quantitative", scale={"zero": False, "scheme": "viridis", "reverse": True}),
        },
    },
}
"""By name, the charts that W&B lacks."""

FIELDS: Mapping[str, Mapping[str, str]] = {
    "nas-front": {
        **{"x": "cost", "left": "cost_low", "right": "cost_high"},
        **{"y": "accuracy", "low": "accuracy_low", "high": "accuracy_high", "kind": "kind"},
    },
    "nas-choices": {"choice": "choice", "place": "place", "trial": "trial", "accuracy": "accuracy"},
}
"""The column of each of their fields."""


def _interval_row(kind: str, name: str, network: Member | Baseline, measure: Measure) -> list[Any]:
    return [kind, name, *_three(cost_of(network, measure)), *_three(bounds(network.accuracy))]


def _three(found: Interval) -> tuple[float, float, float]:
    return found.value, found.low, found.high


def _rank(row: TrialRow) -> float:
    return (row.accuracy or 0.0) if row.worth is None else row.worth


def _places(values: list[Choice]) -> dict[Choice, float]:
    numbers = all(isinstance(value, int | float) for value in values)
    order = sorted(values, key=None if numbers else str)
    return {value: index / max(len(order) - 1, 1) for index, value in enumerate(order)}
