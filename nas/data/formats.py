"""Which files are images: the rasters that Pillow reads, and nothing that it hands to another program.

The formats and their extensions are those of Pillow's own registry, and HEIF where pillow-heif is installed.
"""

import importlib
import os
import re
import stat
import warnings
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import BinaryIO

from PIL import Image

_REFUSED = frozenset({"EPS", "WMF", "IPTC", "BUFR", "GRIB", "HDF5", "MPEG"})
"""Drawn by Ghostscript or Windows, holding a file of any format, or identified and not decoded."""

_NEEDS = dict.fromkeys((".heic", ".heif", ".heics", ".heifs", ".hif"), "pip install pillow-heif")
_EXTENSION = re.compile(r"\.(?=[a-z0-9]*[a-z])[a-z0-9]{1,5}$")


@cache
def _registry() -> dict[str, frozenset[str]]:
    """Extensions by format."""
    Image.init()
    with suppress(ImportError):  # without it its files are left out, and the line about them names the package
        importlib.import_module("pillow_heif").register_heif_opener()
    found = {name: frozenset(end for end, each in Image.EXTENSION.items() if each == name) for name in Image.OPEN}
    found["JPEG"] |= {".mpo"}  # opened as JPEG
    return {name: ends for name, ends in found.items() if name not in _REFUSED and (ends or Image.OPEN[name][1])}


@cache
def _formats(signed: bool) -> tuple[str, ...]:
    """Names of the formats; with `signed`, of those alone that are known by how their files begin."""
    return tuple(name for name in _registry() if Image.OPEN[name][1] or not signed)


@cache
def _extensions() -> frozenset[str]:
    return frozenset[str]().union(*_registry().values())


def open_image(item: Path | BinaryIO) -> Image.Image:
    """The image in a file, of which only the header has been read. Raises whatever Pillow raises, ValueError for a
    pipe, device, folder or empty file, and OSError.
    """
    return _open(item, signed=False)


def _open(item: Path | BinaryIO, signed: bool) -> Image.Image:
    if isinstance(item, Path):
        found = item.stat()
        if not stat.S_ISREG(found.st_mode):
            raise ValueError("no regular file")
        if not found.st_size:
            raise ValueError("empty file")
    image = Image.open(item, formats=_formats(signed))
    if any("gzip" in tile[0] for tile in getattr(image, "tile", ())):
        raise ValueError(f"compressed {image.format}")  # decompressed whole by Pillow, whatever comes of it
    return image


def why_no_image(path: Path) -> str | None:
    """Why a file is not taken for an image, by its extension or, where it has none, by its content; None: it is one."""
    match = _EXTENSION.search(path.name.lower())
    if match is None:
        return None if _begins_like_one(path) else "no image"
    extension = match[0]
    if extension in _extensions():
        return None
    return f"{extension} ({_NEEDS[extension]})" if extension in _NEEDS else extension


def _begins_like_one(path: Path) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            _open(path, signed=True).close()
        except (Image.DecompressionBombError, PermissionError):  # decoding says what is wrong with it
            return True
        except Exception:  # Pillow's plugins raise any type on bytes that are not theirs
            return False
    return True


def readable(name: str | os.PathLike[str]) -> str:
    """A file name as text, bytes that are not UTF-8 as backslash, x and two digits."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")
