"""A network layer by layer as an SVG picture: a row for each layer, a bar for each of its costs."""

from collections.abc import Callable, Iterator
from html import escape

from nas.latency.anatomy import KINDS, Anatomy, Part
from nas.reading.plain import one_line
from nas.report.anatomy.table import grouped, shown, title
from nas.report.text import bytes_text, count_text

_COLOURS = dict(zip(KINDS, ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#8c8c8c"), strict=True))
_ROW, _TOP, _LABELS, _BAR, _GAP = 16, 86, 330, 130, 70

Column = tuple[str, Callable[[Part], float], Callable[[float], str]]


def anatomy_svg(found: Anatomy, name: str) -> str:
    """The picture; the bars of a column are on one scale."""
    columns = _columns(found)
    width = _LABELS + len(columns) * (_BAR + _GAP)
    height = _TOP + _ROW * len(found.parts) + 20
    body = [*_head(found, name, columns), *_rows(found, columns)]
    frame = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    style = 'font-family="sans-serif" font-size="11"'
    background = f'<rect width="{width}" height="{height}" fill="white"/>'
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" {frame} {style}>', background, *body, "</svg>"]
    return "\n".join(lines) + "\n"


def _columns(found: Anatomy) -> list[Column]:
    def at(index: int) -> Callable[[Part], float]:
        return lambda part: part.ms[index]

    return [
        ("MACs", lambda part: part.layer.macs, count_text),
        ("weights", lambda part: part.weight_bytes, bytes_text),
        ("activations", lambda part: part.activation_bytes, bytes_text),
        *((f"ms {each.label}", at(index), lambda ms: f"{ms:.3f}") for index, each in enumerate(found.devices)),
    ]


def _head(found: Anatomy, name: str, columns: list[Column]) -> Iterator[str]:
    yield _text(10, 20, title(found, name), 'font-size="13" font-weight="bold"')
    for number, (kind, colour) in enumerate(_COLOURS.items()):
        yield f'<rect x="{10 + 150 * number}" y="34" width="10" height="10" fill="{colour}"/>'
        yield _text(24 + 150 * number, 43, kind)
    for number, (heading, _, _) in enumerate(columns):
        yield _text(_left(number), _TOP - 14, heading, 'font-weight="bold"')


def _rows(found: Anatomy, columns: list[Column]) -> Iterator[str]:
    most = [max(value(part) for part in found.parts) or 1 for _, value, _ in columns]
    before = ""
    for number, (label, (part,)) in enumerate(grouped(found.parts, "layers")):
        y = _TOP + _ROW * number
        if label != before:
            yield f'<line x1="10" x2="{_left(len(columns))}" y1="{y - 2}" y2="{y - 2}" stroke="#e4e4e4"/>'
            yield _text(10, y + 10, label)
        before = label
        layer = part.layer
        yield _text(110, y + 10, f"{shown(layer)}  {layer.out_channels} x {layer.out_size} x {layer.out_size}")
        for column, (_, value, text) in enumerate(columns):
            amount, left = value(part), _left(column)
            length = _BAR * amount / most[column]
            yield f'<rect x="{left}" y="{y}" width="{length:.1f}" height="12" fill="{_COLOURS[part.kind]}"/>'
            if amount:
                yield _text(left + length + 4, y + 10, text(amount), 'fill="#555"')


def _left(column: int) -> int:
    return _LABELS + column * (_BAR + _GAP)


def _text(x: float, y: float, text: str, more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y}" {more}>{escape(one_line(text, 300))}</text>'
