"""The drawing of a network: a slab for each block, as high as its output is, as wide as it has channels.

The darker a slab, the larger its share of the predicted milliseconds, or, without any, of the multiply-accumulates.
"""

from collections.abc import Sequence
from html import escape
from itertools import groupby

from nas.latency.anatomy import Anatomy, Part
from nas.report.anatomy.table import grouped, words

_HEIGHT, _BASE, _GAP = 96, 112, 10
_NARROW, _WIDE = 5, 22


def stages_svg(found: Anatomy) -> str:
    """The drawing as inline SVG, in the colours of the page; each slab says what it is when pointed at."""
    blocks = [(label, list(parts)) for label, parts in grouped(found.parts, "blocks")]
    weights = [_weight(parts) for _, parts in blocks]
    most = max(weights) or 1.0
    widest = max(parts[-1].layer.out_channels for _, parts in blocks)
    largest = max(parts[-1].layer.out_size for _, parts in blocks)
    body, x = list[str](), 4.0
    for name, inside in groupby(zip(blocks, weights, strict=True), lambda each: each[0][0].partition(".")[0]):
        left = x
        for (label, parts), weight in inside:
            last = parts[-1].layer
            width = _NARROW + (_WIDE - _NARROW) * (last.out_channels / widest) ** 0.5
            height = max(4.0, _HEIGHT * last.out_size / largest)
            share = f"{100 * weight / sum(weights):.0f} % of the {'milliseconds' if found.devices else 'MACs'}"
            text = f"{label}: {words(parts)}, {last.out_channels} x {last.out_size} x {last.out_size}, {share}"
            body.append(_slab(x, width, height, 0.18 + 0.82 * weight / most, text))
            x += width + 2
        size = parts[-1].layer.out_size
        middle = (left + x - 2) / 2
        body.append(_label(middle, _BASE + 13, name.removeprefix("stage")))
        if size > 1:
            body.append(_label(middle, _BASE + 26, f"{size}²", "soft"))
        x += max(_GAP, 18 - (x - left))
    width = max(x, 160)
    return (
        f'<svg class="stages" style="max-width: {1.3 * width:.0f}px" viewBox="0 0 {width:.0f} {_BASE + 32}" role="img" '
        f'aria-label="The blocks of the network from input to output">{"".join(body)}</svg>'
    )


def _weight(parts: Sequence[Part]) -> float:
    return sum(part.ms[0] if part.ms else float(part.layer.macs) for part in parts)


def _slab(x: float, width: float, height: float, strength: float, text: str) -> str:
    place = f'x="{x:.1f}" y="{_BASE - height:.1f}" width="{width:.1f}" height="{height:.1f}"'
    return f'<rect {place} rx="1.5" fill-opacity="{strength:.2f}"><title>{escape(text)}</title></rect>'


def _label(x: float, y: float, text: str, kind: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y}" class="{kind}">{escape(text)}</text>'
