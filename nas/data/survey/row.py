"""Images side by side in one picture."""

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 64
"""Pixels of a square: a multiple of JPEG's blocks, so that no image bleeds into the next."""


def row_of_images(pixels: Sequence[NDArray[np.uint8]]) -> bytes:
    """Images C x R x R, at least one, in a row of squares of `SIDE` pixels, as a JPEG: some 2 kB each."""
    mode = "L" if pixels[0].shape[0] == 1 else "RGB"
    sheet = Image.new(mode, (SIDE * len(pixels), SIDE))
    for index, each in enumerate(pixels):
        array = np.ascontiguousarray(each[0] if mode == "L" else each.transpose(1, 2, 0))
        scale = Image.Resampling.NEAREST if each.shape[-1] < SIDE else Image.Resampling.BICUBIC
        sheet.paste(Image.fromarray(array).resize((SIDE, SIDE), scale), (SIDE * index, 0))
    content = io.BytesIO()
    sheet.save(content, "JPEG", quality=75, subsampling=0)
    return content.getvalue()
