"""Labelled images as arrays, and their copy on disk that worker processes share.

A saved data set is a folder: `<split>_pixels.npy`, `<split>_labels.npy`, `images.json`. It appears whole
or not at all, and is opened as read-only memory maps, so that any number of processes hold one copy.
Pass the folder to a worker, not the `Images`: pickling a memory map copies its pixels.
"""

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nas.data.splits import choose
from nas.errors import DataError, RunError
from nas.results.front import LeftOut

SPLITS = ("train", "val", "test")
_SCHEMA = 1
_FILES = {"images.json"} | {f"{split}_{part}.npy" for split in SPLITS for part in ("pixels", "labels")}


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Pixels, uint8 N x C x R x R, and class indices, int64 N."""

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)


def stratified(split: Split, count: int) -> Split:
    """At most `count` images of `split`, always the same, with the class shares kept; at least one of every class."""
    chosen = choose(np.asarray(split.labels), count, np.random.default_rng(0))
    return Split(np.asarray(split.pixels[chosen]), np.asarray(split.labels[chosen]))


@dataclass(frozen=True, slots=True, eq=False)
class Images:
    """A classified data set, all splits at one size.

    `native_resolution` is the size in pixels that the data set is best trained at in full. `mean` and
    `std` are those of the train pixels per channel, on the scale 0..1; left out, they are computed.
    """

    train: Split
    val: Split
    test: Split
    classes: tuple[str, ...]
    channels: int
    native_resolution: int
    left_out: tuple[LeftOut, ...] = ()
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for name, split in self.splits.items():
            if not len(split):
                raise DataError(f"no readable image is left for {name}; add images, or raise data.limit")
        if not self.mean:
            mean, std = channel_statistics(self.train.pixels)
            object.__setattr__(self, "mean", mean)
            object.__setattr__(self, "std", std)

    @property
    def splits(self) -> dict[str, Split]:
        """The three splits by name."""
        return {"train": self.train, "val": self.val, "test": self.test}

    @property
    def resolution(self) -> int:
        """Stored height and width in pixels."""
        return int(self.train.pixels.shape[-1])

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """Images per split and class: shows an imbalance."""
        return {
            name: {c: int((split.labels == i).sum()) for i, c in enumerate(self.classes)}
            for name, split in self.splits.items()
        }


def imbalance(counts: Mapping[str, int], least: float = 3.0) -> str | None:
    """A line where the largest class has at least `least` times the images of the smallest, by `counts`; else None."""
    small, large = min(counts, key=lambda name: counts[name]), max(counts, key=lambda name: counts[name])
    if counts[large] < least * counts[small]:
        return None
    share = counts[large] / sum(counts.values())
    return (
        f"unbalanced classes: {counts[large]} training images of {large!r} and {counts[small]} of {small!r}; "
        f"always answering {large!r} is correct for {share:.0%} of them"
    )


def channel_statistics(pixels: NDArray[np.uint8]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Exact mean and standard deviation per channel, on the scale 0..1, the latter at least one grey level."""
    counts = np.zeros((pixels.shape[1], 256))
    for start in range(0, len(pixels), 256):  # a histogram of bytes is exact, and needs no float copy
        block = pixels[start : start + 256]
        for channel in range(pixels.shape[1]):
            counts[channel] += np.bincount(block[:, channel].ravel(), minlength=256)
    levels = np.arange(256) / 255
    shares = counts / counts.sum(axis=1, keepdims=True)
    mean = shares @ levels
    std = np.sqrt((shares * (levels - mean[:, None]) ** 2).sum(axis=1))
    return tuple(mean.tolist()), tuple(np.maximum(std, 1 / 255).tolist())


def save(images: Images, folder: Path, fingerprint: str = "") -> None:
    """Writes `images` as `folder`, replacing what is there; `fingerprint` says what it was made from.

    Raises:
        RunError: `folder` holds something else, which replacing it would delete.
        OSError: the folder cannot be written.
    """
    if folder.exists() and not folder.is_dir():
        raise RunError(f"{str(folder)!r} is a file; images are saved in a folder of their own")
    foreign = sorted({path.name for path in folder.iterdir()} - _FILES) if folder.is_dir() else []
    if foreign:
        raise RunError(f"{str(folder)!r} holds {foreign[0]!r}; images are saved in a folder of their own")
    folder.parent.mkdir(parents=True, exist_ok=True)
    about = {
        "schema": _SCHEMA,
        "fingerprint": fingerprint,
        "classes": images.classes,
        "channels": images.channels,
        "native_resolution": images.native_resolution,
        "mean": images.mean,
        "std": images.std,
        "left_out": [asdict(each) for each in images.left_out],
    }
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as temporary:
        new = Path(temporary) / "new"
        new.mkdir()
        for name, split in images.splits.items():
            np.save(new / f"{name}_pixels.npy", split.pixels)
            np.save(new / f"{name}_labels.npy", split.labels)
        (new / "images.json").write_text(json.dumps(about, indent=1), encoding="utf-8")
        if folder.exists():
            os.replace(folder, Path(temporary) / "old")
        os.replace(new, folder)


def open_saved(folder: Path, fingerprint: str | None = None) -> Images:
    """The images saved in `folder`, as read-only memory maps.

    Raises:
        DataError: nothing whole is saved there, or it was made from something else than `fingerprint`.
    """
    try:
        about = json.loads((folder / "images.json").read_text(encoding="utf-8"))
        if about["schema"] != _SCHEMA or fingerprint not in (None, about["fingerprint"]):
            raise DataError(f"the images saved in {str(folder)!r} are of another data set or version; make them again")
        splits = {
            name: Split(
                np.load(folder / f"{name}_pixels.npy", mmap_mode="r"),
                np.load(folder / f"{name}_labels.npy", mmap_mode="r"),
            )
            for name in SPLITS
        }
        return Images(
            **splits,
            classes=tuple(about["classes"]),
            channels=about["channels"],
            native_resolution=about["native_resolution"],
            left_out=tuple(LeftOut(**each | {"examples": tuple(each["examples"])}) for each in about["left_out"]),
            mean=tuple(about["mean"]),
            std=tuple(about["std"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"no whole data set is saved in {str(folder)!r} ({reason}); make it again") from error
