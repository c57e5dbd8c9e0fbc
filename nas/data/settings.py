"""The settings of `data=…`, checked one by one; what only the files can tell is checked when they are read."""

import importlib.util
from dataclasses import dataclass

from nas.data.sources import SOURCES
from nas.errors import ConfigError
from nas.reading.words import short
from nas.resources import names

RESOLUTIONS = (8, 1024)
AUGMENTATION = ("flip", "shift", "crop", "colour", "erase", "mixup", "cutmix", "randaugment")
"""The settings that change no stored pixel."""
NO_KORNIA = "data.randaugment needs the library kornia: pip install 'sepconv-nas[augment]'"


@dataclass(frozen=True, slots=True)
class DataSettings:
    """Which images to read, how to split them, and how to augment them in training."""

    source: str = "digits"
    """Where the images come from, one of `nas.data.sources`."""
    path: str | None = None
    """Where the source finds them: a folder, such as photos, or a name. What it has to be stands in the file of each
    source."""
    channels: int | None = None
    """1 for grey or, such as 3, for RGB; none means what the source has."""
    val_fraction: float = 0.15
    """Share of the images, in total, carved for validation where the source has no validation split."""
    test_fraction: float = 0.15
    """Share of the images, in total, carved for the test where the source has no test split."""
    limit: int | None = None
    """At most this many images, such as 3000, of the train split, before val and test are carved from them; a val or
    test split of its own is cut to `limit` times its fraction. Stratified; only what is chosen is decoded."""
    flip: bool | str = False
    """Flip training images left to right, at random or, `alternating`, every other time after a random first one."""
    shift: int = 0
    """Shift training images by up to this many pixels at random, each way."""
    crop: float = 1.0
    """Train on random parts of the images, of this share of their area or more, resized, such as 0.35 for photographs;
    1 is off."""
    colour: float = 0.0
    """Change brightness, contrast and saturation of training images by up to this share each way, such as 0.4; 0 is
    off."""
    erase: float = 0.0
    """The chance, such as 0.25, of a training image to lose a random rectangle to the mean colour; 0 is off."""
    mixup: float = 0.0
    """Alpha of mixup, such as 0.2: pairs of training images are blended by a share drawn from Beta(alpha, alpha); 0 is
    off."""
    cutmix: float = 0.0
    """Alpha of CutMix, such as 1: a rectangle of each training image, of a share drawn from Beta(alpha, alpha), is
    taken from another one; 0 is off. Beside mixup each batch has one of them, by chance."""
    randaugment: tuple[int, int] | None = None
    """[n, m], such as [2,9]: n operations of RandAugment at magnitude m, 1 to 29; needs the extra `augment`."""
    native_resolution: int | None = None
    """Pixels that the images are worth, such as 96, beyond which they are not kept; none means what the source states,
    or else their median short side."""
    subset: str | None = None
    """hf: which configuration, such as plain_text, of a data set that has several."""
    image_column: str | None = None
    """hf: the column of images, such as picture; none means the only one."""
    label_column: str | None = None
    """hf: the column of classes, such as species; none means the only one of classes, or else `label` or `labels`."""

    def __post_init__(self) -> None:
        self._check_source()
        if self.channels not in (None, 1, 3):
            raise ConfigError(f"data.channels must be 1 (grey) or 3 (RGB), got {short(self.channels)}")
        self._check_fractions()
        self._check_augmentation()
        if self.limit is not None:
            check_int("data.limit", self.limit, 2, 10**9)
        if self.native_resolution is not None:
            check_int("data.native_resolution", self.native_resolution, *RESOLUTIONS)

    def _check_source(self) -> None:
        if self.source not in SOURCES:
            raise ConfigError(f"unknown data source {short(self.source)}; known: {names(SOURCES)}")
        source = SOURCES[self.source]
        if source.path == "required" and not self.path:
            raise ConfigError(f"data={self.source} needs {source.path_help}")
        if source.path == "none" and self.path is not None:
            takers = names(name for name, each in SOURCES.items() if each.path != "none")
            raise ConfigError(f"data.path is for {takers}, got {short(self.path)} with data={self.source}")
        for key in sorted({key for each in SOURCES.values() for key in each.own} - {*source.own}):
            if (value := getattr(self, key)) is not None:
                takers = names(name for name, each in SOURCES.items() if key in each.own)
                raise ConfigError(f"data.{key} is for data={takers}, got {short(value)} with data={self.source}")

    def _check_fractions(self) -> None:
        for key in ("val_fraction", "test_fraction"):
            value = getattr(self, key)
            if not _is_number(value) or not 0 < value < 1:
                raise ConfigError(f"data.{key} must be a number between 0 and 1, got {short(value)}")
        if self.val_fraction + self.test_fraction >= 1:
            total = f"{self.val_fraction} + {self.test_fraction}"
            raise ConfigError(f"data.val_fraction and data.test_fraction must leave images to train on, got {total}")

    def _check_augmentation(self) -> None:
        if not isinstance(self.flip, bool) and self.flip != "alternating":
            raise ConfigError(f"data.flip must be true, false or alternating, got {short(self.flip)}")
        check_int("data.shift", self.shift, 0, RESOLUTIONS[1])
        if not _is_number(self.crop) or not 0.01 <= self.crop <= 1:
            raise ConfigError(f"data.crop must be a number from 0.01 to 1 (off), got {short(self.crop)}")
        for key in ("colour", "erase"):
            value = getattr(self, key)
            if not _is_number(value) or not 0 <= value <= 1:
                raise ConfigError(f"data.{key} must be a number from 0 (off) to 1, got {short(value)}")
        for key in ("mixup", "cutmix"):
            value = getattr(self, key)
            if not _is_number(value) or not 0 <= value <= 10:
                raise ConfigError(f"data.{key} must be a number from 0 (off) to 10, got {short(value)}")
        if self.randaugment is not None:
            if not isinstance(self.randaugment, tuple) or len(self.randaugment) != 2:
                raise ConfigError(f"data.randaugment must be [n, m], such as [2, 9], got {short(self.randaugment)}")
            check_int("n of data.randaugment", self.randaugment[0], 1, 14)
            check_int("m of data.randaugment", self.randaugment[1], 1, 29)
            if importlib.util.find_spec("kornia") is None:
                raise ConfigError(NO_KORNIA)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def check_int(key: str, value: object, low: int, high: int) -> None:
    """Refuse anything but a whole number from `low` to `high`.

    Raises:
        ConfigError: it is something else.
    """
    if type(value) is not int or not low <= value <= high:
        raise ConfigError(f"{key} must be a whole number from {low} to {high}, got {short(value)}")
