"""Small image files and arrays, some of them broken, and how an error about them reads."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from nas.data.images import Images, Split
from nas.data.parts import split_catalogue
from nas.data.settings import DataSettings
from nas.data.sources import SOURCES
from nas.errors import NasError


def write_classes(folder: Path, counts: dict[str, int], size: tuple[int, int] = (12, 12)) -> Path:
    """One folder per class, of PNG files whose colours all differ."""
    for c, (name, count) in enumerate(counts.items()):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for i in range(count):
            Image.new("RGB", size, (40 * c, i % 256, i // 256)).save(folder / name / f"{i:04}.png")
    return folder


def from_folder(path: Path, **changes: Any) -> DataSettings:
    return DataSettings(source="imagefolder", path=str(path), **changes)


def split_paths(settings: DataSettings, seed: int = 0) -> dict[str, list[Path]]:
    """The files of each split of an image folder."""
    catalogue = SOURCES["imagefolder"].read(settings)
    read = catalogue.open()
    parts = split_catalogue(catalogue, settings, seed).items()
    return {name: [Path(str(read(part.origin, i))) for i in part.indices] for name, part in parts}


def pixel_sets(images: Images) -> list[set[bytes]]:
    return [{pixels.tobytes() for pixels in split.pixels} for split in images.splits.values()]


def random_images(train: int = 50, channels: int = 3, size: int = 12) -> Images:
    rng = np.random.default_rng(0)

    def split(count: int) -> Split:
        pixels = rng.integers(0, 256, (count, channels, size, size), dtype=np.uint8)
        return Split(pixels, rng.integers(0, 4, count))

    return Images(split(train), split(11), split(7), ("a", "b", "c", "d"), channels, 32)


def break_files(folder: Path) -> dict[Path, str]:
    """A text file, an empty file, cut PNG and JPEG files, a dangling link: broken in every usual way."""
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8))
    for suffix in ("png", "jpg"):
        noise.save(folder / f"cut.{suffix}")
        whole = (folder / f"cut.{suffix}").read_bytes()
        (folder / f"cut.{suffix}").write_bytes(whole[: len(whole) // 2])
    (folder / "text.png").write_text("not an\nimage")
    (folder / "empty.gif").touch()
    (folder / "link.png").symlink_to(folder / "nowhere.png")
    kinds = {"cut.png": "truncated", "cut.jpg": "truncated", "text.png": "cannot identify"}
    return {folder / name: why for name, why in (kinds | {"empty.gif": "", "link.png": "No such file"}).items()}


def assert_one_line(error: NasError) -> None:
    assert "\n" not in str(error)
    assert len(str(error)) > 20
