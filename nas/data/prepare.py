"""From a source's catalogue to three splits of uint8 arrays, decoded once and shared from disk."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from nas.data.catalogue import Catalogue
from nas.data.decode import Pixels, Unread, decode_all, short_sides
from nas.data.images import SPLITS, Images, channel_statistics
from nas.data.left_out import by_reason
from nas.data.parts import in_a_row, split_catalogue
from nas.data.saved import About, open_saved, replacing, write_about, write_split, written
from nas.data.settings import AUGMENTATION, RESOLUTIONS, DataSettings, check_int
from nas.data.sources import SOURCES
from nas.data.splits import Indices
from nas.errors import DataError, RunError
from nas.reading.words import cut, short

UNREADABLE_LIMIT = 0.5  # of the images chosen
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
    return describe_catalogue(SOURCES[settings.source].read(settings), settings)


def describe_catalogue(catalogue: Catalogue, settings: DataSettings) -> Description:
    """The same of a catalogue that has been read."""
    native = settings.native_resolution or catalogue.native_resolution or _measured(catalogue)
    return Description(settings.channels or catalogue.channels, catalogue.classes, native)


def _measured(catalogue: Catalogue) -> int:
    """The median short side in pixels of the train images, at least the least that images are kept at."""
    read, count = catalogue.open(), len(catalogue.labels["train"])
    sides = short_sides(lambda i: read("train", i), range(0, count, -(-count // _SAMPLED)))
    return max(RESOLUTIONS[0], int(np.median(sides))) if sides else RESOLUTIONS[0]


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
    left_out = [asdict(each) for each in catalogue.left_out]
    fingerprint = _digest([stored, seed, resolution, list(catalogue.stamps()), left_out])
    try:
        return open_saved(folder, fingerprint)
    except DataError:  # not there, of something else, or broken: made now
        pass
    try:
        with replacing(folder) as new:
            _make(catalogue, settings, seed, resolution, new, fingerprint)
        return open_saved(folder, fingerprint)
    except OSError as error:
        raise RunError(f"cannot save the images in {short(str(folder), 200)}: {error.strerror or error}") from error


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _make(
    catalogue: Catalogue, settings: DataSettings, seed: int, resolution: int | None, folder: Path, fingerprint: str
) -> None:
    """Decode the images of a catalogue into the new `folder`."""
    about, parts = describe_catalogue(catalogue, settings), split_catalogue(catalogue, settings, seed)
    row, size = in_a_row(catalogue, parts), resolution or about.native_resolution
    shape, unread, labels = (about.channels, size, size), list[Unread](), dict[str, Indices]()
    with closing(decode_all(len(row.places), row.read, row.name, size, about.channels)) as decoded:
        for split in SPLITS:
            of_split = parts[split].labels
            found = zip(islice(decoded, len(of_split)), of_split.tolist(), strict=True)
            labels[split] = write_split(folder, split, _kept(found, unread), shape)
    if len(unread) > UNREADABLE_LIMIT * len(row.places):
        raise DataError(
            f"{len(unread)} of {len(row.places)} images cannot be read, the first is {cut(unread[0].name, 200)}"
        )
    _check_labels(labels, about.classes, catalogue.name, settings)
    mean, std = channel_statistics(written(folder, "train"))
    left_out = (*catalogue.left_out, *by_reason((each.reason, each.name) for each in unread))
    write_about(folder, About(fingerprint, about.classes, about.channels, about.native_resolution, mean, std, left_out))


def _check_labels(labels: Mapping[str, Indices], classes: Sequence[str], name: str, settings: DataSettings) -> None:
    remedy = f"add images, or raise data.limit={settings.limit}" if settings.limit else "add images"
    for split, found in labels.items():
        if not len(found):
            raise DataError(f"no image of {short(name, 160)} can be read for {split}; {remedy}")
    for label in sorted(set(range(len(classes))) - set(labels["train"].tolist())):
        reason = f"class {short(classes[label])} of {short(name, 160)} has no readable image in train"
        raise DataError(f"{reason}; {remedy}, or remove the class")


def _kept(found: Iterable[tuple[Pixels | Unread, int]], unread: list[Unread]) -> Iterator[tuple[Pixels, int]]:
    """Those of the images that are, and the others into `unread`."""
    for image, label in found:
        if isinstance(image, Unread):
            unread.append(image)
        else:
            yield image, label
