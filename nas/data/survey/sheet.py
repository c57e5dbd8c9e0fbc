"""Pictures of the images: a few of each class, as small squares, on one sheet."""

import io
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from nas.data.decode import Pixels, decode
from nas.data.images import SPLITS
from nas.data.survey.survey import Looked
from nas.reading.words import cut

SIDE = 72
"""Pixels of a square."""

PER_CLASS, MOST_CLASSES = 8, 60
_MARGIN, _NAMES = 6, 150
_FONTS = ("DejaVuSans.ttf", "Arial.ttf", "LiberationSans-Regular.ttf")  # of more letters than Pillow's own


@dataclass(frozen=True, slots=True, eq=False)
class SheetRow:
    """A class with its number of images, and a few of them, uint8 3 x SIDE x SIDE."""

    label: str
    count: int
    squares: tuple[Pixels, ...]


def sheet_rows(looked: Looked) -> list[SheetRow]:
    """A row for each class, of at most `MOST_CLASSES`: training images at equal distances."""
    rows = []
    for label, name in enumerate(looked.about.classes[:MOST_CLASSES]):
        of_class = looked.readable & (looked.labels == label)
        train = np.flatnonzero(of_class & (looked.splits == SPLITS.index("train")))
        chosen = train[np.linspace(0, len(train) - 1, min(PER_CLASS, len(train))).round().astype(int)]
        rows.append(SheetRow(name, int(of_class.sum()), tuple(squares(looked, chosen.tolist()))))
    return rows


def squares(looked: Looked, places: Iterable[int]) -> list[Pixels]:
    """The images in these places of the row, uint8 3 x SIDE x SIDE."""
    return [decode(looked.row.read(place), SIDE, 3) for place in places]


def jpeg(square: Pixels) -> bytes:
    """A square as a file of a few kilobytes."""
    content = io.BytesIO()
    Image.fromarray(square.transpose(1, 2, 0)).save(content, "JPEG", quality=80)
    return content.getvalue()


def sheet_png(rows: Sequence[SheetRow]) -> bytes:
    """The rows as one picture, the names of the classes on the left."""
    step = SIDE + _MARGIN
    sheet = Image.new("RGB", (_NAMES + PER_CLASS * step, _MARGIN + len(rows) * step), "white")
    draw, font = ImageDraw.Draw(sheet), _font(14)
    for number, row in enumerate(rows):
        top = _MARGIN + number * step
        draw.text((_MARGIN, top + SIDE // 2 - 18), f"{cut(row.label, 18)}\n{row.count}", "black", font)
        for place, square in enumerate(row.squares):
            sheet.paste(Image.fromarray(square.transpose(1, 2, 0)), (_NAMES + place * step, top))
    content = io.BytesIO()
    sheet.save(content, "PNG")
    return content.getvalue()


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    for name in _FONTS:
        with suppress(OSError):
            return ImageFont.truetype(name, size)
    return ImageFont.load_default(size)
