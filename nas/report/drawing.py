"""What every figure looks like: colours, axes, title and legend, built without pyplot, so nothing global is touched.

Colours are Okabe and Ito's, which colour-blind readers can tell apart; shapes repeat what colours say.
"""

import io
import warnings
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.legend_handler import HandlerErrorbar
from matplotlib.text import Text

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
GREY = "#8c8c8c"
DPI = 150
_LINES, _LETTERS = 3, 76  # of a text: as much as a title has room for


def new_figure(size: tuple[float, float], columns: int = 1) -> tuple[Figure, Axes]:
    """A figure of one pair of axes, or of several `columns` that share what is upright; `size` in inches.

    Given are the first axes; all are `figure.axes`.
    """
    figure = Figure(figsize=size, dpi=DPI, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    for axes in figure.subplots(1, columns, sharey=True, squeeze=False).flat:
        axes.grid(color="#e4e4e4", linewidth=0.8)
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
        color="#555555",
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
