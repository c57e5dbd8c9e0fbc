"""From a source's catalogue to three splits of uint8 arrays, decoded once and shared from disk."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from nas.data.catalogue import Catalogue
from nas.data.decode import decode_all, short_sides
from nas.data.images import SPLITS, Images, Split, open_saved, save
from nas.data.parts import split_catalogue
from nas.data.settings import RESOLUTIONS, DataSettings, check_int
from nas.data.sources import SOURCES
from nas.errors import DataError, RunError

MIN_NATIVE_RESOLUTION = 64  # a network that downsamples 32 times has 2 x 2 pixels left of this
AUGMENTATION = ("flip", "shift", "mixup", "randaugment")  # changes no stored pixel
_SAMPLED = 1000  # headers read to find the native resolution


@dataclass(frozen=True, slots=True)
class Description:
    """What a network needs to know of a data set, without a single image decoded."""

    channels: int
    classes: tuple[str, ...]
    native_resolution: int


def describe(settings: DataSettings) -> Description:
    """Channels, classes and native resolution, read from labels and image headers alone.

    Raises:
        DataError: the source is missing or inconsistent.
    """
    return _describe(SOURCES[settings.source].read(settings), settings)


def _describe(catalogue: Catalogue, settings: DataSettings) -> Description:
    native = settings.native_resolution or catalogue.native_resolution or _measured(catalogue)
    return Description(settings.channels or catalogue.channels, catalogue.classes, native)


def _measured(catalogue: Catalogue) -> int:
    """The median short side in pixels of the train images, at least `MIN_NATIVE_RESOLUTION`."""
    read, count = catalogue.open(), len(catalogue.labels["train"])
    sides = short_sides(lambda i: read("train", i), range(0, count, -(-count // _SAMPLED)))
    return max(MIN_NATIVE_RESOLUTION, int(np.median(sides))) if sides else MIN_NATIVE_RESOLUTION


def prepare(settings: DataSettings, seed: int, resolution: int | None, folder: Path) -> Images:
    """The images at `resolution` pixels (none: their native resolution), decoded once and saved as `folder`.

    What is saved there is used again, unless the settings, the seed, the resolution, or a file (added,
    removed, other size or time) has changed; then it is replaced. Other processes may `open_saved(folder)`.

    Raises:
        DataError: the source is missing, inconsistent or unreadable.
        RunError: `folder` cannot be written, or holds something else.
    """
    if resolution is not None:
        check_int("resolution", resolution, *RESOLUTIONS)
    check_int("seed", seed, 0, 2**63 - 1)
    catalogue = SOURCES[settings.source].read(settings)
    stored = asdict(settings) | dict.fromkeys(AUGMENTATION)
    fingerprint = _digest([stored, seed, resolution, list(catalogue.stamps())])
    try:
        return open_saved(folder, fingerprint)
    except DataError:  # not there, of something else, or broken: made now
        images = _read(catalogue, settings, seed, resolution)
    try:
        save(images, folder, fingerprint)
        return open_saved(folder, fingerprint)
    except OSError as error:
        raise RunError(f"cannot save the images in {str(folder)!r}: {error.strerror or error}") from error


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _read(catalogue: Catalogue, settings: DataSettings, seed: int, resolution: int | None) -> Images:
    about, parts = _describe(catalogue, settings), split_catalogue(catalogue, settings, seed)
    places = [(part.origin, int(i)) for part in (parts[name] for name in SPLITS) for i in part.indices]
    read = catalogue.open()
    size = resolution or about.native_resolution

    def name(n: int) -> str:
        return f"{places[n][0]} image {places[n][1]} of {catalogue.name}"

    pixels, kept, left_out = decode_all(len(places), lambda n: read(*places[n]), name, size, about.channels)
    labels = np.concatenate([parts[name].labels for name in SPLITS])[kept]
    bounds = np.searchsorted(kept, np.cumsum([len(parts[name].labels) for name in SPLITS[:-1]]))
    pairs = zip(np.split(pixels, bounds), np.split(labels, bounds), strict=True)
    train, val, test = (Split(*pair) for pair in pairs)
    for label in sorted(set(range(len(about.classes))) - set(train.labels.tolist())):
        reason = f"class {about.classes[label]!r} of {catalogue.name!r} has no readable image in train"
        raise DataError(f"{reason}; add images, remove the class, or raise data.limit")
    return Images(train, val, test, about.classes, about.channels, about.native_resolution, left_out)
