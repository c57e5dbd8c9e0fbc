"""A data set looked through once, before any search: what is there, what is twice there, what takes no part.

An image is read whole, and little is kept of it: 300 bytes. The splits are those that a search with the same settings
and seed would have.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nas.data.decode import Unread, attempt, in_order
from nas.data.images import SPLITS
from nas.data.left_out import by_reason
from nas.data.parts import Row, in_a_row, split_catalogue
from nas.data.prepare import Description, describe_catalogue
from nas.data.settings import DataSettings
from nas.data.sources import SOURCES
from nas.data.splits import Indices
from nas.data.survey.alike import groups
from nas.data.survey.looking import SIDE, Seen, look
from nas.data.survey.needs import Needs, needs_of
from nas.results.front import LeftOut

PERCENTILES = {"least": 0, "p5": 5, "p25": 25, "median": 50, "p75": 75, "p95": 95, "most": 100}
_CHUNK = 16


@dataclass(frozen=True, slots=True)
class Copy:
    """One image of a group; `place` is its row, `name` its path below the folder of the data."""

    place: int
    split: str
    label: str
    name: str


@dataclass(frozen=True, slots=True)
class Group:
    """Images that are the same, byte for byte (`exact`), or look alike."""

    exact: bool
    images: tuple[Copy, ...]

    @property
    def splits(self) -> frozenset[str]:
        """Those that hold one of the images."""
        return frozenset(each.split for each in self.images)

    @property
    def classes(self) -> frozenset[str]:
        """Those that hold one of the images."""
        return frozenset(each.label for each in self.images)


@dataclass(frozen=True, slots=True)
class Survey:
    """What was found; `counts` are of readable images, `carved` the splits that are made from train.

    `formats` and `modes` are Pillow's names. Sides are in pixels; `long` counts images whose centre square is less than
    half.
    """

    source: str
    path: str | None
    counts: dict[str, dict[str, int]]
    carved: tuple[str, ...]
    formats: dict[str, int]
    modes: dict[str, int]
    short_side: dict[str, int]
    long_side: dict[str, int]
    long: int
    size_bytes: int
    unreadable: int
    left_out: tuple[LeftOut, ...]
    duplicates: tuple[Group, ...]
    needs: Needs

    @property
    def images(self) -> dict[str, int]:
        """Readable images by split."""
        return {split: sum(of_split.values()) for split, of_split in self.counts.items()}


@dataclass(frozen=True, slots=True, eq=False)
class Looked:
    """The images themselves, for pictures of them: whether each of the row can be read, its split and class."""

    row: Row
    readable: NDArray[np.bool_]
    splits: NDArray[np.uint8]
    labels: Indices
    about: Description


def survey(
    settings: DataSettings, seed: int, report: Callable[[int, int], None] = lambda done, count: None
) -> tuple[Survey, Looked]:
    """Look at every image of the data; `report` hears how many of how many have been.

    Raises:
        DataError: the source is missing or inconsistent, or the machine cannot read a file.
    """
    catalogue = SOURCES[settings.source].read(settings)
    about, parts = describe_catalogue(catalogue, settings), split_catalogue(catalogue, settings, seed)
    row = in_a_row(catalogue, parts)
    found = _Found.empty(len(row.places))
    with closing(in_order(found.count, lambda n: attempt(n, row.read, row.name, look), _CHUNK)) as seen:
        for n, each in enumerate(seen):
            found.add(n, each)
            report(n + 1, found.count)
    sizes = [len(parts[name].labels) for name in SPLITS]
    looked = Looked(
        row,
        found.readable,
        np.repeat(np.arange(len(SPLITS), dtype=np.uint8), sizes),
        np.concatenate([parts[name].labels for name in SPLITS]),
        about,
    )
    whole = np.flatnonzero(found.readable)
    sides = found.sides[whole]
    return Survey(
        source=settings.source,
        path=settings.path,
        counts=_counts(looked),
        carved=tuple(name for name in SPLITS if name not in catalogue.labels),
        formats=dict(found.forms.most_common()),
        modes=dict(found.modes.most_common()),
        short_side=_percentiles(sides[:, 0]),
        long_side=_percentiles(sides[:, 1]),
        long=int((sides[:, 1] > 2 * sides[:, 0]).sum()),
        size_bytes=int(found.size_bytes),
        unreadable=len(found.unread),
        left_out=(*catalogue.left_out, *by_reason((each.reason, each.name) for each in found.unread)),
        duplicates=tuple(_groups(found, looked, whole)),
        needs=needs_of(about, row, whole.tolist()),
    ), looked


@dataclass(slots=True, eq=False)
class _Found:
    """What has been seen so far, by row."""

    readable: NDArray[np.bool_]
    sides: NDArray[np.int64]
    digests: NDArray[np.bytes_]
    hashes: NDArray[np.uint64]
    thumbnails: NDArray[np.uint8]
    forms: Counter[str]
    modes: Counter[str]
    unread: list[Unread]
    size_bytes: int = 0

    @classmethod
    def empty(cls, count: int) -> "_Found":
        return cls(
            readable=np.zeros(count, np.bool_),
            sides=np.zeros((count, 2), np.int64),
            digests=np.zeros(count, "S16"),
            hashes=np.zeros(count, np.uint64),
            thumbnails=np.zeros((count, SIDE**2), np.uint8),
            forms=Counter(),
            modes=Counter(),
            unread=[],
        )

    @property
    def count(self) -> int:
        return len(self.readable)

    def add(self, n: int, seen: Seen | Unread) -> None:
        if isinstance(seen, Unread):
            self.unread.append(seen)
            return
        self.readable[n], self.sides[n], self.digests[n] = True, seen.sides, seen.digest
        self.hashes[n], self.thumbnails[n] = seen.perceptual, np.frombuffer(seen.thumbnail, np.uint8)
        self.forms[seen.form] += 1
        self.modes[seen.mode] += 1
        self.size_bytes += seen.size_bytes


def _counts(looked: Looked) -> dict[str, dict[str, int]]:
    classes = looked.about.classes
    counts = {}
    for number, split in enumerate(SPLITS):
        labels = looked.labels[looked.readable & (looked.splits == number)]
        counts[split] = dict(zip(classes, np.bincount(labels, minlength=len(classes)).tolist(), strict=True))
    return counts


def _percentiles(values: Indices) -> dict[str, int]:
    if not len(values):
        return {}
    found = np.percentile(values, list(PERCENTILES.values()), method="nearest").tolist()
    return dict(zip(PERCENTILES, found, strict=True))


def _groups(found: _Found, looked: Looked, whole: Indices) -> Sequence[Group]:
    row, classes = looked.row, looked.about.classes

    def copy(n: int) -> Copy:
        return Copy(n, SPLITS[looked.splits[n]], classes[looked.labels[n]], row.name(n, row.read(n)))

    alike = groups(found.digests[whole], found.hashes[whole], found.thumbnails[whole])
    return [Group(exact, tuple(copy(int(n)) for n in whole[places])) for exact, places in alike]


def leaked(duplicates: Sequence[Group]) -> Mapping[str, int]:
    """Of each split but train, how many of its images are in an earlier split too."""
    found = dict.fromkeys(SPLITS[1:], 0)
    for group in duplicates:
        for place, split in enumerate(SPLITS[1:], start=1):
            if group.splits & {*SPLITS[:place]}:
                found[split] += sum(each.split == split for each in group.images)
    return found
