"""Which images of a catalogue are train, val and test."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nas.data.catalogue import Catalogue, ImageReader
from nas.data.decode import Item
from nas.data.formats import readable
from nas.data.images import SPLITS
from nas.data.settings import DataSettings
from nas.data.splits import Indices, carve, choose
from nas.errors import DataError
from nas.reading.words import short


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Images of the source's split `origin`, by index (int64, N), and their class indices."""

    origin: str
    indices: Indices
    labels: Indices


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """The images of train, val and test in a row; the `places` of each are a split of the source and an index."""

    source: str
    places: tuple[tuple[str, int], ...]
    image: ImageReader

    def read(self, n: int) -> Item:
        """Image n, as the source gives it."""
        return self.image(*self.places[n])

    def name(self, n: int, item: Item | None) -> str:
        """What image n, of which `read` gave `item`, is called: its path below that of the source, or its place."""
        if isinstance(item, Path):
            return readable(item).removeprefix(f"{readable(self.source)}/")
        return f"{self.places[n][0]} image {self.places[n][1]}"


def in_a_row(catalogue: Catalogue, parts: Mapping[str, Part]) -> Row:
    """The images of all `parts` of a catalogue, opened."""
    places = ((part.origin, int(i)) for part in (parts[name] for name in SPLITS) for i in part.indices)
    return Row(catalogue.name, tuple(places), catalogue.open())


def split_catalogue(catalogue: Catalogue, settings: DataSettings, seed: int) -> dict[str, Part]:
    """The images of train, val and test after `settings.limit`, with the splits that the source lacks carved.

    Raises:
        DataError: there are too few images to carve from, or the limit is below the number of classes.
    """
    fractions = {"val": settings.val_fraction, "test": settings.test_fraction}
    parts = {}
    for name, labels in catalogue.labels.items():
        limit = settings.limit
        if limit is not None and name in fractions:
            limit = max(len(catalogue.classes), round(limit * fractions[name]))
        chosen = _choose(labels, len(catalogue.classes), limit, seed, name)
        parts[name] = Part(name, chosen, labels[chosen])
    missing = [name for name in fractions if name not in parts]
    pool = parts["train"]
    carved = carve(pool.labels, [fractions[name] for name in missing], _rng(seed, "train"))
    for name, some in zip(["train", *missing], carved, strict=True):
        if not len(some):
            remedy = "add images" if settings.limit is None else f"raise data.limit={settings.limit}, or add images"
            few = f"{len(pool.labels)} images of {len(catalogue.classes)} classes in {short(catalogue.name, 160)}"
            raise DataError(f"{few} are too few to carve {name}; {remedy}")
        parts[name] = Part("train", pool.indices[some], pool.labels[some])
    return parts


def _choose(labels: Indices, classes: int, limit: int | None, seed: int, split: str) -> Indices:
    if limit is None:
        return np.arange(len(labels), dtype=np.int64)
    if limit < classes:
        raise DataError(f"data.limit={limit} is below the number of classes, {classes}; give at least {3 * classes}")
    return choose(labels, limit, _rng(seed, split))


def _rng(seed: int, split: str) -> np.random.Generator:
    return np.random.default_rng((seed, SPLITS.index(split)))
