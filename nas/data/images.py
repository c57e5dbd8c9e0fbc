"""Labelled images as arrays."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nas.data.splits import choose
from nas.errors import DataError
from nas.reading.words import listed, short
from nas.results.front import LeftOut

SPLITS = ("train", "val", "test")


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


def few(split: Split, limit: int | None, classes: int) -> Split:
    """At most `limit` images of `split`, stratified, or one of each of its `classes`; all without a limit."""
    return split if limit is None or max(limit, classes) >= len(split) else stratified(split, max(limit, classes))


@dataclass(frozen=True, slots=True, eq=False)
class Images:
    """A classified data set, all splits at one size.

    `native_resolution` is the size in pixels beyond which the images hold no more. `mean` and
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
                raise DataError(f"no readable image is left for {name}; add images")
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
        f"unbalanced classes: {counts[large]} training images of {short(large)} and {counts[small]} of {short(small)}; "
        f"always answering {short(large)} is correct for {share:.0%} of them"
    )


def unjudged(counts: Mapping[str, Mapping[str, int]]) -> str | None:
    """A line where classes have no image to be judged by, with their names, by the counts of each split; else None."""
    found = []
    for split, title in (("val", "validation"), ("test", "test")):
        if absent := [name for name, count in counts.get(split, {}).items() if not count]:
            found.append(f"no {title} image of {len(absent)} of {len(counts[split])} classes ({listed(absent, 120)})")
    return f"{'; '.join(found)}; add images" if found else None


def channel_statistics(images: Iterable[NDArray[np.uint8]]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Exact mean and standard deviation of images, C x R x R, per channel: on the scale 0..1, the latter at least one
    grey level.
    """
    counts: NDArray[np.int64] | int = 0
    for image in images:  # a histogram of bytes is exact, and needs no float copy
        counts = counts + np.stack([np.bincount(channel.ravel(), minlength=256) for channel in image])
    levels = np.arange(256) / 255
    shares = counts / np.sum(counts, axis=1, keepdims=True)
    mean = shares @ levels
    std = np.sqrt((shares * (levels - mean[:, None]) ** 2).sum(axis=1))
    return tuple(mean.tolist()), tuple(np.maximum(std, 1 / 255).tolist())
