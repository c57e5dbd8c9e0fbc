"""validation.png of a profile's folder: predicted against measured milliseconds, and below how far they are apart.

A panel per configuration, both axes logarithmic, so that a percentage is equally wide everywhere. Colours and
shapes as in drawing.py.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from nas.latency.profile import HardwareProfile
from nas.recording.validation_file import COLUMNS, Entry
from nas.report.drawing import BLACK, BLUE, DPI, GREY, ORANGE, VERMILLION, png

FILE = "validation.png"
_LOOKS = {"left_out": (BLUE, "o"), "kept_back": (ORANGE, "s"), "measured_now": (VERMILLION, "D")}
_COLUMNS = 3
_WIDTH, _HEIGHT = 4.3, 5.0
_BAND = 5  # percent
_GRID = "#e4e4e4"


def validation_figure(profile: HardwareProfile, entries: Mapping[str, Entry]) -> Figure:
    """A panel for each configuration of `entries` (validation_file.py), of which there is at least one."""
    columns = min(len(entries), _COLUMNS if len(entries) != 4 else 2)
    rows = math.ceil(len(entries) / columns)
    width = max(_WIDTH * columns, 6.2)
    figure = Figure(figsize=(width, _HEIGHT * rows + 0.9), dpi=DPI, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    figure.suptitle(profile.device, x=0.01, ha="left", fontsize=13, fontweight="bold")
    grid = figure.subfigures(rows, columns, squeeze=False, hspace=0.03, wspace=0.02)
    for index, (name, entry) in enumerate(entries.items()):
        panel = grid[divmod(index, columns)]
        panel.suptitle(name, x=0.02, ha="left", fontsize=11, fontweight="bold")
        upper, lower = panel.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        _draw(upper, lower, entry["networks"])
        words = [_words(role, entry[role]) for role in COLUMNS if entry[role]]
        upper.set_title("\n".join(words), loc="left", fontsize=9.5, color="#555555")
    _legend(figure, entries)
    return figure


def validation_png(profile: HardwareProfile, entries: Mapping[str, Entry]) -> bytes:
    """`validation_figure` as a PNG."""
    return png(validation_figure(profile, entries))


def _words(role: str, table: Mapping[str, Any]) -> str:
    mape, share = table["mape_percent"], table["within_5_percent"]
    return f"{COLUMNS[role]} ({table['n']}): MAPE {mape:.1f} %, {share:.0f} % within 5 %"


def _draw(upper: Axes, lower: Axes, networks: Sequence[Mapping[str, Any]]) -> None:
    measured = np.array([network["measured"] for network in networks])
    predicted = np.array([network["predicted"] for network in networks])
    low, high = min(measured.min(), predicted.min()) / 1.15, max(measured.max(), predicted.max()) * 1.15
    ends = np.array([low, high])
    upper.fill_between(ends, ends * (1 - _BAND / 100), ends * (1 + _BAND / 100), color=GREY, alpha=0.3, linewidth=0)
    upper.plot(ends, ends, color=BLACK, linewidth=0.9)
    lower.axhspan(-_BAND, _BAND, color=GREY, alpha=0.3, linewidth=0)
    lower.axhline(0, color=BLACK, linewidth=0.9)
    errors = 100 * (predicted / measured - 1)
    for role, (color, marker) in _LOOKS.items():
        chosen = [network["role"] == role for network in networks]
        size = float(np.clip(4000 / (len(networks) + 1), 12, 36))
        for axes, y in ((upper, predicted), (lower, errors)):
            axes.scatter(
                measured[chosen], y[chosen], s=size, marker=marker, color=color, alpha=0.75, linewidths=0, zorder=3
            )
    for axes in (upper, lower):
        axes.grid(color=_GRID, linewidth=0.8)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(GREY)
        axes.tick_params(color=GREY, labelsize=9)
        axes.set_xscale("log")
        axes.set_xlim(low, high)
    upper.set_yscale("log")
    upper.set_ylim(low, high)
    for axis in (lower.xaxis, upper.yaxis):
        milliseconds(axis, high / low)
    most = max(2 * _BAND, 1.15 * float(np.abs(errors).max()))
    lower.set_ylim(-most, most)
    lower.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    upper.set_ylabel("predicted (ms)", fontsize=9.5)
    lower.set_xlabel("measured (ms)", fontsize=9.5)
    lower.set_ylabel("error (%)", fontsize=9.5)


def milliseconds(axis: Axis, span: float) -> None:
    """Ticks at round numbers, some four of them, whatever the span."""
    steps = (1.0, 2.0, 5.0) if span < 300 else (1.0,)
    axis.set_major_locator(LogLocator(subs=steps) if span > 5 else MaxNLocator(6))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_locator(NullLocator())


def _legend(figure: Figure, entries: Mapping[str, Entry]) -> None:
    """One for all panels, under them."""
    axes = figure.axes[0]
    handles = [
        axes.scatter([], [], s=36, marker=marker, color=color, linewidths=0, label=COLUMNS[role])
        for role, (color, marker) in _LOOKS.items()
        if any(entry[role] for entry in entries.values())
    ]
    (line,) = axes.plot([], [], color=BLACK, linewidth=0.9, label="equal")
    band = axes.fill_between([], [], [], color=GREY, alpha=0.3, linewidth=0, label=f"±{_BAND} %")
    figure.legend(handles=[*handles, line, band], loc="outside lower left", ncols=5, fontsize=9.5, frameon=False)
