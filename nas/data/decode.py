"""Any raster that Pillow opens -> uint8 pixels of one size.

Conventions: EXIF orientation is honoured; of an animation the first frame counts; transparency is laid
on white; grey is ITU-R 601 luma; a centre square is cut out and resized, bicubic (antialiased when
reducing). Deeper pixels are scaled to 8 bit, never clipped: 16-bit ones by their whole range, 32-bit
integers and floats by the smallest of the ranges 0..1, 0..255 and 0..65535 that holds the image, else
from the image's lowest to its highest value. Images over `LARGE` pixels are decoded one at a time in a process,
and those over `LARGEST` not at all.
"""

import errno
import os
import threading
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from nas.data.formats import open_image
from nas.errors import DataError
from nas.reading.words import cut, short

T = TypeVar("T")
Pixels = NDArray[np.uint8]
Item = Path | BinaryIO | Image.Image
"""An image: its file, an open file, or Pillow's."""

LIMIT_BYTES = 8 * 2**30
"""Of a decoded data set, which every worker maps; more is refused beforehand."""
LARGE = 8_000_000
LARGEST = 2 * (Image.MAX_IMAGE_PIXELS or 0)
"""Pillow opens no image of more pixels than this, 178,956,970."""
_THREADS = max(2, min(4, os.cpu_count() or 2))
_CHUNK, _CHUNK_BYTES = 64, 2**22
_STRIP = 4_000_000  # pixels of which the conversions hold several copies
_one_large = threading.Lock()


@dataclass(frozen=True, slots=True)
class Unread:
    """Why an image is left out, and its name with what Pillow says of it."""

    reason: str
    name: str


def decode(item: Item, resolution: int, channels: int) -> Pixels:
    """One image, uint8 C x R x R. Raises whatever Pillow raises on a file that is not a whole image."""
    if isinstance(item, Image.Image):
        return square(item, resolution, channels)
    with open_image(item) as image, _one_large if image.width * image.height > LARGE else nullcontext():
        # A JPEG is decoded at the fraction of its size that is still twice what is needed: much faster.
        image.draft(image.mode, (2 * resolution, 2 * resolution))
        ImageOps.exif_transpose(image, in_place=True)
        return square(image, resolution, channels)


def square(image: Image.Image, resolution: int, channels: int) -> Pixels:
    """The centre square of an image of any mode, uint8 C x R x R with C 1 (grey) or 3 (RGB)."""
    fitted = ImageOps.fit(_flat(image, "L" if channels == 1 else "RGB"), (resolution, resolution), _FILTER)
    pixels: Pixels = np.asarray(fitted, dtype=np.uint8).reshape(resolution, resolution, channels)
    return pixels.transpose(2, 0, 1)


_FILTER = Image.Resampling.BICUBIC


def _flat(image: Image.Image, mode: str) -> Image.Image:
    """The image in 8 bits, on white, as `mode`; a large one strip by strip, to hold few copies of it."""
    if image.mode == mode and not image.has_transparency_data:
        return image
    low, high = _range(image)
    rows = max(1, _STRIP // image.width)
    if image.height <= rows:
        return _opaque(_eight_bit(image, low, high)).convert(mode)
    flat = Image.new(mode, image.size)
    for top, strip in _strips(image, rows):
        flat.paste(_opaque(_eight_bit(strip, low, high)).convert(mode), (0, top))
    return flat


def _strips(image: Image.Image, rows: int) -> Iterator[tuple[int, Image.Image]]:
    """The image in parts of at most `rows` rows, each with its first row."""
    for top in range(0, image.height, rows):
        yield top, image.crop((0, top, image.width, min(top + rows, image.height)))


def _range(image: Image.Image) -> tuple[float, float]:
    """What becomes 0 and 255 of an image of more than 8 bits; nothing where it has no more."""
    if not _deep(image) or image.mode.startswith("I;16"):
        return 0.0, 65535.0
    lows, highs = list[float](), list[float]()
    for _, strip in _strips(image, max(1, _STRIP // image.width)):
        values = np.asarray(strip)
        if (finite := values[np.isfinite(values)]).size:
            lows.append(float(finite.min()))
            highs.append(float(finite.max()))
    low, high = min(lows, default=0.0), max(highs, default=0.0)
    if low >= 0 and high <= 65535:
        return 0.0, next(top for top in (1.0, 255.0, 65535.0) if high <= top)
    return low, high


def _deep(image: Image.Image) -> bool:
    return image.mode == "F" or image.mode.startswith("I")


def _eight_bit(image: Image.Image, low: float, high: float) -> Image.Image:
    """`image` with `low` to `high` as 0 to 255 where it is deeper; what is no number counts as `low`."""
    if not _deep(image):
        return image
    values = np.nan_to_num(np.asarray(image, dtype=np.float64), nan=low, posinf=high, neginf=low)
    scaled = (values - low) * (255 / (high - low)) if high > low else np.zeros_like(values)
    return Image.fromarray(np.rint(scaled).astype(np.uint8))


def _opaque(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))


def decode_all(
    count: int, read: Callable[[int], Item], name: Callable[[int, Item | None], str], resolution: int, channels: int
) -> Generator[Pixels | Unread, None, None]:
    """Each of `count` images in order, uint8 C x R x R, or why it is left out; few are held at a time.

    `read` and `name` are called from several threads; `name` gets what `read` gave, None where it failed.

    Raises:
        DataError: the pixels would be too many, or the machine, not the file, is why an image cannot be read.
    """
    _check_size(count, resolution, channels)

    def decoded(i: int) -> Pixels | Unread:
        return attempt(i, read, name, lambda item: decode(item, resolution, channels))

    yield from in_order(count, decoded, max(1, min(_CHUNK, _CHUNK_BYTES // (channels * resolution**2))))


def in_order(count: int, look: Callable[[int], T], chunk: int = _CHUNK) -> Generator[T, None, None]:
    """`look(i)` of `count` images in order, from several threads by chunks of which few are held at a time."""

    def look_at_chunk(start: int) -> list[T]:
        return [look(i) for i in range(start, min(start + chunk, count))]

    waiting: deque[Future[list[T]]] = deque()
    # A broken tag makes Pillow warn, and says nothing about the pixels.
    with warnings.catch_warnings(), ThreadPoolExecutor(_THREADS) as pool:
        warnings.filterwarnings("ignore", module=r"PIL\.")
        try:
            for start in range(0, count, chunk):
                waiting.append(pool.submit(look_at_chunk, start))
                if len(waiting) > 2 * _THREADS:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def attempt(
    i: int, read: Callable[[int], Item], name: Callable[[int, Item | None], str], look: Callable[[Item], T]
) -> T | Unread:
    """What `look` makes of image `i`, or why it is left out; `name` gets what `read` gave, None where it failed.

    Raises:
        DataError: the machine, not the file, is why it cannot be read.
    """
    item = None
    try:
        item = read(i)
        return look(item)
    except Image.DecompressionBombError:
        return Unread(f"over {LARGEST // 10**6} megapixels", name(i, item))
    except Exception as error:  # Pillow's plugins raise any type on broken bytes; it is kept as the reason
        if passing := _passing(error):
            raise DataError(f"cannot read the image {short(name(i, item), 200)}: {passing}") from error
        return Unread("unreadable", f"{name(i, item)} ({_reason(error)})")


def _passing(error: Exception) -> str | None:
    """What is wrong with the machine where an image cannot be read; None where it is the file."""
    if isinstance(error, MemoryError):
        return "memory is short; free some, or remove the image"
    if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):  # an offset in a broken file: EINVAL
        return f"{error.strerror}; mend that, or remove the image"
    return None


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "cannot identify image file"
    text = cut(str(error), 120)
    if text and isinstance(error, OSError | ValueError | SyntaxError):  # Pillow's own, in whole sentences
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _check_size(count: int, resolution: int, channels: int) -> None:
    each = channels * resolution**2
    if count * each > LIMIT_BYTES:
        size, limit = count * each / 2**30, LIMIT_BYTES / 2**30
        raise DataError(
            f"{count} images of {channels}x{resolution}x{resolution} take {size:.1f} GiB, more than {limit:.0f} GiB;"
            f" set data.limit={LIMIT_BYTES // each} or less, or a lower resolution"
        )


def short_sides(read: Callable[[int], Item], indices: Iterable[int]) -> list[int]:
    """Shorter side in pixels of every image whose header can be read; the pixels are not decoded."""
    sides = []
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        for i in indices:
            try:
                item = read(i)
                with item if isinstance(item, Image.Image) else open_image(item) as image:
                    sides.append(min(image.size))
            except Exception:  # any type, as above; decode_all names the file and the reason
                continue
    return sides
