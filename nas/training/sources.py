"""Where labelled images come from: `data=digits` and `data=imagefolder`, as uint8 arrays in three splits.

The test split is for the final confirmation alone; val is what a search looks at. A split that the
source lacks is carved from train: stratified, and the same for the same seed. numpy, Pillow and
scikit-learn only, so that reading data never waits for torch.
"""

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nas.errors import ConfigError, DataError, RunError
from nas.resources import names
from nas.training.decode import decode_files, short_sides, square
from nas.training.folders import Files, Listing, list_images
from nas.training.images import SPLITS, Images, Split, open_saved, save
from nas.training.splits import carve, choose

__all__ = [
    "SOURCES",
    "DataSettings",
    "Images",
    "describe",
    "load_digits_images",
    "open_saved",
    "prepare",
    "save",
    "split_files",
]

MIN_NATIVE_RESOLUTION = 64  # a network that downsamples 32 times has 2 x 2 pixels left of this
DIGITS_RESOLUTION = 32  # scans of 8 x 8 hold no more
RESOLUTIONS = (8, 1024)
_SAMPLED = 1000  # headers read to find the native resolution


@dataclass(frozen=True, slots=True)
class DataSettings:
    """Which images to read, how to split them, and how to augment them in training."""

    source: str = "digits"
    """digits: scikit-learn's 1797 scans, embedded. imagefolder: a folder of class folders, see `path`."""
    path: str | None = None
    """The folder of data=imagefolder: <class>/<image>, or train/<class>/<image> with val/ and test/ beside it."""
    channels: int | None = None
    """1 (grey) or 3 (RGB); none means 1 for digits and 3 for imagefolder."""
    val_fraction: float = 0.15
    """Share of the images carved for validation where the source has no validation split."""
    test_fraction: float = 0.15
    """Share of the images carved for the test where the source has no test split."""
    limit: int | None = None
    """At most so many images of the train folder, before val and test are carved from them; a val or test
    folder of its own is cut to `limit` times its fraction. Stratified; only what is chosen is decoded."""
    flip: bool = False
    """Flip training images left to right at random."""
    shift: int = 0
    """Shift training images by up to so many pixels at random, each way."""
    native_resolution: int | None = None
    """Size in pixels for full training; none means the median short side of the images, at least 64
    (32 for digits)."""

    def __post_init__(self) -> None:
        if self.source not in SOURCES:
            raise ConfigError(f"unknown data source {self.source!r}; known: {names(SOURCES)}")
        if self.source == "imagefolder" and not self.path:
            raise ConfigError("data=imagefolder needs data.path=FOLDER, a folder with one folder per class")
        if self.source != "imagefolder" and self.path is not None:
            raise ConfigError(f"data.path is for data=imagefolder, got {self.path!r} with data={self.source}")
        if self.channels not in (None, 1, 3):
            raise ConfigError(f"data.channels must be 1 (grey) or 3 (RGB), got {self.channels!r}")
        for key in ("val_fraction", "test_fraction"):
            value = getattr(self, key)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1:
                raise ConfigError(f"data.{key} must be a number between 0 and 1, got {value!r}")
        if self.val_fraction + self.test_fraction >= 1:
            total = f"{self.val_fraction} + {self.test_fraction}"
            raise ConfigError(f"data.val_fraction and data.test_fraction must leave images to train on, got {total}")
        if not isinstance(self.flip, bool):
            raise ConfigError(f"data.flip must be true or false, got {self.flip!r}")
        _check_int("data.shift", self.shift, 0, RESOLUTIONS[1])
        if self.limit is not None:
            _check_int("data.limit", self.limit, 2, 10**9)
        if self.native_resolution is not None:
            _check_int("data.native_resolution", self.native_resolution, *RESOLUTIONS)


def _check_int(key: str, value: object, low: int, high: int) -> None:
    if type(value) is not int or not low <= value <= high:
        raise ConfigError(f"{key} must be a whole number from {low} to {high}, got {value!r}")


def load_digits_images() -> tuple[NDArray[np.uint8], NDArray[np.int64], tuple[str, ...]]:
    """scikit-learn's digits: pixels (uint8, 1797 x 8 x 8, grey 0..255), labels, classes "0" to "9".

    Real scans of handwriting, https://archive.ics.uci.edu/dataset/80, shipped with scikit-learn.
    """
    from sklearn.datasets import load_digits  # half a second that imagefolder need not pay

    scans, labels = load_digits(return_X_y=True)
    pixels = np.rint(scans * (255 / 16)).astype(np.uint8).reshape(-1, 8, 8)  # grey levels are 0..16
    return pixels, labels.astype(np.int64), tuple(str(digit) for digit in range(10))


def _read_digits(settings: DataSettings, seed: int, resolution: int | None) -> Images:
    scans, labels, classes = load_digits_images()
    about = _describe_digits(settings)
    size, channels = resolution or about.native_resolution, about.channels

    def split(chosen: NDArray[np.int64]) -> Split:
        return Split(np.stack([square(Image.fromarray(scans[i]), size, channels) for i in chosen]), labels[chosen])

    chosen = _choose(labels, len(classes), settings.limit, seed)
    parts = carve(labels[chosen], (settings.val_fraction, settings.test_fraction), _rng(seed, "train"))
    train, val, test = (split(chosen[part]) for part in parts)
    return Images(train, val, test, classes, channels, about.native_resolution)


def _read_folder(settings: DataSettings, seed: int, resolution: int | None) -> Images:
    listing = _listing(settings)
    files = split_files(listing, settings, seed)
    about = _describe_folder(settings)
    native, channels = about.native_resolution, about.channels
    paths = [path for name in SPLITS for path in files[name].paths]
    pixels, kept, skipped = decode_files(paths, resolution or native, channels)
    labels = np.concatenate([files[name].labels for name in SPLITS])[kept]
    bounds = np.searchsorted(kept, np.cumsum([len(files[name].paths) for name in SPLITS[:-1]]))
    pairs = zip(np.split(pixels, bounds), np.split(labels, bounds), strict=True)
    train, val, test = (Split(*pair) for pair in pairs)
    for label in sorted(set(range(len(listing.classes))) - set(train.labels.tolist())):
        reason = f"class {listing.classes[label]!r} of {settings.path!r} has no readable image in train"
        raise DataError(f"{reason}; add images, remove the class, or raise data.limit")
    return Images(train, val, test, listing.classes, channels, native, skipped)


def split_files(listing: Listing, settings: DataSettings, seed: int) -> dict[str, Files]:
    """The files of train, val and test after `settings.limit`, with the splits that have no folder carved.

    Raises:
        DataError: there are too few images to carve from, or the limit is below the number of classes.
    """
    fractions = {"val": settings.val_fraction, "test": settings.test_fraction}
    chosen = {}
    for name, files in listing.splits.items():
        limit = settings.limit
        if limit is not None and name in fractions:
            limit = max(len(listing.classes), round(limit * fractions[name]))
        chosen[name] = _take(files, _choose(files.labels, len(listing.classes), limit, seed, name))
    missing = [name for name in fractions if name not in chosen]
    pool = chosen["train"]
    parts = carve(pool.labels, [fractions[name] for name in missing], _rng(seed, "train"))
    for name, part in zip(["train", *missing], parts, strict=True):
        if not len(part):
            raise DataError(f"{len(pool.labels)} images in {settings.path!r} are too few to carve {name}; add images")
        chosen[name] = _take(pool, part)
    return chosen


def _take(files: Files, indices: NDArray[np.int64]) -> Files:
    return Files(tuple(files.paths[i] for i in indices), files.labels[indices])


def _choose(
    labels: NDArray[np.int64], classes: int, limit: int | None, seed: int, split: str = "train"
) -> NDArray[np.int64]:
    if limit is None:
        return np.arange(len(labels), dtype=np.int64)
    if limit < classes:
        raise DataError(f"data.limit={limit} is below the number of classes, {classes}; give at least {3 * classes}")
    return choose(labels, limit, _rng(seed, split))


def _rng(seed: int, split: str) -> np.random.Generator:
    return np.random.default_rng((seed, SPLITS.index(split)))


def _native_resolution(paths: tuple[Path, ...]) -> int:
    sides = short_sides(paths[:: -(-len(paths) // _SAMPLED)])
    return max(MIN_NATIVE_RESOLUTION, int(np.median(sides))) if sides else MIN_NATIVE_RESOLUTION


def _listing(settings: DataSettings) -> Listing:
    return list_images(Path(settings.path or "").expanduser())


@dataclass(frozen=True, slots=True)
class Description:
    """What a network needs to know of a data set, without a single image decoded."""

    channels: int
    classes: tuple[str, ...]
    native_resolution: int


def _describe_digits(settings: DataSettings) -> Description:
    classes = tuple(str(digit) for digit in range(10))
    return Description(settings.channels or 1, classes, settings.native_resolution or DIGITS_RESOLUTION)


def _describe_folder(settings: DataSettings) -> Description:
    listing = _listing(settings)
    native = settings.native_resolution or _native_resolution(listing.splits["train"].paths)
    return Description(settings.channels or 3, listing.classes, native)


@dataclass(frozen=True, slots=True)
class Source:
    """How one source is described and read, and what tells that its files have changed."""

    describe: Callable[[DataSettings], Description]
    read: Callable[[DataSettings, int, int | None], Images]
    stamps: Callable[[DataSettings], Iterable[tuple[str, int, int]]]


SOURCES: dict[str, Source] = {
    "digits": Source(_describe_digits, _read_digits, lambda settings: ()),
    "imagefolder": Source(_describe_folder, _read_folder, lambda settings: _listing(settings).stamps()),
}


def describe(settings: DataSettings) -> Description:
    """Channels, classes and native resolution, read from folder names and image headers alone.

    Raises:
        DataError: the source is missing or inconsistent.
    """
    return SOURCES[settings.source].describe(settings)


def prepare(settings: DataSettings, seed: int, resolution: int | None, folder: Path) -> Images:
    """The images at `resolution` pixels (none: their native resolution), decoded once and saved as `folder`.

    What is saved there is used again, unless the settings, the seed, the resolution, or a file (added,
    removed, other size or time) has changed; then it is replaced. Other processes may `open_saved(folder)`.

    Raises:
        DataError: the source is missing, inconsistent or unreadable.
        RunError: `folder` cannot be written, or holds something else.
    """
    if resolution is not None:
        _check_int("resolution", resolution, *RESOLUTIONS)
    _check_int("seed", seed, 0, 2**63 - 1)
    source = SOURCES[settings.source]
    stored = asdict(settings) | {"flip": None, "shift": None}  # augmentation changes no stored pixel
    fingerprint = _digest([stored, seed, resolution, list(source.stamps(settings))])
    try:
        return open_saved(folder, fingerprint)
    except DataError:  # not there, of something else, or broken: made now
        images = source.read(settings, seed, resolution)
    try:
        save(images, folder, fingerprint)
        return open_saved(folder, fingerprint)
    except OSError as error:
        raise RunError(f"cannot save the images in {str(folder)!r}: {error.strerror or error}") from error


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
