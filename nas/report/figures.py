"""The figures of a run.

Accuracies are drawn in percent, costs in the measure's own unit. Members of a front are numbered
from cheap to expensive, as in the report's table.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import ConnectionPatch
from matplotlib.patheffects import AbstractPathEffect, withStroke

from nas.measures import MEASURES, Interval, Measure
from nas.report.devices import device_names, trials_on, views
from nas.report.drawing import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    VERMILLION,
    bars,
    draw_legend,
    draw_title,
    new_figure,
    plain_ticks,
    png,
)
from nas.report.networks import BEATEN, beaten, bounds, cost_measure
from nas.report.text import budget_text, budget_words, configuration_text, how_text
from nas.results.choice import is_wide
from nas.results.front import Front
from nas.results.member import Baseline, Member
from nas.results.ordering import cost_of, ordered
from nas.results.run_folder import write_bytes
from nas.results.trials import TrialRow

_SERIES = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, BLACK)
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_NAMES = {
    "mobilenet_v1": "MobileNetV1",
    "mobilenet_v2": "MobileNetV2",
    **{f"efficientnet_lite{size}": f"EfficientNet-Lite{size}" for size in range(3)},
}
_SIZE = (8.6, 5.8)
MOST_SHAPES = 2000
"""More networks of a kind are drawn as pixels in the SVG too: as shapes, 20,000 would make a page of 4 MB."""


def front_figure(front: Front, trials: Sequence[TrialRow]) -> Figure:
    """Accuracy against the first cost: every trial, the confirmed front, curves of the baselines, the budget."""
    figure, axes = new_figure(_SIZE)
    draw_front(axes, front, trials)
    draw_title(axes, f"{front.hardware.device}, {budget_words(front)}", configuration_text(front))
    draw_legend(figure, axes, upside_down=True)
    return figure


def draw_front(axes: Axes, front: Front, trials: Sequence[TrialRow]) -> None:
    """What `front_figure` shows, on axes without title and legend."""
    measure = cost_measure(front)
    _draw_trials(axes, trials, measure)
    _draw_baselines(axes, front.baselines, measure)
    _draw_confirmed(axes, beaten(front), measure, BEATEN, VERMILLION, "o", hollow=True)
    members = ordered(front.front, measure)
    name = "confirmed" if front.learned is False else "front, confirmed"
    _draw_confirmed(axes, members, measure, f"{name} ({len(members)})", VERMILLION, "o", step=True)
    _number(axes, members, measure)
    _draw_budget(axes, front, measure)
    _label(axes, measure)
    _scale(axes, measure, [front], trials)


def devices_figure(front: Front, trials: Sequence[TrialRow]) -> Figure:
    """Accuracy against each device's latency, side by side; the same networks have one number and are joined."""
    seen = views(front)
    figure, first = new_figure((5.2 * len(seen) + 0.6, 5.4), columns=len(seen))
    panels: Sequence[Axes] = figure.axes
    places: dict[str, list[tuple[float, float]]] = {}
    numbered = ordered(front.front, cost_measure(front))
    for axes, view, name in zip(panels, seen, device_names(front), strict=True):
        measure = cost_measure(view)
        members = [next(each for each in view.front if each.key == one.key) for one in numbered]
        _draw_trials(axes, trials_on(trials, name), measure)
        _draw_baselines(axes, view.baselines, measure)
        _draw_confirmed(axes, members, measure, f"front, confirmed ({len(members)})", VERMILLION, "o", step=True)
        _number(axes, members, measure)
        _draw_budget(axes, view, measure, label=None)
        _label(axes, measure)
        _scale(axes, measure, [view], trials_on(trials, name))
        axes.set_ylabel("accuracy (%)" if axes is first else "")
        draw_title(axes, name, f"{view.hardware.device}, {budget_words(view)}")
        for member, (cost, accuracy) in zip(members, _points(members, measure), strict=True):
            places.setdefault(member.key, []).append((cost.value, accuracy.value))
    for found in places.values():
        for left, right, start, end in zip(panels, panels[1:], found, found[1:], strict=False):
            line = ConnectionPatch(start, end, "data", "data", axesA=left, axesB=right, color=GREY, linewidth=0.8)
            line.set_zorder(1)
            figure.add_artist(line)
    draw_legend(figure, first, upside_down=True)
    return figure


def save_front_png(front: Front, trials: Sequence[TrialRow], path: str | Path) -> None:
    """Write `front_figure` as a PNG of 1290 x 870 pixels; of several devices `devices_figure`.

    Raises:
        RunError: the folder cannot be written.
    """
    figure = devices_figure(front, trials) if front.several else front_figure(front, trials)
    write_bytes(Path(path), png(figure))


def comparison_figure(fronts: Sequence[Front]) -> Figure:
    """The confirmed fronts of several runs over one another, on the first run's cost."""
    measure = cost_measure(fronts[0])
    figure, axes = new_figure(_SIZE)
    for index, (front, label) in enumerate(zip(fronts, front_labels(fronts), strict=True)):
        color, marker = _SERIES[index % len(_SERIES)], _MARKERS[index % len(_MARKERS)]
        members = ordered(front.front, measure)
        _draw_confirmed(axes, members, measure, label, color, marker, step=True)
        _draw_budget(axes, front, measure, color=color, label=None)
    _label(axes, measure)
    _scale(axes, measure, fronts)
    any_budget = any(front.budget.limits.get(measure.field) for front in fronts)
    devices = sorted({front.hardware.device for front in fronts})
    draw_title(axes, f"{len(fronts)} fronts compared", " · ".join(devices) + "; dotted lines are budgets" * any_budget)
    draw_legend(figure, axes)
    return figure


def front_labels(fronts: Sequence[Front]) -> list[str]:
    """What tells the runs apart, for each: `pixel4, 150M`, and the seed or sampler where they differ."""
    parts = [_facts(front) for front in fronts]
    differing = [key for key in parts[0] if len({part[key] for part in parts}) > 1] if parts else []
    shown = [key for key in parts[0] if key in ("hardware", "budget") or key in differing] if parts else []
    labels = [", ".join(part[key] for key in shown) for part in parts]
    return [f"{label} ({index + 1})" if labels.count(label) > 1 else label for index, label in enumerate(labels)]


def staircase(points: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """Those of `points` (cost, accuracy) that no cheaper one equals in accuracy, from cheap to expensive.

    With a third objective a member of the front may lie under the others in this plane.
    """
    stair: list[tuple[float, float]] = []
    for cost, accuracy in sorted(points, key=lambda point: (point[0], -point[1])):
        if not stair or accuracy > stair[-1][1]:
            stair.append((cost, accuracy))
    return stair


def _facts(front: Front) -> dict[str, str]:
    return {
        "hardware": front.hardware.name,
        "configuration": front.hardware.configuration,
        "budget": budget_text(front),
        "search_space": front.search_space,
        "data": front.data.source,
        "sampler": front.sampler,
        "seed": f"seed {front.seed}",
    }


def family_name(family: str) -> str:
    """A family of published networks as it is written: `MobileNetV2`."""
    return _NAMES.get(family, family)


def _scale(axes: Axes, measure: Measure, fronts: Sequence[Front], trials: Sequence[TrialRow] = ()) -> None:
    """A logarithmic axis of the cost where what is drawn asks for one."""
    networks = list[Member | Baseline]()
    for front in fronts:
        networks += [*front.confirmed, *front.baselines]
    costs = [cost_of(each, measure).value for each in networks]
    drawn = (row.figures.get(measure.field) for row in trials if row.state in ("complete", "stopped"))
    if is_wide([*costs, *(cost for cost in drawn if cost is not None)]):
        axes.set_xscale("log")
        plain_ticks(axes.xaxis)


def _points(networks: Iterable[Member | Baseline], measure: Measure) -> list[tuple[Interval, Interval]]:
    """(cost, accuracy) of each, as they are drawn."""
    percent = MEASURES["accuracy"].scale
    return [(cost_of(each, measure).scaled(measure.scale), bounds(each.accuracy).scaled(percent)) for each in networks]


def _draw_trials(axes: Axes, trials: Sequence[TrialRow], measure: Measure) -> None:
    for state, marker, label in (("complete", "o", "evaluated"), ("stopped", "x", "stopped early")):
        rows = [row for row in trials if row.state == state and not row.ranked_only]
        points = [(row.figures.get(measure.field), row.accuracy, how_text(row.how)) for row in rows]
        known = [point for point in points if None not in point]
        if known:
            costs, accuracies, hows = zip(*known, strict=True)
            text = f"{label} ({len(known)}), {', '.join(sorted(set(hows)))}"
            x = [measure.scale * cost for cost in costs]
            y = [MEASURES["accuracy"].scale * accuracy for accuracy in accuracies]
            dots = axes.scatter(x, y, s=22, marker=marker, color=SKY, alpha=0.75, linewidths=1, label=text, zorder=2)
            dots.set_rasterized(len(known) > MOST_SHAPES)


def _draw_baselines(axes: Axes, baselines: Sequence[Baseline], measure: Measure) -> None:
    families: dict[str, list[Baseline]] = {}
    for baseline in baselines:
        families.setdefault(baseline.family, []).append(baseline)
    for index, (family, networks) in enumerate(sorted(families.items())):
        points = sorted(_points(networks, measure), key=lambda point: point[0].value)
        how = ", ".join(sorted({how_text(each.accuracy.how) for each in networks}))
        x, y = [cost.value for cost, _ in points], [accuracy.value for _, accuracy in points]
        color, marker = ((BLACK, "s"), (GREEN, "^"), (PURPLE, "D"))[index % 3]
        label = f"{family_name(family)}, {how}"
        axes.plot(x, y, "--", color=color, marker=marker, markersize=4, linewidth=1.1, label=label, zorder=3)


def _draw_confirmed(
    axes: Axes,
    members: Sequence[Member],
    measure: Measure,
    label: str,
    color: str,
    marker: str,
    *,
    step: bool = False,
    hollow: bool = False,
) -> None:
    points = _points(members, measure)
    if not points:
        return
    x, y = [cost.value for cost, _ in points], [accuracy.value for _, accuracy in points]
    x_error, y_error = bars([cost for cost, _ in points]), bars([accuracy for _, accuracy in points])
    axes.errorbar(
        x,
        y,
        xerr=x_error,
        yerr=y_error,
        fmt=marker,
        color=color,
        markerfacecolor="white" if hollow else color,
        markersize=6 if hollow else 7,
        elinewidth=1.0,
        capsize=2.5,
        alpha=0.6 if hollow else 1.0,
        label=label,
        zorder=4 if hollow else 5,
    )
    if step:
        stair = staircase(zip(x, y, strict=True))
        axes.step(*zip(*stair, strict=True), where="post", color=color, linewidth=1.8, alpha=0.8, zorder=4)


def _number(axes: Axes, members: Sequence[Member], measure: Measure) -> None:
    halo: list[AbstractPathEffect] = [withStroke(linewidth=2.5, foreground="white")]
    for index, (cost, accuracy) in enumerate(_points(members, measure), start=1):
        at, by = (cost.value, accuracy.value), (5, -12)
        text = axes.annotate(str(index), at, xytext=by, textcoords="offset points", fontsize=9, zorder=6)
        text.set_path_effects(halo)


def _draw_budget(axes: Axes, front: Front, measure: Measure, color: str = BLACK, label: str | None = "budget") -> None:
    limit = front.budget.limits.get(measure.field)
    if limit:
        text = f"{label}, {limit * measure.scale:g} {measure.unit}" if label else None
        axes.axvline(limit * measure.scale, color=color, linestyle=":", linewidth=1.6, label=text, zorder=1)


def _label(axes: Axes, measure: Measure) -> None:
    axes.set_xlabel(f"{measure.label} ({measure.unit})", fontsize=11)
    axes.set_ylabel("accuracy (%)", fontsize=11)
    axes.margins(x=0.05, y=0.07)
    axes.set_ylim(top=min(axes.get_ylim()[1], 101.0))
