"""One look at one image: its format and size, and what tells its copies."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import imagehash
import numpy as np
from PIL import Image

from nas.data.decode import Item, decode
from nas.data.formats import open_image

SIDE = 16
"""Pixels of a thumbnail by which near copies are compared."""

_HASHED = 32  # pixels that the perceptual hash looks at


@dataclass(frozen=True, slots=True)
class Seen:
    """An image that could be read whole.

    `digest` (16 bytes) is the same for files of the same bytes, `perceptual` (64 bits) nearly the same for copies of
    another size or compression, `thumbnail` the centre square, grey, of `SIDE` x `SIDE` bytes.
    """

    form: str
    mode: str
    sides: tuple[int, int]
    size_bytes: int
    digest: bytes
    perceptual: int
    thumbnail: bytes


def look(item: Item) -> Seen:
    """Read an image whole. Raises whatever Pillow raises on a file that is none."""
    if isinstance(item, Image.Image):
        form, mode, size = "pixels", item.mode, item.size
        content = item.tobytes()
        digest, size_bytes = _digest(mode.encode() + repr(size).encode() + content), len(content)
    else:
        image = open_image(item)
        form, mode, size = image.format or "unknown", image.mode, image.size
        if isinstance(item, Path):
            image.close()
            with item.open("rb") as file:
                digest = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).digest()
                size_bytes = file.tell()
        else:
            item.seek(0)
            content = item.read()
            digest, size_bytes = _digest(content), len(content)
    square = Image.fromarray(decode(item, _HASHED, 1)[0])
    bits = np.packbits(imagehash.phash(square).hash)
    thumbnail = square.resize((SIDE, SIDE), Image.Resampling.BOX).tobytes()
    return Seen(form, mode, (min(size), max(size)), size_bytes, digest, int.from_bytes(bits.tobytes()), thumbnail)


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=16).digest()
