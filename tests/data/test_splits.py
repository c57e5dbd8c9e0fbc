"""Layouts of folders, the splits they give, and the limit."""

import math
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.data.folders import list_images
from nas.data.images import SPLITS, channel_statistics, unjudged
from nas.data.parts import split_catalogue
from nas.data.prepare import describe, prepare
from nas.data.settings import DataSettings
from nas.data.sources import SOURCES
from nas.data.sources.digits import load_digits_images
from nas.data.splits import carve, choose
from tests.helpers.images import from_folder, pixel_sets, split_paths, write_classes

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
    (root / "cat" / ".ipynb_checkpoints").mkdir()
    (root / "cat" / ".ipynb_checkpoints" / "0000.png").write_text("")
    (root / "cat" / "LOUD.PNG").write_bytes((root / "cat" / "0000.png").read_bytes())
    listing = list_images(root)
    assert listing.classes == ("cat", "dog")
    names = [path.name for path in listing.splits["train"].paths]
    assert names == ["0000.png", "0001.png", "LOUD.PNG", "0000.png", "0001.png"]


def test_a_class_may_be_called_like_a_split(tmp_path: Path) -> None:
    assert list_images(write_classes(tmp_path, {"car": 2, "train": 2, "valid": 2})).classes == ("car", "train", "valid")


def test_native_resolution_is_the_median_short_side(tmp_path: Path) -> None:
    small = write_classes(tmp_path / "small", {"a": 4, "b": 4}, size=(9, 30))
    large = write_classes(tmp_path / "large", {"a": 4, "b": 4}, size=(90, 80))
    saved = tmp_path / "saved"
    tiny = write_classes(tmp_path / "tiny", {"a": 4, "b": 4}, size=(5, 30))
    assert prepare(from_folder(small), 0, 8, saved).native_resolution == 9
    assert prepare(from_folder(tiny), 0, 8, saved).native_resolution == 8
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
    for part, fraction in zip(parts[1:], fractions, strict=True):  # in total, but for classes that cannot give so much
        exact = len(labels) * fraction
        assert len(part) <= max(1, exact + 1)
        assert len(part) >= math.floor(exact) or min(sizes) < 12
    for label, size in enumerate(sizes):
        rest, *carved = [int((labels[part] == label).sum()) for part in parts]
        assert rest >= 1
        for got, fraction in zip(carved, fractions, strict=True):
            assert got <= max(1, math.ceil(size * fraction))
            assert got >= (1 if size > 5 and len(labels) * fraction >= 2 * len(sizes) else 0)


@pytest.mark.parametrize("classes", [3, 40, 300])
@pytest.mark.parametrize("each", [2, 3, 5])
def test_fractions_hold_in_total_where_classes_have_few_images(classes: int, each: int) -> None:
    labels = np.repeat(np.arange(classes), each)
    rest, val, test = carve(labels, (0.15, 0.15), np.random.default_rng(0))
    for part in (val, test):
        assert abs(len(part) - 0.15 * len(labels)) <= 1
        assert np.bincount(labels[part]).max() == 1
    assert len(set(labels[val]) | set(labels[test])) == min(classes, len(val) + len(test))  # as many classes as can be
    assert set(labels[rest]) == set(range(classes))


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
    assert prepare(settings, 0, 8, tmp_path / "saved").left_out == ()


def test_limit_on_digits(tmp_path: Path) -> None:
    images = prepare(DataSettings(limit=200), 0, 8, tmp_path)
    assert sum(map(len, images.splits.values())) == 200
    assert min(images.counts["train"].values()) >= 10


def test_classes_without_an_image_to_be_judged_by_are_named(tmp_path: Path) -> None:
    root = write_classes(tmp_path / "data", {f"c{i:03}": 3 for i in range(40)})
    images = prepare(from_folder(root), 0, 8, tmp_path / "saved")
    assert {name: len(split) for name, split in images.splits.items()} == {"train": 84, "val": 18, "test": 18}
    line = unjudged(images.counts)
    assert line is not None
    assert re.fullmatch(r"no validation image of 22 of 40 classes \(c.*\); no test image of 22 .*\); add images", line)
    absent = {name for name, count in images.counts["val"].items() if not count}
    assert absent.issuperset(re.findall(r"c\d{3}", line.split(";")[0]))
    assert unjudged({"val": {"a": 1, "b": 2}, "test": {"a": 1, "b": 1}}) is None
    many = unjudged({"val": dict.fromkeys((f"{i}" * 100 for i in range(999)), 0), "test": {}})
    assert many is not None
    assert len(many) < 300


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
