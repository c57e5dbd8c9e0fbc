"""Image data: reading any file, any layout, splitting, the shared copy on disk, and the training loaders."""

import json
import os
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from nas.data import decode as decoding
from nas.data.augment import augment, mixup
from nas.data.batches import Batch, ImageData, normalise
from nas.data.decode import decode_all, square
from nas.data.folders import list_images
from nas.data.images import SPLITS, Images, Skipped, Split, channel_statistics, imbalance, open_saved, save
from nas.data.parts import split_catalogue
from nas.data.prepare import describe, prepare
from nas.data.settings import DataSettings
from nas.data.sources import SOURCES
from nas.data.sources.digits import load_digits_images
from nas.data.splits import carve, choose
from nas.errors import ConfigError, DataError, NasError, RunError

RED = (200, 30, 30)


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


# --- one file -------------------------------------------------------------------------------------


def palette(transparency: object = None) -> tuple[Image.Image, dict[str, Any]]:
    image = Image.new("P", (9, 9), 1)
    image.putpalette([0, 0, 255, *RED])
    return image, {} if transparency is None else {"transparency": transparency}


# name: image, options of save, suffix, expected RGB (within 6: JPEG and CMYK are not exact)
MODES: dict[str, tuple[Image.Image, dict[str, Any], str, tuple[int, int, int]]] = {
    "RGB": (Image.new("RGB", (9, 9), RED), {}, ".png", RED),
    "RGB jpg": (Image.new("RGB", (9, 9), RED), {"quality": 95}, ".JPG", RED),
    "RGB webp": (Image.new("RGB", (9, 9), RED), {"lossless": True}, ".webp", RED),
    "RGB bmp": (Image.new("RGB", (9, 9), RED), {}, ".bmp", RED),
    "RGB ppm": (Image.new("RGB", (9, 9), RED), {}, ".ppm", RED),
    "RGB with a transparent colour": (Image.new("RGB", (9, 9), RED), {"transparency": RED}, ".png", (255, 255, 255)),
    "L": (Image.new("L", (9, 9), 77), {}, ".png", (77, 77, 77)),
    "L pgm": (Image.new("L", (9, 9), 77), {}, ".pgm", (77, 77, 77)),
    "P": (*palette(), ".png", RED),
    "P gif": (*palette(), ".gif", RED),
    "P with a transparent index": (*palette(1), ".png", (255, 255, 255)),
    "P with alpha per index": (*palette(bytes([255, 0])), ".png", (255, 255, 255)),
    "1": (Image.new("1", (9, 9), 1), {}, ".png", (255, 255, 255)),
    "RGBA opaque": (Image.new("RGBA", (9, 9), (*RED, 255)), {}, ".png", RED),
    "RGBA clear": (Image.new("RGBA", (9, 9), (*RED, 0)), {}, ".png", (255, 255, 255)),
    "RGBA half": (Image.new("RGBA", (9, 9), (0, 0, 0, 128)), {}, ".tiff", (127, 127, 127)),
    "LA half": (Image.new("LA", (9, 9), (0, 128)), {}, ".png", (127, 127, 127)),
    "CMYK": (Image.new("CMYK", (9, 9), (0, 255, 255, 0)), {}, ".tif", (255, 0, 0)),
    "CMYK jpg": (Image.new("CMYK", (9, 9), (0, 255, 255, 0)), {"quality": 95}, ".jpeg", (254, 0, 0)),
    "I;16": (Image.new("I;16", (9, 9), 40000), {}, ".png", (156, 156, 156)),
    "I": (Image.new("I", (9, 9), 40000), {}, ".tif", (156, 156, 156)),
    "F": (Image.new("F", (9, 9), 0.25), {}, ".tif", (64, 64, 64)),
    "F up to 255": (Image.new("F", (9, 9), 64.0), {}, ".tif", (64, 64, 64)),
}


@pytest.mark.parametrize("name", MODES)
def test_every_mode_is_read_as_rgb_and_as_grey(name: str, tmp_path: Path) -> None:
    image, options, suffix, expected = MODES[name]
    path = tmp_path / f"image{suffix}"
    image.save(path, **options)
    rgb = decoding.decode(path, 6, 3)
    assert rgb.shape == (3, 6, 6)
    assert rgb.dtype == np.uint8
    np.testing.assert_allclose(rgb.mean(axis=(1, 2)), expected, atol=6)
    grey = decoding.decode(path, 6, 1)
    assert grey.shape == (1, 6, 6)
    luma = 0.299 * expected[0] + 0.587 * expected[1] + 0.114 * expected[2]
    np.testing.assert_allclose(grey.mean(), luma, atol=6)


def test_alpha_is_laid_on_white() -> None:
    image = Image.new("RGBA", (4, 4), (*RED, 0))
    image.paste((*RED, 255), (2, 0, 4, 4))
    pixels = square(image, 4, 3)
    assert (pixels[:, :, :2] == 255).all()
    assert (pixels[:, :, 2:] == np.array(RED)[:, None, None]).all()


@pytest.mark.parametrize("high", [65535, 4095])
def test_16_bit_is_scaled_and_not_clipped(high: int, tmp_path: Path) -> None:
    ramp = np.linspace(0, high, 64).astype(np.uint16).reshape(8, 8)
    Image.fromarray(ramp).save(tmp_path / "ramp.png")
    pixels = decoding.decode(tmp_path / "ramp.png", 8, 1)[0]
    np.testing.assert_array_equal(pixels, np.rint(ramp / 257))


@pytest.mark.parametrize(("low", "high"), [(-3.0, 5.0), (0.0, 1e6)])
def test_floats_of_unknown_range_are_stretched(low: float, high: float) -> None:
    ramp = np.linspace(low, high, 64, dtype=np.float32).reshape(8, 8)
    pixels = square(Image.fromarray(ramp), 8, 1)[0]
    np.testing.assert_allclose(pixels.ravel(), np.linspace(0, 255, 64), atol=0.51)


def test_float_without_contrast_or_with_nan_is_read() -> None:
    assert (square(Image.fromarray(np.full((5, 5), -7, dtype=np.float32)), 4, 1) == 0).all()
    assert square(Image.fromarray(np.full((5, 5), np.nan, dtype=np.float32)), 4, 3).shape == (3, 4, 4)


def test_exif_orientation_is_honoured(tmp_path: Path) -> None:
    image = Image.new("RGB", (16, 16), (0, 0, 0))
    image.paste((255, 255, 255), (0, 0, 8, 16))  # left half white, as stored
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise to show
    image.save(tmp_path / "turned.png", exif=exif)
    pixels = decoding.decode(tmp_path / "turned.png", 16, 1)[0]
    assert (pixels[:8] == 255).all()
    assert (pixels[8:] == 0).all()


def test_animation_gives_its_first_frame(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in (RED, (0, 0, 255))]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    np.testing.assert_allclose(decoding.decode(tmp_path / "a.gif", 8, 3).mean(axis=(1, 2)), RED, atol=6)


@settings(max_examples=40, deadline=None)
@given(width=st.integers(1, 70), height=st.integers(1, 70), resolution=st.integers(1, 40))
def test_any_size_becomes_the_resolution(width: int, height: int, resolution: int) -> None:
    pixels = square(Image.new("RGB", (width, height), RED), resolution, 3)
    assert pixels.shape == (3, resolution, resolution)
    assert (pixels == np.array(RED)[:, None, None]).all()


def test_the_centre_is_kept(tmp_path: Path) -> None:
    image = Image.new("L", (300, 100), 0)
    image.paste(255, (100, 0, 200, 100))
    assert (square(image, 100, 1) == 255).all()


def test_large_jpeg_is_reduced_to_the_same_picture(tmp_path: Path) -> None:
    ramp = np.linspace(0, 255, 512).astype(np.uint8)
    image = Image.fromarray(np.broadcast_to(ramp, (400, 512)).copy())
    image.save(tmp_path / "photo.jpg", quality=95)
    expected = square(image, 24, 1).astype(int)
    np.testing.assert_allclose(decoding.decode(tmp_path / "photo.jpg", 24, 1), expected, atol=4)


# --- many files -----------------------------------------------------------------------------------


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


def test_broken_files_are_skipped_and_named(tmp_path: Path) -> None:
    root = write_classes(tmp_path / "data", {"cat": 20, "dog": 20})
    broken = break_files(root / "cat")
    images = prepare(from_folder(root), 0, 12, tmp_path / "saved")
    assert {skipped.path for skipped in images.skipped} == {str(path) for path in broken}
    for skipped in images.skipped:
        assert broken[Path(skipped.path)] in skipped.reason
        assert "\n" not in skipped.reason
    assert sum(map(len, images.splits.values())) == 40
    for name, paths in split_paths(from_folder(root)).items():  # none moved to another split
        assert len(images.splits[name]) == len(set(paths) - set(broken))
    for part in images.splits.values():  # pixels and labels still belong together: write_classes puts 40 c in red
        np.testing.assert_array_equal(part.pixels[:, 0, 0, 0], 40 * part.labels)


def test_mostly_broken_data_is_refused(tmp_path: Path) -> None:
    root = write_classes(tmp_path, {"cat": 3, "dog": 1})
    break_files(root / "cat")
    with pytest.raises(DataError, match=r"^5 of 9 images cannot be read, the first is '.*' \(.*\)$"):
        decode_all(9, list_images(root).splits["train"].paths.__getitem__, str, 8, 3)


def test_more_than_fits_in_memory_is_refused_before_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "MEMORY_LIMIT_BYTES", 1000)
    with pytest.raises(DataError, match=r"data\.limit=5 or less"):
        decode_all(6, lambda i: Path("none.png"), str, 8, 3)


# --- layouts --------------------------------------------------------------------------------------


@pytest.mark.parametrize("val", ["val", "valid", "validation", "Val", None])
@pytest.mark.parametrize("test", ["test", None])
def test_split_folders_are_used_and_missing_ones_carved(val: str | None, test: str | None, tmp_path: Path) -> None:
    root = tmp_path / "data"
    write_classes(root / "train", {"cat": 40, "dog": 20}, size=(20, 20))
    for folder, count in ((val, 5), (test, 4)):
        if folder:
            write_classes(root / folder, {"cat": count, "dog": count}, size=(21, 21))
    images = prepare(from_folder(root), 0, 16, tmp_path / "saved")
    carved = {"cat": 6, "dog": 3}
    assert images.classes == ("cat", "dog")
    assert images.counts["val"] == ({"cat": 5, "dog": 5} if val else carved)
    assert images.counts["test"] == ({"cat": 4, "dog": 4} if test else carved)
    gone = (0 if val else 1) + (0 if test else 1)
    assert images.counts["train"] == {"cat": 40 - 6 * gone, "dog": 20 - 3 * gone}


def test_one_folder_is_carved_into_disjoint_stratified_splits(tmp_path: Path) -> None:
    root = write_classes(tmp_path / "data", {"a": 100, "b": 40, "c": 3})
    images = prepare(from_folder(root), 0, 12, tmp_path / "saved")
    assert images.counts == {
        "train": {"a": 70, "b": 28, "c": 1},
        "val": {"a": 15, "b": 6, "c": 1},
        "test": {"a": 15, "b": 6, "c": 1},
    }
    train, val, test = pixel_sets(images)
    assert len(train | val | test) == 143
    assert not (train & val)
    assert not (train & test)
    assert not (val & test)


def test_hidden_and_foreign_files_are_no_part_of_the_data(tmp_path: Path) -> None:
    root = write_classes(tmp_path, {"cat": 2, "dog": 2, ".cache": 2})
    (root / "readme.txt").write_text("about")
    (root / "cat" / "Thumbs.db").write_text("")
    (root / "cat" / "._0000.png").write_text("")
    (root / "cat" / "folder.png").mkdir()
    (root / "cat" / "LOUD.PNG").write_bytes((root / "cat" / "0000.png").read_bytes())
    listing = list_images(root)
    assert listing.classes == ("cat", "dog")
    names = [path.name for path in listing.splits["train"].paths]
    assert names == ["0000.png", "0001.png", "LOUD.PNG", "0000.png", "0001.png"]


def test_a_class_may_be_called_like_a_split(tmp_path: Path) -> None:
    assert list_images(write_classes(tmp_path, {"car": 2, "train": 2, "valid": 2})).classes == ("car", "train", "valid")


def test_native_resolution_is_the_median_short_side_at_least_64(tmp_path: Path) -> None:
    small = write_classes(tmp_path / "small", {"a": 4, "b": 4}, size=(9, 30))
    large = write_classes(tmp_path / "large", {"a": 4, "b": 4}, size=(90, 80))
    saved = tmp_path / "saved"
    assert prepare(from_folder(small), 0, 8, saved).native_resolution == 64
    images = prepare(from_folder(large), 0, None, saved)
    assert images.native_resolution == images.resolution == 80
    images = prepare(from_folder(large, native_resolution=24), 0, None, saved)
    assert images.native_resolution == images.resolution == 24


@pytest.mark.parametrize("channels", [None, 1, 3])
def test_channels(channels: int | None, tmp_path: Path) -> None:
    root = write_classes(tmp_path / "data", {"a": 4, "b": 4})
    for made, default in ((from_folder(root, channels=channels), 3), (DataSettings(channels=channels, limit=50), 1)):
        images = prepare(made, 0, 8, tmp_path / "saved")
        assert images.channels == images.train.pixels.shape[1] == (channels or default)


# --- splits, limit --------------------------------------------------------------------------------


def test_same_seed_same_split_other_seed_other_split(tmp_path: Path) -> None:
    settings = DataSettings()
    first, again, other = (
        prepare(settings, seed, 8, tmp_path / place) for seed, place in ((1, "a"), (1, "b"), (2, "c"))
    )
    for name in SPLITS:
        np.testing.assert_array_equal(first.splits[name].pixels, again.splits[name].pixels)
        np.testing.assert_array_equal(first.splits[name].labels, again.splits[name].labels)
    assert not np.array_equal(first.test.labels, other.test.labels)


@given(
    sizes=st.lists(st.integers(1, 40), min_size=2, max_size=6),
    fractions=st.tuples(st.floats(0.01, 0.45), st.floats(0.01, 0.45)),
    seed=st.integers(0, 99),
)
def test_carving_is_a_stratified_partition(sizes: list[int], fractions: tuple[float, float], seed: int) -> None:
    labels = np.repeat(np.arange(len(sizes)), sizes)
    parts = carve(labels, fractions, np.random.default_rng(seed))
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(len(labels)))
    for label, size in enumerate(sizes):
        rest, *carved = [int((labels[part] == label).sum()) for part in parts]
        assert rest >= 1
        for got, fraction in zip(carved, fractions, strict=True):
            assert got <= max(1, round(size * fraction) + 1)
            assert got >= (1 if size > 5 else 0)


@given(sizes=st.lists(st.integers(1, 60), min_size=1, max_size=8), count=st.integers(8, 200), seed=st.integers(0, 99))
def test_choosing_keeps_class_shares(sizes: list[int], count: int, seed: int) -> None:
    labels = np.repeat(np.arange(len(sizes)), sizes)
    chosen = choose(labels, count, np.random.default_rng(seed))
    assert len(set(chosen.tolist())) == len(chosen) == min(count, len(labels))
    got = np.bincount(labels[chosen], minlength=len(sizes))
    assert (got >= 1).all()
    if count < len(labels):
        lifted = sum(1 for size in sizes if count * size / len(labels) < 1)
        assert (np.abs(got - count * np.array(sizes) / len(labels)) <= 1 + lifted).all()


def test_choosing_fewer_than_the_classes_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least the number of classes, 3, got 2"):
        choose(np.array([0, 1, 2, 0]), 2, np.random.default_rng(0))


def test_limit_holds_before_decoding(tmp_path: Path) -> None:
    root = tmp_path / "data"
    write_classes(root / "train", {"cat": 60, "dog": 20})
    write_classes(root / "val", {"cat": 30, "dog": 30})
    settings = from_folder(root, limit=40, val_fraction=0.25, test_fraction=0.1)
    parts = split_catalogue(SOURCES["imagefolder"].read(settings), settings, 0)
    counts = {name: np.bincount(part.labels).tolist() for name, part in parts.items()}
    assert counts == {"train": [27, 9], "test": [3, 1], "val": [5, 5]}
    chosen = {path for paths in split_paths(settings).values() for path in paths}
    for path in set(root.glob("*/*/*.png")) - chosen:
        path.write_text("broken: must never be opened")
    assert prepare(settings, 0, 8, tmp_path / "saved").skipped == ()


def test_limit_on_digits(tmp_path: Path) -> None:
    images = prepare(DataSettings(limit=200), 0, 8, tmp_path)
    assert sum(map(len, images.splits.values())) == 200
    assert min(images.counts["train"].values()) >= 10


# --- digits, statistics ---------------------------------------------------------------------------


def test_digits_are_the_real_scans() -> None:
    pixels, labels = load_digits_images()
    assert pixels.shape == (1797, 8, 8)
    assert pixels.dtype == np.uint8
    assert (pixels.min(), pixels.max()) == (0, 255)
    assert labels.dtype == np.int64
    assert describe(DataSettings()).classes == tuple("0123456789")
    assert np.bincount(labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


def test_statistics_are_those_of_the_float_pixels() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (300, 3, 5, 5), dtype=np.uint8)
    mean, std = channel_statistics(pixels)
    np.testing.assert_allclose(mean, (pixels / 255).mean(axis=(0, 2, 3)))
    np.testing.assert_allclose(std, (pixels / 255).std(axis=(0, 2, 3)))
    assert channel_statistics(np.zeros((2, 1, 3, 3), dtype=np.uint8)) == ((0.0,), (1 / 255,))


# --- the saved copy -------------------------------------------------------------------------------


def test_saved_images_come_back_as_read_only_maps(tmp_path: Path) -> None:
    images = random_images()
    images = Images(images.train, images.val, images.test, images.classes, 3, 48, (Skipped("a.png", "cut"),))
    save(images, tmp_path / "saved")
    save(images, tmp_path / "saved")  # replaces
    back = open_saved(tmp_path / "saved")
    for name in SPLITS:
        np.testing.assert_array_equal(back.splits[name].pixels, images.splits[name].pixels)
        np.testing.assert_array_equal(back.splits[name].labels, images.splits[name].labels)
        assert isinstance(back.splits[name].pixels, np.memmap)
        assert not back.splits[name].pixels.flags.writeable
    fields = ("classes", "channels", "native_resolution", "skipped", "mean", "std")
    assert [getattr(back, field) for field in fields] == [getattr(images, field) for field in fields]
    assert [path.name for path in tmp_path.iterdir()] == ["saved"]


@pytest.fixture
def decodings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one whenever files are decoded."""
    calls: list[int] = []

    def counted(*arguments: object) -> object:
        calls.append(1)
        return decode_all(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr("nas.data.prepare.decode_all", counted)
    return calls


def test_the_saved_copy_is_reused_until_the_files_change(tmp_path: Path, decodings: list[int]) -> None:
    root, saved = write_classes(tmp_path / "data", {"cat": 10, "dog": 10}), tmp_path / "saved"
    first = prepare(from_folder(root), 0, 8, saved)
    again = prepare(from_folder(root, flip=True, shift=2), 0, 8, saved)  # augmentation changes no stored pixel
    assert len(decodings) == 1
    np.testing.assert_array_equal(first.train.pixels, again.train.pixels)

    Image.new("RGB", (9, 9), RED).save(root / "cat" / "new.png")
    assert sum(map(len, prepare(from_folder(root), 0, 8, saved).splits.values())) == 21
    os.utime(root / "cat" / "new.png", ns=(1, 1))
    prepare(from_folder(root), 0, 8, saved)
    (root / "cat" / "new.png").unlink()
    assert sum(map(len, prepare(from_folder(root), 0, 8, saved).splits.values())) == 20
    assert len(decodings) == 4
    assert {path.name for path in tmp_path.iterdir()} == {"data", "saved"}  # nothing temporary is left


def test_other_settings_seed_or_resolution_replace_the_copy(tmp_path: Path, decodings: list[int]) -> None:
    root, saved = write_classes(tmp_path / "data", {"cat": 10, "dog": 10}), tmp_path / "saved"
    for made, seed, resolution in (
        (from_folder(root), 0, 8),
        (from_folder(root), 0, 9),
        (from_folder(root), 1, 9),
        (from_folder(root, limit=10), 1, 9),
        (from_folder(root, limit=10, channels=1), 1, 9),
    ):
        for _ in range(2):
            images = prepare(made, seed, resolution, saved)
            assert images.resolution == resolution
            assert images.channels == (made.channels or 3)
    assert len(decodings) == 5


def test_an_open_copy_outlives_its_replacement(tmp_path: Path) -> None:
    first = prepare(DataSettings(limit=100), 0, 8, tmp_path / "saved")
    before = first.train.pixels.sum()
    prepare(DataSettings(limit=100), 1, 16, tmp_path / "saved")
    assert first.resolution == 8
    assert first.train.pixels.sum() == before


def test_a_folder_of_something_else_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "study.journal").write_text("precious")
    with pytest.raises(RunError, match=r"^'.*run' holds 'study.journal'; images are saved in a folder of their own$"):
        prepare(DataSettings(limit=50), 0, 8, tmp_path / "run")
    assert (tmp_path / "run" / "study.journal").read_text() == "precious"


@pytest.mark.parametrize("damage", ["cut", "removed", "json"])
def test_a_damaged_copy_is_made_again(damage: str, tmp_path: Path, decodings: list[int]) -> None:
    root, saved = write_classes(tmp_path / "data", {"cat": 10, "dog": 10}), tmp_path / "saved"
    prepare(from_folder(root), 0, 8, saved)
    if damage == "cut":
        pixels = (saved / "train_pixels.npy").read_bytes()
        (saved / "train_pixels.npy").write_bytes(pixels[:200])
    elif damage == "removed":
        (saved / "val_labels.npy").unlink()
    else:
        (saved / "images.json").write_text(json.dumps({"schema": 1}))
    with pytest.raises(DataError, match="make it again"):
        open_saved(saved)
    assert sum(map(len, prepare(from_folder(root), 0, 8, saved).splits.values())) == 20
    assert len(decodings) == 2


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")
    for folder, message in ((tmp_path / "file", "is a file"), (tmp_path / "file" / "saved", "cannot save the images")):
        with pytest.raises(RunError, match=message) as caught:
            prepare(DataSettings(limit=50), 0, 8, folder)
        assert_one_line(caught.value)
    assert (tmp_path / "file").read_text() == "precious"


# --- errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"source": "mnist"}, "unknown data source 'mnist'; known: cifar10, digits, fashion_mnist, hf, imagefolder"),
        ({"source": "imagefolder"}, "data=imagefolder needs data.path=FOLDER"),
        ({"source": "cifar10"}, "data=cifar10 needs data.path=FOLDER, the unpacked binary version or"),
        ({"source": "hf"}, "data=hf needs data.path=NAME, a data set of the Hugging Face Hub, or"),
        ({"path": "x"}, "data.path is for cifar10, fashion_mnist, hf, imagefolder, got 'x' with data=digits"),
        ({"subset": "x"}, "data.subset is for data=hf, got 'x' with data=digits"),
        ({"mixup": -1}, r"data.mixup must be a number from 0 \(off\) to 10, got -1"),
        ({"randaugment": 2}, r"data.randaugment must be \[n, m\], such as \[2, 9\], got 2"),
        ({"randaugment": (2, 30)}, "m of data.randaugment must be a whole number from 1 to 29, got 30"),
        ({"channels": 2}, r"data.channels must be 1 \(grey\) or 3 \(RGB\), got 2"),
        ({"val_fraction": 0}, "data.val_fraction must be a number between 0 and 1, got 0"),
        ({"test_fraction": "a"}, "data.test_fraction must be a number between 0 and 1, got 'a'"),
        ({"val_fraction": 0.5, "test_fraction": 0.5}, "must leave images to train on, got 0.5 [+] 0.5"),
        ({"flip": 1}, "data.flip must be true or false, got 1"),
        ({"shift": -1}, "data.shift must be a whole number from 0 to 1024, got -1"),
        ({"shift": 1.5}, "data.shift must be a whole number"),
        ({"limit": 0}, "data.limit must be a whole number from 2"),
        ({"limit": True}, "data.limit must be a whole number .* got True"),
        ({"native_resolution": 2}, "data.native_resolution must be a whole number from 8 to 1024, got 2"),
    ],
)
def test_wrong_settings_say_what_is_allowed(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        DataSettings(**changes)  # type: ignore[arg-type]
    assert_one_line(caught.value)


def missing(root: Path) -> None:
    root.rmdir()


def is_file(root: Path) -> None:
    root.rmdir()
    root.touch()


def no_classes(root: Path) -> None:
    Image.new("L", (4, 4)).save(root / "loose.png")


def one_class(root: Path) -> None:
    write_classes(root, {"cat": 5})


def empty_class(root: Path) -> None:
    write_classes(root, {"cat": 5, "dog": 5, "emu": 0})


def unreadable_class(root: Path) -> None:
    write_classes(root, {"cat": 9, "dog": 9, "emu": 0})
    break_files(root / "emu")


def unknown_class_in_val(root: Path) -> None:
    write_classes(root / "train", {"cat": 5, "dog": 5})
    write_classes(root / "val", {"cat": 5, "emu": 5})


def empty_val(root: Path) -> None:
    write_classes(root / "train", {"cat": 5, "dog": 5})
    write_classes(root / "val", {"cat": 0})


def two_vals(root: Path) -> None:
    for split in ("train", "val", "valid"):
        write_classes(root / split, {"cat": 5, "dog": 5})


def no_train(root: Path) -> None:
    write_classes(root / "test", {"cat": 5, "dog": 5})


def too_few(root: Path) -> None:
    write_classes(root, {"cat": 1, "dog": 1})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (missing, "data.path '.*' does not exist; give a folder of <class>/<image>"),
        (is_file, "data.path '.*' is a file; unpack it"),
        (no_classes, "no class folders in '.*'; expected <class>/<image>"),
        (one_class, "only one class, 'cat', in '.*'; at least two are needed"),
        (empty_class, "class 'emu' has no image file in '.*emu'; add images or remove the folder"),
        (unreadable_class, "class 'emu' of '.*' has no readable image in train"),
        (unknown_class_in_val, "'.*val' has the class 'emu', which train lacks; train has cat, dog"),
        (empty_val, "no image file in '.*val'; add images, or remove it to carve val"),
        (two_vals, "'.*' has both 'val' and 'valid'; keep one of them"),
        (no_train, "'.*' has 'test' but no train; expected"),
        (too_few, "2 images in '.*' are too few to carve val"),
    ],
)
def test_wrong_folders_say_what_is_wrong(make: Callable[[Path], None], message: str, tmp_path: Path) -> None:
    root = tmp_path / "data"
    root.mkdir()
    make(root)
    with pytest.raises(DataError, match=message) as caught:
        prepare(from_folder(root), 0, 8, tmp_path / "saved")
    assert_one_line(caught.value)


def test_limit_below_the_classes_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"data\.limit=5 is below the number of classes, 10; give at least 30"
    ) as caught:
        prepare(DataSettings(limit=5), 0, 8, tmp_path)
    assert_one_line(caught.value)


@pytest.mark.parametrize("resolution", [0, 4, 5000, 32.0])
def test_wrong_resolution_is_an_error(resolution: int, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="resolution must be a whole number from 8 to 1024"):
        prepare(DataSettings(), 0, resolution, tmp_path)


def assert_one_line(error: NasError) -> None:
    assert "\n" not in str(error)
    assert len(str(error)) > 20


# --- loaders --------------------------------------------------------------------------------------


def batches_of(loader: Iterable[Batch]) -> Batch:
    pixels, labels = zip(*loader, strict=True)
    return torch.cat(pixels), torch.cat(labels)


def test_training_batches_are_normalised() -> None:
    pixels, _ = batches_of(ImageData(random_images(), batch_size=8).train_dataloader())
    torch.testing.assert_close(pixels.mean((0, 2, 3)), torch.zeros(3), atol=1e-4, rtol=0)
    torch.testing.assert_close(pixels.std((0, 2, 3), correction=0), torch.ones(3), atol=1e-4, rtol=0)


def test_an_epoch_holds_every_image_once_and_the_next_in_another_order() -> None:
    images = random_images(train=50)
    plain = Images(images.train, images.train, images.test, images.classes, 3, 32)
    data = ImageData(plain, batch_size=8)
    in_order, _ = batches_of(data.val_dataloader())
    loader = data.train_dataloader()
    assert len(loader) == 7
    first, second = batches_of(loader)[0], batches_of(loader)[0]
    assert not torch.equal(first, second)
    for epoch in (first, second):
        assert sorted(epoch.sum((1, 2, 3)).tolist()) == sorted(in_order.sum((1, 2, 3)).tolist())


@pytest.mark.parametrize(("count", "sizes"), [(48, [16, 16, 16]), (49, [16, 16, 16]), (50, [16, 16, 16, 2]), (9, [9])])
def test_a_last_training_batch_of_one_is_dropped(count: int, sizes: list[int]) -> None:
    data = ImageData(random_images(train=count), batch_size=16)
    assert [len(labels) for _, labels in data.train_dataloader()] == sizes


def test_val_and_test_are_whole_in_order_and_never_augmented() -> None:
    images = random_images()
    still = ImageData(images, batch_size=5, seed=1)
    moving = ImageData(images, batch_size=5, seed=2, flip=True, shift=3)
    for name in ("val", "test"):
        pixels, labels = batches_of(getattr(still, f"{name}_dataloader")())
        again, _ = batches_of(getattr(moving, f"{name}_dataloader")())
        torch.testing.assert_close(pixels, again, atol=0, rtol=0)
        assert labels.tolist() == images.splits[name].labels.tolist()


def test_the_seed_decides_order_and_augmentation_and_nothing_else_does() -> None:
    images = random_images()

    def two_epochs(seed: int) -> torch.Tensor:
        torch.rand(1)  # torch's global generator must not matter
        loader = ImageData(images, batch_size=8, seed=seed, flip=True, shift=2).train_dataloader()
        return torch.cat([batches_of(loader)[0], batches_of(loader)[0]])

    first, again, other = two_epochs(3), two_epochs(3), two_epochs(4)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_loaders_leave_the_global_generator_alone() -> None:
    data = ImageData(random_images(), batch_size=8, flip=True, shift=2)
    state = torch.get_rng_state()
    for loader in (data.train_dataloader(), data.val_dataloader(), data.test_dataloader()):
        batches_of(loader)
    assert torch.equal(state, torch.get_rng_state())


@settings(max_examples=25, deadline=None)
@given(shift=st.integers(0, 3), flip=st.booleans(), seed=st.integers(0, 999))
def test_augmentation_equals_moving_each_image_alone(shift: int, flip: bool, seed: int) -> None:
    batch = torch.rand(6, 2, 5, 5) + 1
    moved = augment(batch, flip, shift, torch.Generator().manual_seed(seed))
    assert moved.shape == batch.shape
    assert moved.is_contiguous()
    for image, got in zip(batch, moved, strict=True):
        padded = [torch.nn.functional.pad(i, (shift,) * 4) for i in ([image, image.flip(-1)] if flip else [image])]
        places = range(2 * shift + 1)
        assert any(torch.equal(got, p[:, y : y + 5, x : x + 5]) for p in padded for y in places for x in places)


def test_augmentation_moves_images_differently() -> None:
    batch = torch.rand(1, 1, 6, 6).expand(500, 1, 6, 6)
    moved = augment(batch, True, 1, torch.Generator().manual_seed(0))
    assert len({image.numpy().tobytes() for image in moved}) == 18  # 3 x 3 places, flipped or not


@pytest.mark.parametrize("resolution", [6, 12, 24])
def test_training_resolution(resolution: int) -> None:
    images = random_images()
    data = ImageData(images, batch_size=8, resolution=resolution, shift=1)
    for loader in (data.train_dataloader(), data.val_dataloader()):
        assert next(iter(loader))[0].shape == (8, 3, resolution, resolution)
    flat = Split(np.full_like(images.val.pixels, 77), images.val.labels)
    data = ImageData(
        Images(images.train, flat, images.test, images.classes, 3, 32), batch_size=8, resolution=resolution
    )
    pixels, _ = batches_of(data.val_dataloader())
    expected = (77 / 255 - torch.tensor(images.mean)) / torch.tensor(images.std)
    torch.testing.assert_close(pixels, expected.view(1, 3, 1, 1).expand_as(pixels))


def test_preprocessing_is_json_and_gives_what_the_network_saw() -> None:
    images = random_images()
    data = ImageData(images, batch_size=11)
    told = json.loads(json.dumps(data.preprocessing()))
    assert told["resolution"] == 12
    assert told["channels"] == 3
    assert told["classes"] == ["a", "b", "c", "d"]
    shape = (1, 3, 1, 1)
    scaled = images.val.pixels * told["scale"]
    expected = (scaled - np.reshape(told["mean"], shape)) / np.reshape(told["std"], shape)
    np.testing.assert_allclose(next(iter(data.val_dataloader()))[0].numpy(), expected, atol=1e-5)


@pytest.mark.parametrize(
    "wrong", [{"batch_size": 1}, {"batch_size": 8, "resolution": 0}, {"batch_size": 8, "shift": -1}]
)
def test_wrong_loader_values_are_errors(wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="must be") as caught:
        ImageData(random_images(), **wrong)  # type: ignore[arg-type]
    assert_one_line(caught.value)


# --- mixup, RandAugment, devices, imbalance -------------------------------------------------------


def test_mixup_blends_images_and_labels_by_the_same_share() -> None:
    images = random_images()
    _, soft = batches_of(ImageData(images, batch_size=25, seed=4, mixup=0.4).train_dataloader())
    _, labels = batches_of(ImageData(images, batch_size=25, mixup=0.4).val_dataloader())
    assert soft.shape == (50, 4)
    torch.testing.assert_close(soft.sum(1), torch.ones(50))
    assert ((soft > 0).sum(1) == 2).any()
    assert labels.dtype == torch.int64  # validation is never mixed


@given(alpha=st.floats(0.1, 5), seed=st.integers(0, 99))
def test_every_mixed_image_is_on_the_line_between_two(alpha: float, seed: int) -> None:
    batch, labels = torch.rand(7, 2, 3, 3), torch.arange(7)
    mixed, soft = mixup(batch, labels, 7, alpha, torch.Generator().manual_seed(seed))
    torch.testing.assert_close(mixed, torch.einsum("nm,mchw->nchw", soft, batch))  # as the labels say
    shares = {round(share, 4) for share in soft.diagonal().tolist()}
    assert len(shares - {1.0}) <= 1  # one share for the batch; an image paired with itself keeps all


def test_mixup_is_the_same_for_the_same_seed() -> None:
    def epoch(seed: int) -> torch.Tensor:
        torch.rand(1)
        np.random.default_rng()
        return batches_of(ImageData(random_images(), batch_size=8, seed=seed, mixup=1).train_dataloader())[0]

    assert torch.equal(epoch(1), epoch(1))
    assert not torch.equal(epoch(1), epoch(2))


@pytest.mark.parametrize("channels", [1, 3])
def test_randaugment_changes_images_and_repeats(channels: int) -> None:
    pytest.importorskip("kornia", reason="needs the extra augment: pip install 'sepconv-nas[augment]'")
    images = random_images(channels=channels)

    def epoch(seed: int, randaugment: tuple[int, int] | None) -> torch.Tensor:
        torch.rand(1)
        data = ImageData(images, batch_size=10, seed=seed, randaugment=randaugment)
        return batches_of(data.train_dataloader())[0]

    state = torch.get_rng_state()
    first = epoch(1, (2, 9))
    torch.set_rng_state(state)
    torch.rand(1)
    again = epoch(1, (2, 9))
    assert first.shape == (50, channels, 12, 12)
    assert torch.isfinite(first).all()
    assert torch.equal(first, again)
    assert not torch.equal(first, epoch(2, (2, 9)))
    assert not torch.equal(first, epoch(1, (2, 25)))
    low = (0 - torch.tensor(images.mean)) / torch.tensor(images.std)
    high = (1 - torch.tensor(images.mean)) / torch.tensor(images.std)
    assert (first >= low.view(1, -1, 1, 1) - 1e-4).all()
    assert (first <= high.view(1, -1, 1, 1) + 1e-4).all()


def test_randaugment_without_kornia_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kornia.augmentation.auto", None)
    with pytest.raises(ConfigError, match=r"pip install 'sepconv-nas\[augment\]'$") as caught:
        ImageData(random_images(), batch_size=8, randaugment=(2, 9))
    assert_one_line(caught.value)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=re.escape(str(caught.value))):  # and before anything is decoded
        DataSettings(randaugment=(2, 9))


def test_batches_come_on_the_device_and_are_those_of_the_cpu() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no GPU")
    images = random_images()

    def epoch(device: str) -> Batch:
        data = ImageData(images, batch_size=8, resolution=9, flip=True, shift=2, mixup=0.4, device=device)
        return batches_of(data.train_dataloader())

    for cpu, gpu in zip(epoch("cpu"), epoch("cuda"), strict=True):
        assert gpu.is_cuda
        torch.testing.assert_close(gpu.cpu(), cpu, atol=1e-5, rtol=1e-5)


def test_the_work_happens_on_the_device() -> None:
    """The meta device holds no values, so that anything left on the CPU would not mix with it."""
    pixels = torch.empty(6, 3, 12, 12, dtype=torch.uint8, device="meta")
    scaled = normalise(pixels, (0.5,) * 3, (0.2,) * 3)
    moved = augment(scaled, True, 2, torch.Generator().manual_seed(0))
    assert (scaled.device.type, moved.device.type) == ("meta", "meta")
    assert moved.shape == (6, 3, 12, 12)


def test_unbalanced_classes_are_reported_in_one_line() -> None:
    assert imbalance({"cat": 299, "dog": 100, "emu": 150}) is None
    assert imbalance({"cat": 300, "dog": 100, "emu": 200}) == (
        "unbalanced classes: 300 training images of 'cat' and 100 of 'dog'; "
        "always answering 'cat' is right for 50% of them"
    )
