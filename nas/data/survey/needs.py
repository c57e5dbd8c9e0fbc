"""What a search of the images would decode: the space that suits them, its pixels, the disk and the time."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nas.data.decode import LIMIT_BYTES, Item, decode
from nas.data.parts import Row
from nas.data.prepare import Description
from nas.errors import ConfigError
from nas.reading.files import read_text
from nas.reading.yaml_text import parse_yaml
from nas.resources import data_dir
from nas.spaces.load import load_space, space_for

_SAMPLED = 32
_MOST_BYTES = 100_000  # of a configuration


@dataclass(frozen=True, slots=True)
class Needs:
    """Of a search with the defaults of `nas.search`.

    `resolutions` are those of the networks of the space, `stored` the pixels at which the images are decoded and kept,
    in `disk_bytes`; `decode_seconds` are those of one core.
    """

    search_space: str
    networks: int
    native_resolution: int
    resolutions: tuple[int, ...]
    stored: tuple[int, ...]
    disk_bytes: int
    decode_seconds: float
    most_images: int
    """As many images of the largest size as may be kept."""


def needs_of(about: Description, row: Row, readable: Sequence[int]) -> Needs:
    """What the `readable` images of a row need; a few of them are decoded to learn the time.

    Raises:
        SpaceError: the space cannot be read.
    """
    name = space_for(about.native_resolution)
    space = load_space(name).with_data(about.channels, len(about.classes), about.native_resolution)
    largest = max(space.resolution)
    stored = tuple(sorted({min(pixels, largest, about.native_resolution) for pixels in (_proxy_pixels(), largest)}))
    each = about.channels * sum(pixels**2 for pixels in stored)
    sample = np.linspace(0, len(readable) - 1, min(_SAMPLED, len(readable))).round().astype(int).tolist()
    seconds = [_seconds(row.read(readable[i]), pixels, about.channels) for i in sample for pixels in stored]
    return Needs(
        search_space=name,
        networks=space.count().high,
        native_resolution=about.native_resolution,
        resolutions=tuple(space.resolution),
        stored=stored,
        disk_bytes=each * len(readable),
        decode_seconds=float(np.sum(seconds)) / max(1, len(sample)) * len(readable),
        most_images=LIMIT_BYTES // (about.channels * stored[-1] ** 2),
    )


def _seconds(item: Item, pixels: int, channels: int) -> float:
    started = time.perf_counter()
    decode(item, pixels, channels)
    return time.perf_counter() - started


def _proxy_pixels() -> int:
    """What the default proxy sees at a space's largest resolution."""
    path = data_dir("conf") / "proxy" / "short.yaml"
    values: dict[str, Any] = parse_yaml(read_text(path, ConfigError, _MOST_BYTES), path.name, ConfigError)
    return int(values["resolution"])
