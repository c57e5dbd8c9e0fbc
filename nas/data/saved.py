"""The decoded copy of a data set on disk that worker processes share.

It is a folder: `<split>_pixels.npy`, `<split>_labels.npy`, `images.json`. It appears whole or not at all, and is
opened as read-only memory maps, so that any number of processes hold one copy. Pass the folder to a worker, not
the `Images`: pickling a memory map copies its pixels.
"""

import json
import math
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from nas.data.images import SPLITS, Images, Split
from nas.data.splits import Indices
from nas.errors import DataError, RunError
from nas.reading.checks import Number, Whole, checked
from nas.reading.files import read_text
from nas.reading.json_text import parse_json
from nas.reading.words import cut, short
from nas.results.front import LeftOut

_FILES = {"images.json"} | {f"{split}_{part}.npy" for split in SPLITS for part in ("pixels", "labels")}
_MOST_BYTES = 64_000_000  # of images.json, which lists the classes


@dataclass(frozen=True, slots=True)
class About:
    """What images.json says; `fingerprint` is of what the images were made from."""

    fingerprint: str
    classes: tuple[str, ...]
    channels: Whole
    native_resolution: Whole
    mean: tuple[Number, ...]
    std: tuple[Number, ...]
    left_out: tuple[LeftOut, ...]
    schema: Literal[2] = 2

    def __post_init__(self) -> None:
        if not len(self.mean) == len(self.std) == self.channels or self.native_resolution < 1:
            raise ValueError("mean, std, channels and native_resolution do not agree")


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """A new folder to write, which takes the place of `folder` if all goes well.

    Raises:
        RunError: `folder` holds something else, which replacing it would delete.
        OSError: the folder cannot be written.
    """
    if folder.exists() and not folder.is_dir():
        raise RunError(f"{short(str(folder), 99)} is a file; images are saved in a folder of their own")
    foreign = sorted({path.name for path in folder.iterdir()} - _FILES) if folder.is_dir() else []
    if foreign:
        raise RunError(f"{short(str(folder), 99)} holds {short(foreign[0])}; images are saved in a folder of their own")
    made = [parent for parent in folder.parents if not parent.exists()]
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        with _new_folder(folder) as new:
            yield new
    except BaseException:
        for parent in made:
            with suppress(OSError):  # another process may have put something there
                parent.rmdir()
        raise


@contextmanager
def _new_folder(folder: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as temporary:
        new = Path(temporary) / "new"
        new.mkdir()
        yield new
        if folder.exists():
            os.replace(folder, Path(temporary) / "old")
        os.replace(new, folder)


def write_split(
    folder: Path, split: str, images: Iterable[tuple[NDArray[np.uint8], int]], shape: tuple[int, ...]
) -> Indices:
    """Write images of `shape` (C x R x R) with their labels, as they come, as one split of a new folder.

    Returns the labels.
    """
    labels = []
    with (folder / f"{split}_pixels.npy").open("xb") as file:
        _write_header(file, (0, *shape))
        for pixels, label in images:
            file.write(np.ascontiguousarray(pixels).data)
            labels.append(label)
        file.seek(0)
        _write_header(file, (len(labels), *shape))
    found = np.array(labels, dtype=np.int64)
    np.save(folder / f"{split}_labels.npy", found)
    return found


def written(folder: Path, split: str) -> Iterator[NDArray[np.uint8]]:
    """The images that `write_split` has written, one by one: a map of the file would stay in memory."""
    with (folder / f"{split}_pixels.npy").open("rb") as file:
        np.lib.format.read_magic(file)
        (count, *shape), _, _ = np.lib.format.read_array_header_1_0(file)
        for _ in range(count):
            yield np.frombuffer(file.read(math.prod(shape)), np.uint8).reshape(shape)


def _write_header(file: BinaryIO, shape: tuple[int, ...]) -> None:
    """That of an .npy file of bytes; numpy leaves room in it for the first axis to grow."""
    np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})


def write_about(folder: Path, about: About) -> None:
    """Write images.json of a new folder."""
    (folder / "images.json").write_text(json.dumps(asdict(about), indent=1), encoding="utf-8")


def save(images: Images, folder: Path, fingerprint: str = "") -> None:
    """Writes `images` as `folder`, replacing what is there; `fingerprint` says what it was made from.

    Raises:
        RunError: `folder` holds something else, which replacing it would delete.
        OSError: the folder cannot be written.
    """
    with replacing(folder) as new:
        for name, split in images.splits.items():
            write_split(new, name, zip(split.pixels, split.labels, strict=True), split.pixels.shape[1:])
        write_about(
            new,
            About(
                fingerprint=fingerprint,
                classes=images.classes,
                channels=images.channels,
                native_resolution=images.native_resolution,
                mean=images.mean,
                std=images.std,
                left_out=images.left_out,
            ),
        )


def open_saved(folder: Path, fingerprint: str | None = None) -> Images:
    """The images saved in `folder`, as read-only memory maps.

    Raises:
        DataError: nothing whole is saved there, or it was made from something else than `fingerprint`.
    """
    try:
        where = folder / "images.json"
        about = checked(
            About,
            parse_json(read_text(where, DataError, _MOST_BYTES), "images.json", DataError),
            "images.json",
            DataError,
        )
        if fingerprint not in (None, about.fingerprint):
            raise DataError("it is of another data set")
        return Images(
            **{name: _open_split(folder, name, about) for name in SPLITS},
            classes=about.classes,
            channels=about.channels,
            native_resolution=about.native_resolution,
            left_out=about.left_out,
            mean=about.mean,
            std=about.std,
        )
    except (DataError, OSError, ValueError) as error:
        raise DataError(
            f"no whole data set is saved in {short(str(folder), 99)} ({cut(str(error), 200)}); make it again"
        ) from error


def _open_split(folder: Path, name: str, about: About) -> Split:
    found = []
    for part in ("pixels", "labels"):
        path = folder / f"{name}_{part}.npy"
        if not path.is_file():
            raise DataError(f"{path.name} is missing")
        found.append(np.load(path, mmap_mode="r"))
    pixels, labels = found
    whole = (pixels.dtype, pixels.ndim, labels.dtype, labels.shape) == (np.uint8, 4, np.int64, pixels.shape[:1])
    if not whole or pixels.shape[1] != about.channels or (labels >= len(about.classes)).any() or (labels < 0).any():
        raise DataError(f"{name}_pixels.npy and {name}_labels.npy are not those of images.json")
    return Split(pixels, labels)
