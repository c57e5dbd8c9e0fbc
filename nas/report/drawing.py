"""What every figure looks like: colours, axes, title and legend, built without pyplot, so nothing global is touched.

Colours are Okabe and Ito's, which colour-blind readers can tell apart; shapes repeat what colours say.
"""

import hashlib
import io
import re
import warnings
from collections.abc import Sequence
from html import escape
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.legend_handler import HandlerErrorbar
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from nas.measures import Interval
from nas.reading.plain import one_line

BLUE, ORANGE, GREEN, VERMILLION, PURPLE, SKY, YELLOW, BLACK = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#CC79A7",
    "#56B4E9",
    "#F0E442",
    "#000000",
)
GREY, GRID, SOFT = "#8c8c8c", "#e4e4e4", "#555555"
DPI = 150
_LINES, _LETTERS = 3, 76  # of a text: as much as a title has room for


def new_figure(size: tuple[float, float], columns: int = 1) -> tuple[Figure, Axes]:
    """A figure of one pair of axes, or of several `columns` that share what is upright; `size` in inches.

    Given are the first axes; all are `figure.axes`.
    """
    figure = Figure(figsize=size, dpi=DPI, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    for axes in figure.subplots(1, columns, sharey=True, squeeze=False).flat:
        axes.grid(color=GRID, linewidth=0.8)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(GREY)
        axes.tick_params(color=GREY, labelsize=10)
    return figure, figure.axes[0]


def draw_title(axes: Axes, text: str, subtitle: str) -> None:
    """A title over the axes, and smaller what else is to be known."""
    axes.set_title(text, loc="left", fontsize=13, fontweight="bold", pad=24 if subtitle else 8)
    axes.annotate(
        subtitle,
        (0, 1),
        xytext=(0, 8),
        xycoords="axes fraction",
        textcoords="offset points",
        fontsize=10,
        color=SOFT,
    )


def png(figure: Figure) -> bytes:
    """`figure` as a PNG."""
    buffer = io.BytesIO()
    _draw(figure, buffer, format="png", metadata={"Software": "sepconv-nas"})
    return buffer.getvalue()


def svg(figure: Figure) -> bytes:
    """`figure` as an SVG whose letters are outlines: it looks alike everywhere and needs no fonts."""
    buffer = io.BytesIO()
    with rc_context({"svg.fonttype": "path", "svg.hashsalt": "sepconv-nas"}):
        _draw(figure, buffer, format="svg", metadata={"Date": None, "Creator": "sepconv-nas"})
    return buffer.getvalue()


THEMED = {
    BLUE: "blue",
    ORANGE: "orange",
    GREEN: "green",
    VERMILLION: "vermillion",
    PURPLE: "purple",
    SKY: "sky",
    BLACK: "ink",
    GREY: "grey",
    GRID: "grid",
    SOFT: "soft",
    "#ffffff": "paper",
}
"""What style.css.j2 calls each colour, which is another one on dark pages."""


def themed_svg(figure: Figure, alt: str) -> str:
    """`figure` as SVG to stand in a page, whose colours and letters it takes over; its names are its own."""
    buffer = io.BytesIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "sepconv-nas"}):
        _draw(figure, buffer, format="svg", metadata={"Date": None, "Creator": None, "Type": None, "Format": None})
    text = buffer.getvalue().decode()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    for colour, name in THEMED.items():
        text = re.sub(f"(fill|stroke): {colour}\\b", rf"\1: var(--{name})", text, flags=re.IGNORECASE)
    own = hashlib.blake2b(text.encode(), digest_size=4).hexdigest()
    text = re.sub(r'( id="|url\(#|href="#)', rf"\g<1>f{own}-", text)
    text = re.sub(r" font-family: [^;\"]*;?|<style.*?</style>", "", text, flags=re.DOTALL)
    text = re.sub(r"\s*\n\s*", " ", text)
    width = float(figure.get_figwidth()) * 72
    head = f'<svg role="img" aria-label="{escape(alt)}" style="max-width: {1.25 * width:.0f}px"'
    return re.sub(r'^<svg ([^>]*?)width="[^"]*" height="[^"]*"', lambda found: head + " " + found[1], text, count=1)


def _draw(figure: Figure, buffer: io.BytesIO, **options: Any) -> None:
    """Names may come from a file: no text is a formula, none is long, and a letter may lack in the font."""
    for text in figure.findobj(Text):
        text.set_parse_math(False)
        lines = text.get_text().split("\n")[:_LINES]
        text.set_text("\n".join(one_line(line, _LETTERS) for line in lines))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Glyph \d+ .* missing from")
        figure.savefig(buffer, **options)


def draw_legend(figure: Figure, axes: Axes, *, upside_down: bool = False) -> None:
    """The legend goes under the axes, where no data can be; `upside_down` puts what was drawn last first."""
    handles, labels = axes.get_legend_handles_labels()
    order = slice(None, None, -1) if upside_down else slice(None)
    bars = {ErrorbarContainer: HandlerErrorbar(xerr_size=1.1, yerr_size=0.55)}
    if handles:
        figure.legend(
            handles[order],
            labels[order],
            handler_map=bars,
            loc="outside lower left",
            ncols=2,
            fontsize=9.5,
            frameon=False,
        )


def plain_ticks(axis: Axis) -> None:
    """Of a logarithmic axis: 1, 2, 5, 10, …, as they are."""
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_locator(NullLocator())


def bars(found: Sequence[Interval]) -> tuple[list[float], list[float]]:
    """How far the intervals reach below and above their values."""
    return [max(0.0, each.value - each.low) for each in found], [max(0.0, each.high - each.value) for each in found]
