"""Any image Pillow opens -> uint8 pixels of one size.

Conventions: EXIF orientation is honoured; of an animation the first frame counts; transparency is laid
on white; grey is ITU-R 601 luma; a centre square is cut out and resized, bicubic (antialiased when
reducing). Deeper pixels are scaled to 8 bit, never clipped: 16-bit ones by their whole range, 32-bit
integers and floats by the smallest of the ranges 0..1, 0..255 and 0..65535 that holds the image, else
from the image's lowest to its highest value.
"""

import os
import warnings
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from nas.data.left_out import by_reason
from nas.errors import DataError
from nas.results.front import LeftOut

Pixels = NDArray[np.uint8]
Item = Path | BinaryIO | Image.Image
"""An image: its file, an open file, or Pillow's."""

MEMORY_LIMIT_BYTES = 8 * 2**30  # a data set is decoded in memory once; more than this is refused beforehand
UNREADABLE_LIMIT = 0.5
_THREADS = max(2, min(4, os.cpu_count() or 2))
_CHUNK = 64


def decode(item: Item, resolution: int, channels: int) -> Pixels:
    """One image, uint8 C x R x R. Raises whatever Pillow raises on a file that is not a whole image."""
    if isinstance(item, Image.Image):
        return square(item, resolution, channels)
    with Image.open(item) as image:
        # A JPEG is decoded at the fraction of its size that is still twice what is needed: much faster.
        image.draft(image.mode, (2 * resolution, 2 * resolution))
        return square(ImageOps.exif_transpose(image), resolution, channels)


def square(image: Image.Image, resolution: int, channels: int) -> Pixels:
    """The centre square of an image of any mode, uint8 C x R x R with C 1 (grey) or 3 (RGB)."""
    flat = _opaque(_eight_bit(image)).convert("L" if channels == 1 else "RGB")
    fitted = ImageOps.fit(flat, (resolution, resolution), Image.Resampling.BICUBIC)
    pixels: Pixels = np.asarray(fitted, dtype=np.uint8).reshape(resolution, resolution, channels)
    return pixels.transpose(2, 0, 1)


def _eight_bit(image: Image.Image) -> Image.Image:
    if image.mode != "F" and not image.mode.startswith("I"):
        return image
    values = np.nan_to_num(np.asarray(image, dtype=np.float64))
    low, high = float(values.min()), float(values.max())
    if image.mode.startswith("I;16"):
        low, high = 0.0, 65535.0
    elif low >= 0 and high <= 65535:
        low, high = 0.0, next(top for top in (1.0, 255.0, 65535.0) if high <= top)
    scaled = (values - low) * (255 / (high - low)) if high > low else np.zeros_like(values)
    return Image.fromarray(np.rint(scaled).astype(np.uint8))


def _opaque(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))


def decode_all(
    count: int, read: Callable[[int], Item], name: Callable[[int], str], resolution: int, channels: int
) -> tuple[Pixels, NDArray[np.int64], tuple[LeftOut, ...]]:
    """Pixels (uint8, K x C x R x R) of the K readable ones of `count` images, their indices, and the others by name.

    `read` is called from several threads. A file is named by its path, anything else by `name`.

    Raises:
        DataError: more than half of the images cannot be read, or the pixels would not fit in memory.
    """
    _check_memory(count, resolution, channels)
    pixels = np.empty((count, channels, resolution, resolution), dtype=np.uint8)

    def decode_chunk(start: int) -> list[tuple[int, str]]:
        failed = []
        for i in range(start, min(start + _CHUNK, count)):
            item = None
            try:
                item = read(i)
                pixels[i] = decode(item, resolution, channels)
            except Exception as error:  # Pillow's plugins raise any type on broken bytes; it is kept as the reason
                title = str(item) if isinstance(item, Path) else name(i)
                failed.append((i, f"{title} ({_reason(error)})"))
        return failed

    # A broken tag makes Pillow warn, and says nothing about the pixels.
    with warnings.catch_warnings(), ThreadPoolExecutor(_THREADS) as pool:
        warnings.filterwarnings("ignore", module=r"PIL\.")
        failed = dict(chain.from_iterable(pool.map(decode_chunk, range(0, count, _CHUNK))))
    if len(failed) > UNREADABLE_LIMIT * count:
        raise DataError(f"{len(failed)} of {count} images cannot be read, the first is {next(iter(failed.values()))}")
    kept = np.array([i for i in range(count) if i not in failed], dtype=np.int64)
    return (pixels[kept] if failed else pixels), kept, by_reason(("unreadable", each) for each in failed.values())


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _check_memory(count: int, resolution: int, channels: int) -> None:
    each = channels * resolution**2
    if count * each > MEMORY_LIMIT_BYTES:
        size, limit = count * each / 2**30, MEMORY_LIMIT_BYTES / 2**30
        raise DataError(
            f"{count} images of {channels}x{resolution}x{resolution} take {size:.1f} GiB, more than {limit:.0f} GiB;"
            f" set data.limit={MEMORY_LIMIT_BYTES // each} or less, or a lower resolution"
        )


def short_sides(read: Callable[[int], Item], indices: Iterable[int]) -> list[int]:
    """Shorter side in pixels of every image whose header can be read; the pixels are not decoded."""
    sides = []
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        for i in indices:
            try:
                item = read(i)
                with item if isinstance(item, Image.Image) else Image.open(item) as image:
                    sides.append(min(image.size))
            except Exception:  # any type, as above; decode_all names the file and the reason
                continue
    return sides
