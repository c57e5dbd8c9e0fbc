"""The decoded copy on disk: used again, made again, and in nobody's way."""

import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nas.data.decode import decode_all
from nas.data.images import SPLITS, Images
from nas.data.prepare import prepare
from nas.data.saved import open_saved, save
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


def cut_pixels(saved: Path) -> None:
    content = (saved / "train_pixels.npy").read_bytes()
    (saved / "train_pixels.npy").write_bytes(content[:200])


def remove_labels(saved: Path) -> None:
    (saved / "val_labels.npy").unlink()


def other_labels(saved: Path) -> None:
    labels = np.load(saved / "val_labels.npy")
    np.save(saved / "val_labels.npy", labels + 2)


def other_shape(saved: Path) -> None:
    np.save(saved / "val_pixels.npy", np.zeros((1, 3, 8, 8), dtype=np.uint8))


def pickled(saved: Path) -> None:
    np.save(saved / "test_labels.npy", np.array([print]), allow_pickle=True)


def pipe(saved: Path) -> None:
    (saved / "val_pixels.npy").unlink()
    os.mkfifo(saved / "val_pixels.npy")


def json_text(saved: Path, text: bytes) -> None:
    (saved / "images.json").write_bytes(text)


def json_with(saved: Path, changes: dict[str, Any]) -> None:
    about = json.loads((saved / "images.json").read_text())
    (saved / "images.json").write_text(json.dumps(about | changes))


TEXTS = (
    *(b"", b"{", b"null", b"5", b"[]", b'{"schema": 1}', b"[" * 100_000, b"\xff\xfe{}", b'{"mean": [1e999]}'),
    *(b'{"classes": 1%s}' % (b"0" * 5000), b"\0" * 70_000_000),
)
CHANGES: tuple[dict[str, Any], ...] = (
    *({"classes": "cat"}, {"classes": [1, 2]}, {"channels": 4}, {"channels": "3"}, {"mean": None}, {"mean": [0.5]}),
    *({"left_out": [{}]}, {"left_out": "x"}, {"schema": 1}, {"native_resolution": -1}, {"std": [0.1, "x", 0.1]}),
)
DAMAGE: list[Callable[[Path], object]] = [
    *(cut_pixels, remove_labels, other_labels, other_shape, pickled, pipe),
    *(partial(json_text, text=text) for text in TEXTS),
    *(partial(json_with, changes=changes) for changes in CHANGES),
]


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_copy_is_made_again(damage: Callable[[Path], object], tmp_path: Path, decodings: list[int]) -> None:
    root, saved = write_classes(tmp_path / "data", {"cat": 10, "dog": 10}), tmp_path / "saved"
    prepare(from_folder(root), 0, 8, saved)
    damage(saved)
    with pytest.raises(DataError, match="make it again") as caught:
        open_saved(saved)
    assert_one_line(caught.value)
    assert sum(map(len, prepare(from_folder(root), 0, 8, saved).splits.values())) == 20
    assert len(decodings) == 2


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")
    for folder, message in ((tmp_path / "file", "is a file"), (tmp_path / "file" / "saved", "cannot save the images")):
        with pytest.raises(RunError, match=message) as caught:
            prepare(DataSettings(limit=50), 0, 8, folder)
        assert_one_line(caught.value)
    assert (tmp_path / "file").read_text() == "precious"
