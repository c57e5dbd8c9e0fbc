"""Where the images of a folder are: one folder per class, in split folders or not.

    path/train/<class>/**  path/val/<class>/**  path/test/<class>/**     or training, valid, validation, testing
    path/<class>/**                                                      every split is carved by the caller

A folder named like a split counts as one only if it holds folders itself, so that `train`, `valid` and
`test` may be classes too. The sub-folders of a class are searched; each folder once, so that links cannot lead
in a circle. Whatever is no part of the data is counted, with the reason.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nas.data.formats import readable, why_no_image
from nas.data.left_out import by_reason, left_out_text
from nas.errors import DataError
from nas.reading.words import cut, listed, short
from nas.results.front import LeftOut

SPLIT_NAMES = {
    **{"train": "train", "training": "train"},
    **{"val": "val", "valid": "val", "validation": "val"},
    **{"test": "test", "testing": "test"},
}
LAYOUT = "<class>/<image>, or train/<class>/<image> with val/ and test/ beside it"
HIDDEN = "hidden"
UNSORTED = "in no class folder"
NO_SPLIT = "in a folder that is no split"
_SYSTEM = frozenset({"__MACOSX", "$RECYCLE.BIN", "System Volume Information", "@eaDir", "lost+found"})


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
    left_out: tuple[LeftOut, ...]

    def stamps(self) -> Iterator[tuple[str, int, int]]:
        """Path, bytes and modification time (ns) of every file: what tells a changed data set."""
        return (stamp(path) for files in self.splits.values() for path in files.paths)


def stamp(path: Path) -> tuple[str, int, int]:
    """Path, bytes and modification time (ns) of a file; -1 where it cannot be had."""
    try:
        status = path.stat()
    except OSError:
        return str(path), -1, -1
    return str(path), status.st_size, status.st_mtime_ns


def list_images(path: Path) -> Listing:
    """Every image file under `path`, by split folder and class; only files without an extension are opened.

    Raises:
        DataError: no such folder, no or one class, a class without a file, split folders that disagree.
    """
    if not os.path.exists(path):  # unlike Path.exists, false for a name too long for the file system
        raise DataError(f"data.path {short(str(path), 200)} does not exist; give a folder of {LAYOUT}")
    if not path.is_dir():
        raise DataError(f"data.path {_shown(path)} is a file; unpack it and give the folder of {LAYOUT}")
    search = _Search(path)
    folders = search.split_folders()
    names = tuple(folder.name for folder in search.class_folders(folders["train"]))
    if not names:
        raise DataError(f"no class folders in {_shown(folders['train'])}; expected {LAYOUT}")
    if len(names) == 1:
        raise DataError(f"only one class, {short(names[0])}, in {_shown(folders['train'])}; at least two are needed")
    splits = {split: search.labelled(folder, names) for split, folder in folders.items()}
    for label in sorted(set(range(len(names))) - set(splits["train"].labels.tolist())):
        where = search.without_images(folders["train"] / names[label])
        raise DataError(f"class {short(names[label])} has no image file in {where}; add images or remove the folder")
    for split, files in splits.items():
        if not files.paths:
            where = search.without_images(folders[split])
            raise DataError(f"no image file in {where}; add images, or remove it to carve {split}")
    classes = tuple(map(readable, names))
    if len(set(classes)) < len(classes):
        raise DataError(f"two class folders in {_shown(folders['train'])} read alike as text; rename one of them")
    return Listing(classes, splits, by_reason(search.left_out))


@dataclass(frozen=True, slots=True)
class _Search:
    """One look through the folder `root`; `left_out` grows by (reason, file)."""

    root: Path
    left_out: list[tuple[str, str]] = field(default_factory=list)

    def split_folders(self) -> dict[str, Path]:
        """The folders of the splits, or `root` as that of train; what lies beside them is left out."""
        found: dict[str, Path] = {}
        beside = []
        for folder in self._visible(self.root)[0]:
            split = SPLIT_NAMES.get(folder.name.lower())
            if split is None or not self._visible(folder)[0]:
                beside.append(folder)
                continue
            if split in found:
                names = f"{short(found[split].name)} and {short(folder.name)}"
                raise DataError(f"{_shown(self.root)} has both {names}; keep one of them")
            found[split] = folder
        if not found:
            return {"train": self.root}
        if "train" not in found:
            name = next(iter(found.values())).name
            raise DataError(f"{_shown(self.root)} has {short(name)} but no train; expected {LAYOUT}")
        for folder in beside:
            self._leave_folder(NO_SPLIT, folder)
        self._leave_unsorted(self._contents(self.root)[1])
        return found

    def class_folders(self, folder: Path) -> list[Path]:
        """The folders in that of a split."""
        return self._visible(folder)[0]

    def labelled(self, folder: Path, names: tuple[str, ...]) -> Files:
        """The images in the class folders of a split, which are called `names`."""
        index = {name: i for i, name in enumerate(names)}
        paths: list[Path] = []
        labels: list[int] = []
        class_folders, files = self._contents(folder)
        self._leave_unsorted(files)
        for class_folder in class_folders:
            if class_folder.name not in index:
                raise DataError(
                    f"{_shown(folder)} has the class {short(class_folder.name)}, which train lacks;"
                    f" train has {listed(map(readable, names), 120)}"
                )
            images = list(self._images(class_folder, folder))
            paths += images
            labels += [index[class_folder.name]] * len(images)
        return Files(tuple(paths), np.array(labels, dtype=np.int64))

    def without_images(self, folder: Path) -> str:
        """`folder`, and what of it was left out."""
        inside = f"{self._place(folder)}/"
        files = [pair for pair in self.left_out if pair[1].startswith(inside)]
        why = f" ({cut(left_out_text(by_reason(files)), 200)})" if files else ""
        return f"{_shown(folder)}{why}"

    def _images(self, class_folder: Path, split_folder: Path) -> Iterator[Path]:
        """The images under a class folder, folder by folder, those of a folder sorted by name."""
        seen = {_identity(self.root), _identity(split_folder)}
        waiting = [class_folder]
        while waiting:
            folder = waiting.pop()
            if (identity := _identity(folder)) in seen:
                self.left_out.append(("a link to a folder already read", self._place(folder)))
                continue
            seen.add(identity)
            folders, files = self._contents(folder)
            waiting += reversed(folders)
            for file in files:
                if why := why_no_image(file):
                    self.left_out.append((why, self._place(file)))
                else:
                    yield file

    def _leave_unsorted(self, files: list[Path]) -> None:
        self.left_out.extend([(why_no_image(file) or UNSORTED, self._place(file)) for file in files])

    def _leave_folder(self, reason: str, folder: Path) -> None:
        """Count every file in a folder, links to folders not followed."""
        for where, folders, files in os.walk(folder):
            folders.sort()
            self.left_out.extend([(reason, self._place(Path(where, file))) for file in sorted(files)])

    def _contents(self, folder: Path) -> tuple[list[Path], list[Path]]:
        """As `_visible`, and what is hidden or no regular file is left out."""
        folders, files, hidden, others = self._visible(folder)
        for path in hidden:
            if os.path.isdir(path):
                self._leave_folder(HIDDEN, path)
            else:
                self.left_out.append((HIDDEN, self._place(path)))
        self.left_out.extend([("no regular file", self._place(path)) for path in others])
        return folders, files

    def _visible(self, folder: Path) -> tuple[list[Path], list[Path], list[Path], list[Path]]:
        """Folders, regular files, what is hidden, and other things in `folder`, each sorted by name."""
        folders, files, hidden, others = list[Path](), list[Path](), list[Path](), list[Path]()
        try:
            with os.scandir(folder) as entries:
                for entry in sorted(entries, key=lambda entry: entry.name):
                    path = folder / entry.name
                    if entry.name.startswith(".") or entry.name in _SYSTEM:
                        hidden.append(path)
                    else:
                        (folders if _is(entry.is_dir) else files if _is(entry.is_file) else others).append(path)
        except OSError as error:
            raise DataError(f"cannot list {_shown(folder)}: {error.strerror}") from error
        return folders, files, hidden, others

    def _place(self, path: Path) -> str:
        return readable(os.path.relpath(path, self.root))


def _is(kind: Callable[[], bool]) -> bool:
    """Whether a directory entry is of a kind; a link that leads to itself is of none."""
    try:
        return kind()
    except OSError:
        return False


def _identity(folder: Path) -> tuple[int, int]:
    try:
        status = folder.stat()
    except OSError as error:
        raise DataError(f"cannot list {_shown(folder)}: {error.strerror}") from error
    return status.st_dev, status.st_ino


def _shown(path: Path) -> str:
    return repr(cut(readable(path), 160))
