"""A small picture of a front as inline SVG; lines and letters take the colour of the page."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from nas.measures import Measure
from nas.reading.plain import one_line
from nas.results.choice import is_wide

_WIDTH, _HEIGHT = 420, 230
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 14, 12, 36
_TRIAL, _MEMBER = "#56B4E9", "#D55E00"
_MOST = 400
"""Trials that are drawn; of more the last."""


@dataclass(frozen=True, slots=True)
class Dot:
    """A network: its cost in the measure's own unit, its accuracy in percent; `title` is shown on hover.

    One of the front has a `label`, and one that is meant is `marked`.
    """

    cost: float
    accuracy: float
    title: str = ""
    label: str = ""
    marked: bool = False


def front_svg(trials: Sequence[Dot], members: Sequence[Dot], measure: Measure) -> str:
    """Accuracy against cost: trials pale, members numbered and joined; nothing where there is nothing to draw."""
    dots = [*trials[-_MOST:], *members]
    if not dots:
        return ""
    place = _Place.of(dots)
    body = [
        *_axes(place, measure),
        *(_circle(place, dot, 2.5, _TRIAL, 0.6) for dot in trials[-_MOST:]),
        *_stairs(place, members),
        *(_circle(place, dot, 6 if dot.marked else 4, _MEMBER, 1) for dot in members),
        *(_text(place.x(dot.cost) + 6, place.y(dot.accuracy) + 13, dot.label) for dot in members),
    ]
    head = f'viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}" role="img"'
    style = "font-family:sans-serif;font-size:11px;max-width:100%"
    return f'<svg xmlns="http://www.w3.org/2000/svg" {head} style="{style}">{"".join(body)}</svg>'


@dataclass(frozen=True, slots=True)
class _Place:
    """Where figures lie: of costs `low` and `high` are logarithms where the axis is."""

    costs: tuple[float, float]
    accuracies: tuple[float, float]
    wide: bool

    @classmethod
    def of(cls, dots: Sequence[Dot]) -> "_Place":
        costs, accuracies = [dot.cost for dot in dots], [dot.accuracy for dot in dots]
        return cls((min(costs), max(costs)), (min(accuracies), max(accuracies)), is_wide(costs))

    def x(self, cost: float) -> float:
        low, high, found = (math.log(each) if self.wide else each for each in (*self.costs, cost))
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * _share(found, low, high)

    def y(self, accuracy: float) -> float:
        return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * _share(accuracy, *self.accuracies)


def _share(value: float, low: float, high: float) -> float:
    """Where a value lies, 0.05 to 0.95 of the way; in the middle where all are one."""
    return 0.05 + 0.9 * (value - low) / (high - low) if high > low else 0.5


def _axes(place: _Place, measure: Measure) -> Iterator[str]:
    bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    yield f'<path d="M{_LEFT} {_TOP}V{bottom}H{right}" fill="none" stroke="currentColor" stroke-opacity=".4"/>'
    for cost in sorted(set(place.costs)):
        yield _text(place.x(cost), bottom + 14, f"{cost:.3g}", "middle")
    for accuracy in sorted(set(place.accuracies)):
        yield _text(_LEFT - 4, place.y(accuracy) + 4, f"{accuracy:.1f}", "end")
    scale = ", logarithmic" if place.wide else ""
    yield _text((_LEFT + right) / 2, _HEIGHT - 6, f"{measure.label}, {measure.unit}{scale}", "middle")
    yield _text(_LEFT + 4, _TOP + 2, "accuracy, %")


def _stairs(place: _Place, members: Sequence[Dot]) -> Iterator[str]:
    """A line over the members that no cheaper one equals."""
    path, best = "", -math.inf
    for dot in sorted(members, key=lambda dot: (dot.cost, -dot.accuracy)):
        if dot.accuracy > best:
            x, y = place.x(dot.cost), place.y(dot.accuracy)
            path, best = f"{path}H{x:.1f}V{y:.1f}" if path else f"M{x:.1f} {y:.1f}", dot.accuracy
    if path:
        yield f'<path d="{path}H{_WIDTH - _RIGHT}" fill="none" stroke="{_MEMBER}" stroke-opacity=".7"/>'


def _circle(place: _Place, dot: Dot, radius: float, colour: str, opacity: float) -> str:
    at = f'cx="{place.x(dot.cost):.1f}" cy="{place.y(dot.accuracy):.1f}" r="{radius}"'
    rim = ' stroke="currentColor" stroke-width="2"' if dot.marked else ""
    title = f"<title>{escape(one_line(dot.title, 200))}</title>" if dot.title else ""
    return f'<circle {at} fill="{colour}" fill-opacity="{opacity}"{rim}>{title}</circle>'


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    at = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text {at} fill="currentColor">{escape(one_line(text, 60))}</text>'
