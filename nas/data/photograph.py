"""A photograph as a network sees it: by the rules that its training images went through."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps
from torch import Tensor

from nas.data.batches import normalise, resize
from nas.data.decode import Item, Unread, decode_all
from nas.errors import DataError
from nas.reading.words import cut, short

Photograph = str | Path | Image.Image | NDArray[np.uint8]
"""A file; an image as Pillow has it; or its pixels, uint8 H x W (grey), H x W x 3 (RGB) or H x W x 4."""


def photograph(image: Photograph, how: Mapping[str, Any]) -> Tensor:
    """One image of any size as a network takes it, float32 1 x C x R x R; `how` is `ImageData.preprocessing` of that.

    A file is read as those of data are: a JPEG is decoded at a fraction of its size where that suffices. Opened by
    Pillow beforehand it is not, and its pixels may differ from that a little.

    Raises:
        DataError: it is no image, or cannot be read.
    """
    item, name = _item(image)
    (found,) = decode_all(1, lambda _: item, lambda *_: name, how["decoded_at"], how["channels"])
    if isinstance(found, Unread):
        raise DataError(f"cannot read the image {cut(found.name, 300)}: {found.reason}")
    pixels = torch.from_numpy(np.array(found))[None]
    return resize(normalise(pixels, tuple(how["mean"]), tuple(how["std"])), how["resolution"])


def _item(image: Photograph) -> tuple[Item, str]:
    """What `decode` takes, and what the image is called in a message."""
    if isinstance(image, str | Path):
        path = Path(image).expanduser()
        if not path.is_file():
            raise DataError(f"there is no image {short(str(image), 200)}; give the path of a file")
        return path, str(path)
    if isinstance(image, Image.Image):
        return ImageOps.exif_transpose(image), "given"
    try:
        return Image.fromarray(image), "given"
    except (AttributeError, TypeError, ValueError):
        raise DataError(
            f"an image is a path, an image of Pillow, or uint8 pixels H x W or H x W x 3, got {_shape(image)}"
        ) from None


def _shape(value: object) -> str:
    shape = getattr(value, "shape", None)
    return short(value) if shape is None else f"{type(value).__name__} of {getattr(value, 'dtype', '?')} {tuple(shape)}"
