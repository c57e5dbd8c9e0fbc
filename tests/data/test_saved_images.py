"""The decoded copy on disk: used again, made again, and in nobody's way."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nas.data.decode import decode_all
from nas.data.images import SPLITS, Images, open_saved, save
from nas.data.prepare import prepare
from nas.data.settings import DataSettings
from nas.errors import DataError, RunError
from nas.results.front import LeftOut
from tests.helpers.images import assert_one_line, from_folder, random_images, write_classes

RED = (200, 30, 30)


def test_saved_images_come_back_as_read_only_maps(tmp_path: Path) -> None:
    images = random_images()
    images = Images(
        images.train, images.val, images.test, images.classes, 3, 48, (LeftOut("unreadable", 1, ("a.png (cut)",)),)
    )
    save(images, tmp_path / "saved")
    save(images, tmp_path / "saved")  # replaces
    back = open_saved(tmp_path / "saved")
    for name in SPLITS:
        np.testing.assert_array_equal(back.splits[name].pixels, images.splits[name].pixels)
        np.testing.assert_array_equal(back.splits[name].labels, images.splits[name].labels)
        assert isinstance(back.splits[name].pixels, np.memmap)
        assert not back.splits[name].pixels.flags.writeable
    fields = ("classes", "channels", "native_resolution", "left_out", "mean", "std")
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
