"""Where the images of a folder are: one folder per class, in split folders or not.

    path/train/<class>/*  path/val/<class>/*  path/test/<class>/*     val may be called valid or validation
    path/<class>/*                                                    every split is carved by the caller

A folder named like a split counts as one only if it holds folders itself, so that `train`, `valid` and
`test` may be classes too. Hidden files and folders and files of other extensions are no part of the
data; sub-folders of a class folder are not searched.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nas.errors import DataError

EXTENSIONS = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"})
SPLIT_NAMES = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
LAYOUT = "<class>/<image>, or train/<class>/<image> with val/ and test/ beside it"


@dataclass(frozen=True, slots=True, eq=False)
class Files:
    """Image files and their class indices (int64, N)."""

    paths: tuple[Path, ...]
    labels: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Listing:
    """The files of each split folder there is (`train` always), labelled by the classes of train, sorted."""

    classes: tuple[str, ...]
    splits: dict[str, Files]

    def stamps(self) -> Iterator[tuple[str, int, int]]:
        """Path, bytes and modification time (ns) of every file: what tells a changed data set."""
        return (stamp(path) for files in self.splits.values() for path in files.paths)


def stamp(path: Path) -> tuple[str, int, int]:
    """Path, bytes and modification time (ns) of a file; -1 for what a dangling link lacks."""
    try:
        status = path.stat()
    except OSError:
        return str(path), -1, -1
    return str(path), status.st_size, status.st_mtime_ns


def list_images(path: Path) -> Listing:
    """Every image file under `path`, by split folder and class; nothing is opened.

    Raises:
        DataError: no such folder, no or one class, a class without a file, split folders that disagree.
    """
    if not path.exists():
        raise DataError(f"data.path {str(path)!r} does not exist; give a folder of {LAYOUT}")
    if not path.is_dir():
        raise DataError(f"data.path {str(path)!r} is a file; unpack it and give the folder of {LAYOUT}")
    folders = _split_folders(path)
    classes = tuple(folder.name for folder in _folders(folders["train"]))
    if not classes:
        raise DataError(f"no class folders in {str(folders['train'])!r}; expected {LAYOUT}")
    if len(classes) == 1:
        raise DataError(f"only one class, {classes[0]!r}, in {str(folders['train'])!r}; at least two are needed")
    splits = {split: _labelled(folder, classes) for split, folder in folders.items()}
    for label in sorted(set(range(len(classes))) - set(splits["train"].labels.tolist())):
        where = str(folders["train"] / classes[label])
        raise DataError(f"class {classes[label]!r} has no image file in {where!r}; add images or remove the folder")
    for split, files in splits.items():
        if not files.paths:
            raise DataError(f"no image file in {str(folders[split])!r}; add images, or remove it to carve {split}")
    return Listing(classes, splits)


def _split_folders(path: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for folder in _folders(path):
        split = SPLIT_NAMES.get(folder.name.lower())
        if split is None or not _folders(folder):
            continue
        if split in found:
            raise DataError(f"{str(path)!r} has both {found[split].name!r} and {folder.name!r}; keep one of them")
        found[split] = folder
    if not found:
        return {"train": path}
    if "train" not in found:
        raise DataError(f"{str(path)!r} has {next(iter(found.values())).name!r} but no train; expected {LAYOUT}")
    return found


def _labelled(folder: Path, classes: tuple[str, ...]) -> Files:
    paths: list[Path] = []
    labels: list[int] = []
    for label_folder in _folders(folder):
        if label_folder.name not in classes:
            raise DataError(f"{str(folder)!r} has the class {label_folder.name!r}, which train lacks; {_some(classes)}")
        images = [p for p in _visible(label_folder) if p.suffix.lower() in EXTENSIONS and not p.is_dir()]
        paths += images
        labels += [classes.index(label_folder.name)] * len(images)
    return Files(tuple(paths), np.array(labels, dtype=np.int64))


def _some(classes: tuple[str, ...], most: int = 20) -> str:
    rest = f" and {len(classes) - most} more" if len(classes) > most else ""
    return f"train has {', '.join(classes[:most])}{rest}"


def _folders(folder: Path) -> list[Path]:
    return [path for path in _visible(folder) if path.is_dir()]


def _visible(folder: Path) -> list[Path]:
    """What lies in `folder`, hidden names left out, sorted by name."""
    try:
        names = sorted(name for name in os.listdir(folder) if not name.startswith("."))
    except OSError as error:
        raise DataError(f"cannot list {str(folder)!r}: {error.strerror}") from error
    return [folder / name for name in names]
