"""What a source is, and what it gives: which images there are, with their classes, before any is decoded."""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from nas.data.decode import Item
from nas.data.splits import Indices
from nas.results.front import LeftOut

Stamp = tuple[str, int, int]
"""Path, bytes and modification time (ns) of a file."""

ImageReader = Callable[[str, int], Item]
"""Image i of a split: its file, its bytes, or its pixels as Pillow's."""


@dataclass(frozen=True, slots=True, eq=False)
class Catalogue:
    """The labelled images of a source, in the splits it has: `train` always.

    `labels` are class indices (int64, N) by split. `open` makes the images readable, from several threads
    at once. `channels` and `native_resolution` (pixels) are used where the settings say nothing; without the
    latter, images are measured. `stamps` tell whether the files have changed, `left_out` are those that take no part.
    """

    name: str
    classes: tuple[str, ...]
    labels: Mapping[str, Indices]
    open: Callable[[], ImageReader]
    stamps: Callable[[], Iterable[Stamp]]
    channels: int = 3
    native_resolution: int | None = None
    left_out: tuple[LeftOut, ...] = ()


class SourceSettings(Protocol):
    """Which images a source is asked for: those of `DataSettings` that are read by sources."""

    @property
    def path(self) -> str | None:
        """Where the images are."""

    @property
    def subset(self) -> str | None:
        """hf: which configuration."""

    @property
    def image_column(self) -> str | None:
        """hf: the column of images."""

    @property
    def label_column(self) -> str | None:
        """hf: the column of classes."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where labelled images come from.

    `read` raises `DataError` where they are missing or inconsistent. `path_help` is what data.path has to be, `own` the
    settings that no source takes but those that name them.
    """

    read: Callable[[SourceSettings], Catalogue]
    path: Literal["none", "optional", "required"]
    path_help: str = ""
    own: tuple[str, ...] = ()


def folder_of(settings: SourceSettings) -> Path:
    """`data.path` as a path, `~` expanded; it need not exist."""
    return Path(os.path.expanduser(settings.path or ""))  # unlike Path.expanduser, never an error
