"""The settings of `data=…`, checked one by one; what only the files can tell is checked when they are read."""

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from nas.errors import ConfigError
from nas.resources import names

RESOLUTIONS = (8, 1024)
PATHS: Mapping[str, Literal["none", "optional", "required"]] = {
    "digits": "none",
    "fashion_mnist": "optional",
    "cifar10": "required",
    "imagefolder": "required",
    "hf": "required",
}
"""By source: whether it is given a `path`."""

NO_KORNIA = "data.randaugment needs the library kornia: pip install 'sepconv-nas[augment]'"

_PATH_HELP = {
    "cifar10": "data.path=FOLDER, the unpacked binary version or a folder with one folder per class",
    "imagefolder": "data.path=FOLDER, a folder with one folder per class",
    "hf": "data.path=NAME, a data set of the Hugging Face Hub, or a folder of one",
}


@dataclass(frozen=True, slots=True)
class DataSettings:
    """Which images to read, how to split them, and how to augment them in training."""

    source: str = "digits"
    """digits: scikit-learn's 1797 scans, embedded. fashion_mnist: 70,000 grey pictures of clothes, IDX files.
    cifar10: 60,000 photographs of 10 kinds. imagefolder: a folder of class folders. hf: by the `datasets` library."""
    path: str | None = None
    """imagefolder: the folder of <class>/<image>, or of train/<class>/<image> with val/ and test/ beside it.
    cifar10: the folder of the *.bin files, or one like imagefolder's. fashion_mnist: the folder of the four IDX
    files; none means Debian's. hf: a name on the Hub, or a folder."""
    channels: int | None = None
    """1 (grey) or 3 (RGB); none means 1 for digits and fashion_mnist, and 3 for the others."""
    val_fraction: float = 0.15
    """Share of the images carved for validation where the source has no validation split."""
    test_fraction: float = 0.15
    """Share of the images carved for the test where the source has no test split."""
    limit: int | None = None
    """At most so many images of the train split, before val and test are carved from them; a val or test
    split of its own is cut to `limit` times its fraction. Stratified; only what is chosen is decoded."""
    flip: bool = False
    """Flip training images left to right at random."""
    shift: int = 0
    """Shift training images by up to so many pixels at random, each way."""
    mixup: float = 0.0
    """Alpha of mixup: pairs of training images are blended by a share drawn from Beta(alpha, alpha); 0 is off."""
    randaugment: tuple[int, int] | None = None
    """[n, m]: n operations of RandAugment at magnitude m, 1 to 29; needs the extra `augment`."""
    native_resolution: int | None = None
    """Size in pixels for full training; none means the median short side of the images, at least 64
    (32 for digits, fashion_mnist and cifar10)."""
    subset: str | None = None
    """hf: which configuration of a data set that has several."""
    image_column: str | None = None
    """hf: the column of images; none means the only one."""
    label_column: str | None = None
    """hf: the column of classes; none means the only one of classes, or else `label` or `labels`."""

    def __post_init__(self) -> None:
        if self.source not in PATHS:
            raise ConfigError(f"unknown data source {self.source!r}; known: {names(PATHS)}")
        if PATHS[self.source] == "required" and not self.path:
            raise ConfigError(f"data={self.source} needs {_PATH_HELP[self.source]}")
        if PATHS[self.source] == "none" and self.path is not None:
            takers = names(name for name, path in PATHS.items() if path != "none")
            raise ConfigError(f"data.path is for {takers}, got {self.path!r} with data={self.source}")
        for key in ("subset", "image_column", "label_column"):
            if self.source != "hf" and getattr(self, key) is not None:
                raise ConfigError(f"data.{key} is for data=hf, got {getattr(self, key)!r} with data={self.source}")
        if self.channels not in (None, 1, 3):
            raise ConfigError(f"data.channels must be 1 (grey) or 3 (RGB), got {self.channels!r}")
        self._check_fractions()
        self._check_augmentation()
        if self.limit is not None:
            check_int("data.limit", self.limit, 2, 10**9)
        if self.native_resolution is not None:
            check_int("data.native_resolution", self.native_resolution, *RESOLUTIONS)

    def _check_fractions(self) -> None:
        for key in ("val_fraction", "test_fraction"):
            value = getattr(self, key)
            if not _is_number(value) or not 0 < value < 1:
                raise ConfigError(f"data.{key} must be a number between 0 and 1, got {value!r}")
        if self.val_fraction + self.test_fraction >= 1:
            total = f"{self.val_fraction} + {self.test_fraction}"
            raise ConfigError(f"data.val_fraction and data.test_fraction must leave images to train on, got {total}")

    def _check_augmentation(self) -> None:
        if not isinstance(self.flip, bool):
            raise ConfigError(f"data.flip must be true or false, got {self.flip!r}")
        check_int("data.shift", self.shift, 0, RESOLUTIONS[1])
        if not _is_number(self.mixup) or not 0 <= self.mixup <= 10:
            raise ConfigError(f"data.mixup must be a number from 0 (off) to 10, got {self.mixup!r}")
        if self.randaugment is not None:
            if not isinstance(self.randaugment, tuple) or len(self.randaugment) != 2:
                raise ConfigError(f"data.randaugment must be [n, m], such as [2, 9], got {self.randaugment!r}")
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
        raise ConfigError(f"{key} must be a whole number from {low} to {high}, got {value!r}")
