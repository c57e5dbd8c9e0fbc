"""What is wrong with settings or folders is said in one line."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from nas.data.prepare import prepare
from nas.data.settings import DataSettings
from nas.errors import ConfigError, DataError
from tests.helpers.images import assert_one_line, break_files, from_folder, write_classes


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
        ({"flip": 1}, "data.flip must be true, false or alternating, got 1"),
        ({"flip": "often"}, "data.flip must be true, false or alternating, got 'often'"),
        ({"crop": 0}, r"data.crop must be a number from 0.01 to 1 \(off\), got 0"),
        ({"crop": 1.5}, "data.crop must be a number"),
        ({"colour": True}, r"data.colour must be a number from 0 \(off\) to 1, got True"),
        ({"erase": float("nan")}, "data.erase must be a number .* got nan"),
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
        (too_few, "2 images of 2 classes in '.*' are too few to carve val; add images$"),
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


@pytest.mark.parametrize(("limit", "broken"), [(2, False), (6, True), (None, True)])
def test_an_error_that_the_limit_causes_names_it(limit: int | None, broken: bool, tmp_path: Path) -> None:
    root = write_classes(tmp_path / "data", {"cat": 12, "dog": 12})
    for path in sorted((root / "dog").iterdir()) if broken else ():
        path.write_text("broken")
    with pytest.raises(DataError) as caught:
        prepare(from_folder(root, limit=limit), 0, 8, tmp_path / "saved")
    assert ("data.limit" in str(caught.value)) == (limit is not None)
    assert_one_line(caught.value)


@pytest.mark.parametrize("resolution", [0, 4, 5000, 32.0])
def test_wrong_resolution_is_an_error(resolution: int, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="resolution must be a whole number from 8 to 1024"):
        prepare(DataSettings(), 0, resolution, tmp_path)
