"""The front as characters, for the terminal: accuracy over a cost, on a log axis."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from nas.measures import Measure
from nas.results.trials import TrialRow

PLAIN, FRONT = "·", "●"
"""A network, and one that none beats so far."""
_ASCII = str.maketrans({"·": ".", "●": "o", "│": "|", "└": "+", "─": "-"})


@dataclass(frozen=True, slots=True)
class Point:
    """A network: its cost, its accuracy (a share), and what it is ranked by."""

    cost: float
    accuracy: float
    rank: float


def points(rows: Sequence[TrialRow], measure: Measure) -> list[Point]:
    """Those of complete trials, whose cost is known."""
    return [
        Point(cost, row.accuracy, row.accuracy if row.worth is None else row.worth)
        for row in rows
        if row.state == "complete" and row.accuracy is not None and (cost := row.figures.get(measure.field))
    ]


def draw(networks: Sequence[Point], measure: Measure, columns: int, lines: int) -> list[str]:
    """At most `lines` lines of at most `columns` characters, the axes included; none where there is nothing to see."""
    margin = 7
    width, height = min(columns - margin, 64), lines - 2
    if not networks or width < 16 or height < 3:
        return []
    costs, accuracies = [each.cost for each in networks], [each.accuracy for each in networks]
    cells = [[" "] * width for _ in range(height)]
    for each, mark in sorted(zip(networks, _marks(networks), strict=True), key=lambda pair: pair[1] == FRONT):
        column = _place(math.log(each.cost), math.log(min(costs)), math.log(max(costs)), width)
        row = _place(each.accuracy, min(accuracies), max(accuracies), height)
        cells[height - 1 - row][column] = mark
    high, low = (f"{100 * value:5.1f}" for value in (max(accuracies), min(accuracies)))
    labels = (
        [high, *[""] * (height - 2), low] if high != low else [high if n == height // 2 else "" for n in range(height)]
    )
    body = [f"{label:>5} │{''.join(row)}".rstrip() for label, row in zip(labels, cells, strict=True)]
    ends = [f"{value * measure.scale:.3g}" for value in (min(costs), max(costs))]
    name = f"{measure.label} ({measure.unit})"
    space = width - sum(map(len, ends))
    axis = ends[0] + (f" {name} " if len(name) + 2 <= space else "").center(max(space, 1)) + ends[1]
    return [*body, " " * 6 + "└" + "─" * width, " " * margin + axis]


def as_ascii(text: str) -> str:
    """The same for terminals whose encoding lacks the marks."""
    return text.translate(_ASCII)


def _marks(networks: Sequence[Point]) -> list[str]:
    """Which are on the front, by cost and what they are ranked by."""
    order = sorted(range(len(networks)), key=lambda index: (networks[index].cost, -networks[index].rank))
    best = accumulate((networks[index].rank for index in order), max, initial=-math.inf)
    on_front = {index for index, before in zip(order, best, strict=False) if networks[index].rank > before}
    return [FRONT if index in on_front else PLAIN for index in range(len(networks))]


def _place(value: float, low: float, high: float, cells: int) -> int:
    return round((value - low) / (high - low) * (cells - 1)) if high > low else cells // 2
