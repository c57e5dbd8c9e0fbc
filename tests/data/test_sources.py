"""The sources of images, over small real files of each format: what all of them give, and what each refuses."""

import gzip
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from nas.data.batches import ImageData
from nas.data.parts import split_catalogue
from nas.data.prepare import describe, prepare
from nas.data.settings import DataSettings
from nas.data.sources import SOURCES
from nas.data.sources.fashion_mnist import DEBIAN, find_idx, read_idx
from nas.errors import ConfigError, DataError
from nas.resources import data_dir


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `datasets` makes of the files of a test stays with the test."""
    try:
        from datasets import config
    except ImportError:
        return
    monkeypatch.setattr(config, "HF_DATASETS_CACHE", tmp_path / "cache")


def write_idx(path: Path, values: np.ndarray[Any, Any]) -> None:
    """The IDX format of http://yann.lecun.com/exdb/mnist, gzipped where `path` says so."""
    content = bytes((0, 0, 8, values.ndim)) + np.array(values.shape, ">i4").tobytes() + values.tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def write_fashion(folder: Path, suffix: str = "", train: int = 60, test: int = 20) -> None:
    """Images whose every pixel is 20 times their label."""
    folder.mkdir(parents=True, exist_ok=True)
    for prefix, count in (("train", train), ("t10k", test)):
        labels = (np.arange(count) % 10).astype(np.uint8)
        write_idx(folder / f"{prefix}-images-idx3-ubyte{suffix}", np.tile(labels[:, None, None] * 20, (28, 28)))
        write_idx(folder / f"{prefix}-labels-idx1-ubyte{suffix}", labels)


def write_cifar(folder: Path) -> None:
    """Two batches of 30 and a test of 20: red is 20 times the label, green the place in the file, blue 7."""
    folder.mkdir(parents=True)
    for name, count in (("data_batch_1", 30), ("data_batch_2", 30), ("test_batch", 20)):
        places = np.arange(count, dtype=np.uint8)[:, None]
        planes = [np.repeat(plane, 1024, axis=1) for plane in (places % 10 * 20, places, np.full_like(places, 7))]
        (folder / f"{name}.bin").write_bytes(np.hstack([places % 10, *planes]).tobytes())


def small_table(count: int, labels: Sequence[int] = (0, 1), **columns: list[Any]) -> Any:
    """A Hugging Face table of 12 x 12 images, red 100 times `labels` (cat and dog) over and over, green the place."""
    datasets = pytest.importorskip("datasets", reason="needs the extra hf: pip install 'sepconv-nas[hf]'")
    found = [labels[i % len(labels)] for i in range(count)]
    pictures = [Image.new("RGB", (12, 12), (100 * abs(label), i, 0)) for i, label in enumerate(found)]
    table = datasets.Dataset.from_dict({"image": pictures, "kind": found, "x": list(range(count)), **columns})
    return table.cast_column("kind", datasets.ClassLabel(names=["cat", "dog"]))


def write_parquet(folder: Path, **tables: Any) -> None:
    folder.mkdir(parents=True)
    for name, table in tables.items():
        table.to_parquet(folder / f"{name}.parquet")


def small_source(source: str, folder: Path) -> DataSettings:
    """Settings of each source, over files just written; digits has its own."""
    if source == "digits":
        return DataSettings(limit=200)
    if source == "imagefolder":
        for label in "abc":
            (folder / label).mkdir(parents=True)
            for i in range(20):
                Image.new("RGB", (12, 12), (ord(label), i, 0)).save(folder / label / f"{i}.png")
    elif source == "fashion_mnist":
        write_fashion(folder)
    elif source == "cifar10":
        write_cifar(folder)
    else:
        write_parquet(folder, train=small_table(60), test=small_table(20))
    return DataSettings(source, str(folder))


# --- what every source gives -----------------------------------------------------------------------


@pytest.mark.parametrize("source", SOURCES)
class TestEverySource:
    """What holds for any source that is added to `SOURCES`."""

    def test_it_has_its_settings_in_conf_and_says_what_its_path_is(self, source: str) -> None:
        assert {path.stem for path in (data_dir("conf") / "data").glob("*.yaml")} == set(SOURCES)
        defaults = yaml.safe_load((data_dir("conf") / "data" / f"{source}.yaml").read_text(encoding="utf-8"))
        assert defaults["source"] == source
        assert set(SOURCES[source].own) <= set(defaults) <= {field.name for field in fields(DataSettings)}
        assert (defaults["path"] == "???") == (SOURCES[source].path == "required")
        assert bool(SOURCES[source].path_help) == (SOURCES[source].path != "none")

    def test_a_path_and_settings_of_its_own_are_asked_for_and_others_refused(self, source: str) -> None:
        given = {"required": None, "optional": None, "none": "somewhere"}[SOURCES[source].path]
        if SOURCES[source].path == "optional":
            DataSettings(source)
        else:
            with pytest.raises(ConfigError, match=rf"data={source}"):
                DataSettings(source, given)
        path = None if SOURCES[source].path == "none" else "somewhere"
        for key in {key for each in SOURCES.values() for key in each.own}:
            if key in SOURCES[source].own:
                DataSettings(source, path, **{key: "x"})  # type: ignore[arg-type]
            else:
                with pytest.raises(ConfigError, match=rf"data\.{key} is for data=.*, got 'x' with data={source}"):
                    DataSettings(source, path, **{key: "x"})  # type: ignore[arg-type]

    def test_it_trains(self, source: str, tmp_path: Path) -> None:
        """What every source has to give: classes, three filled splits, the stated shapes, usable batches."""
        settings = small_source(source, tmp_path / "data")
        about = describe(settings)
        images = prepare(settings, 0, 16, tmp_path / "saved")
        assert (images.classes, images.channels, images.native_resolution) == (
            about.classes,
            about.channels,
            about.native_resolution,
        )
        for split in images.splits.values():
            assert split.pixels.dtype == np.uint8
            assert split.labels.dtype == np.int64
            assert split.pixels.shape == (len(split), images.channels, 16, 16)
            assert split.labels.min() >= 0
            assert split.labels.max() < len(images.classes)
        assert images.native_resolution >= 8
        pixels, labels = next(iter(ImageData(images, batch_size=8).train_dataloader()))
        assert pixels.shape == (8, images.channels, 16, 16)
        assert pixels.dtype == torch.float32
        assert labels.shape == (8,)
        assert labels.dtype == torch.int64

    def test_equal_seeds_give_equal_splits_without_overlap_and_with_every_class(
        self, source: str, tmp_path: Path
    ) -> None:
        settings = small_source(source, tmp_path / "data")
        catalogue = SOURCES[source].read(settings)
        first, again, other = (split_catalogue(catalogue, settings, seed) for seed in (1, 1, 2))
        places = {name: [(part.origin, i) for i in part.indices.tolist()] for name, part in first.items()}
        assert places == {name: [(part.origin, i) for i in part.indices.tolist()] for name, part in again.items()}
        assert any(first[name].indices.tolist() != other[name].indices.tolist() for name in first)
        assert len(set(chain(*places.values()))) == sum(map(len, places.values()))
        for part in first.values():
            assert set(part.labels.tolist()) == set(range(len(catalogue.classes)))
            assert part.labels.tolist() == catalogue.labels[part.origin][part.indices].tolist()

    def test_a_file_that_changes_changes_the_stamps(self, source: str, tmp_path: Path) -> None:
        settings = small_source(source, tmp_path / "data")
        before = list(SOURCES[source].read(settings).stamps())
        assert before == list(SOURCES[source].read(settings).stamps())
        for path, _, _ in before[:1]:  # what is embedded has none
            os.utime(path, (1, 1))
            assert list(SOURCES[source].read(settings).stamps()) != before

    def test_it_is_cut_to_the_limit_and_takes_channels(self, source: str, tmp_path: Path) -> None:
        settings = replace(small_source(source, tmp_path / "data"), limit=30, channels=1, test_fraction=0.5)
        images = prepare(settings, 0, 8, tmp_path / "saved")
        assert images.channels == 1
        own_test = source in ("fashion_mnist", "cifar10", "hf")
        assert len(images.train) + len(images.val) + (0 if own_test else len(images.test)) == 30
        assert len(images.test) == 15
        assert len(images.val) in (4, 5)  # 0.15 of 30


# --- fashion_mnist, cifar10 -----------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_idx_files_are_read_plain_and_gzipped(suffix: str, tmp_path: Path) -> None:
    write_fashion(tmp_path / "data", suffix)
    images = prepare(DataSettings("fashion_mnist", str(tmp_path / "data")), 0, 28, tmp_path / "saved")
    assert {name: len(split) for name, split in images.splits.items()} == {"train": 50, "val": 10, "test": 20}
    assert images.classes[9] == "ankle boot"
    assert images.channels == 1
    assert images.test.labels.tolist() == [*range(10), *range(10)]  # the official test, in order
    for split in images.splits.values():
        assert (split.pixels == 20 * split.labels[:, None, None, None]).all()


def test_the_idx_files_of_debian() -> None:
    if not DEBIAN.is_dir():
        pytest.skip(f"{DEBIAN} is absent; apt-get install dataset-fashion-mnist")
    pixels = read_idx(find_idx(DEBIAN, "t10k-images-idx3-ubyte"), 3)
    labels = read_idx(find_idx(DEBIAN, "t10k-labels-idx1-ubyte"), 1)
    assert pixels.shape == (10000, 28, 28)
    assert np.bincount(labels).tolist() == [1000] * 10
    assert describe(DataSettings("fashion_mnist")).native_resolution == 32


def test_cifar_records_are_planes_of_red_green_and_blue(tmp_path: Path) -> None:
    write_cifar(tmp_path / "data" / "cifar-10-batches-bin")
    settings = DataSettings("cifar10", str(tmp_path / "data"))
    images = prepare(settings, 0, 32, tmp_path / "saved")
    assert {name: len(split) for name, split in images.splits.items()} == {"train": 50, "val": 10, "test": 20}
    assert images.classes[:3] == ("airplane", "automobile", "bird")
    for split in images.splits.values():
        assert (split.pixels[:, 0] == 20 * split.labels[:, None, None]).all()
        assert (split.pixels[:, 2] == 7).all()
    assert images.test.pixels[:, 1, 5, 5].tolist() == list(range(20))
    both = np.concatenate([images.train.pixels, images.val.pixels])[:, 1, 0, 0]
    assert sorted(both.tolist()) == sorted([*range(30), *range(30)])


def test_cifar_may_be_an_image_folder(tmp_path: Path) -> None:
    folder = small_source("imagefolder", tmp_path / "data").path
    about = describe(DataSettings("cifar10", folder))
    assert about.classes == ("a", "b", "c")
    assert about.native_resolution == 32


def cut_gzip(folder: Path) -> None:
    write_fashion(folder, ".gz")
    path = folder / "train-labels-idx1-ubyte.gz"
    path.write_bytes(path.read_bytes()[:20])


def cut_plain(folder: Path) -> None:
    write_fashion(folder)
    path = folder / "t10k-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-1])


def swapped(folder: Path) -> None:
    write_fashion(folder)
    (folder / "train-labels-idx1-ubyte").write_bytes((folder / "train-images-idx3-ubyte").read_bytes())


def uneven(folder: Path) -> None:
    write_fashion(folder)
    write_idx(folder / "train-labels-idx1-ubyte", np.arange(50, dtype=np.uint8) % 10)


def other_labels(folder: Path) -> None:
    write_fashion(folder)
    write_idx(folder / "train-labels-idx1-ubyte", np.arange(60, dtype=np.uint8))


def one_missing(folder: Path) -> None:
    write_fashion(folder)
    (folder / "t10k-labels-idx1-ubyte").unlink()


def cut_cifar(folder: Path) -> None:
    write_cifar(folder)
    (folder / "data_batch_2.bin").write_bytes(b"1" * 4000)


def mislabelled_cifar(folder: Path) -> None:
    write_cifar(folder)
    (folder / "test_batch.bin").write_bytes(bytes([10] * 3073))


def pickled_cifar(folder: Path) -> None:
    folder.mkdir()
    (folder / "data_batch_1").write_bytes(b"a pickle")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (cut_gzip, "cannot read '.*train-labels-idx1-ubyte.gz': "),
        (cut_plain, "'.*t10k-images-idx3-ubyte' should hold 15680 values and has 15679; get it again"),
        (swapped, "'.*train-labels-idx1-ubyte' is no IDX file of bytes in 1 dimensions; get it again"),
        (uneven, "'.*train-images-idx3-ubyte' holds 60 images for 50 labels"),
        (other_labels, "'.*train-labels-idx1-ubyte' has the label 59; Fashion-MNIST's are 0 to 9"),
        (one_missing, "no t10k-labels-idx1-ubyte or .*gz in '.*'; apt-get install dataset-fashion-mnist, or give"),
        (cut_cifar, "'.*data_batch_2.bin' has 4000 bytes, which is no number of records of 3073; get it again"),
        (mislabelled_cifar, "'.*test_batch.bin' has the label 10; CIFAR-10's are 0 to 9"),
        (pickled_cifar, "'.*' holds the Python version, whose pickles may run code; give the binary version"),
        (lambda folder: None, "data.path '.*' does not exist; give a folder of <class>/<image>"),
    ],
)
def test_wrong_files_say_what_is_wrong(make: Callable[[Path], None], message: str, tmp_path: Path) -> None:
    make(tmp_path / "data")
    source = "fashion_mnist" if "idx" in message else "cifar10"
    with pytest.raises(DataError, match=message) as caught:
        prepare(DataSettings(source, str(tmp_path / "data")), 0, 8, tmp_path / "saved")
    assert "\n" not in str(caught.value)


# --- hf -------------------------------------------------------------------------------------------


def from_hf(path: Path, **changes: Any) -> DataSettings:
    return DataSettings("hf", str(path), **changes)


@pytest.mark.parametrize("form", ["parquet", "saved", "imagefolder"])
def test_hugging_face_data_on_disk(form: str, tmp_path: Path) -> None:
    root = tmp_path / "data"
    tables = {"train": small_table(40), "validation": small_table(10), "test": small_table(6)}
    if form == "parquet":
        write_parquet(root, **tables)
    elif form == "saved":
        import datasets

        datasets.DatasetDict(tables).save_to_disk(root)
    else:
        for name, count in (("train", 20), ("validation", 5), ("test", 3)):
            for c, kind in enumerate(("cat", "dog")):
                (root / name / kind).mkdir(parents=True)
                for i in range(count):
                    Image.new("RGB", (12, 12), (100 * c, i, 0)).save(root / name / kind / f"{i}.png")
    images = prepare(from_hf(root), 0, 12, tmp_path / "saved")
    assert images.classes == ("cat", "dog")
    assert {name: len(split) for name, split in images.splits.items()} == {"train": 40, "val": 10, "test": 6}
    assert images.native_resolution == 64
    for split in images.splits.values():
        assert (split.pixels[:, 0] == 100 * split.labels[:, None, None]).all()


def test_hugging_face_data_without_splits_is_carved(tmp_path: Path) -> None:
    table = small_table(40)
    table.save_to_disk(tmp_path / "data")
    images = prepare(from_hf(tmp_path / "data"), 0, 12, tmp_path / "saved")
    assert {name: len(split) for name, split in images.splits.items()} == {"train": 28, "val": 6, "test": 6}
    greens = [set(split.pixels[:, 1, 0, 0].tolist()) for split in images.splits.values()]
    assert len(set.union(*greens)) == 40


def test_hugging_face_columns_of_other_names_and_values(tmp_path: Path) -> None:
    table = small_table(20, breed=["pug", "beagle", "pug", "boxer"] * 5).remove_columns("kind")
    write_parquet(tmp_path / "data", train=table)
    with pytest.raises(DataError, match=r"has no label column; set data.label_column to one of: image \(Image\), "):
        describe(from_hf(tmp_path / "data"))
    settings = from_hf(tmp_path / "data", label_column="breed")
    assert describe(settings).classes == ("beagle", "boxer", "pug")
    images = prepare(settings, 0, 12, tmp_path / "saved")
    greens = np.concatenate([split.pixels[:, 1, 0, 0] for split in images.splits.values()])
    labels = np.concatenate([split.labels for split in images.splits.values()])
    assert labels[np.argsort(greens)].tolist() == [2, 0, 2, 1] * 5


def test_a_hugging_face_split_without_labels_is_not_used(tmp_path: Path) -> None:
    write_parquet(tmp_path / "data", train=small_table(40), test=small_table(10, labels=[-1]))
    images = prepare(from_hf(tmp_path / "data"), 0, 12, tmp_path / "saved")
    assert {name: len(split) for name, split in images.splits.items()} == {"train": 28, "val": 6, "test": 6}


def test_a_broken_hugging_face_image_is_left_out_and_named(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="needs the extra hf: pip install 'sepconv-nas[hf]'")
    table = small_table(40).cast_column("image", datasets.Image(decode=False))
    rows = [row["image"] for row in table]
    rows[7:9] = [{"bytes": b"no image", "path": None}, None]
    broken = datasets.Dataset.from_dict({**table.to_dict(), "image": rows}, features=table.features)
    write_parquet(tmp_path / "data", train=broken.cast_column("image", datasets.Image()))
    images = prepare(from_hf(tmp_path / "data"), 0, 12, tmp_path / "saved")
    assert sum(map(len, images.splits.values())) == 38
    (left_out,) = images.left_out
    assert [example.split(" (")[0] for example in left_out.examples] == [f"train image {i}" for i in (7, 8)]


PICTURES = [Image.new("RGB", (5, 5))] * 30


@pytest.mark.parametrize(
    ("tables", "changes", "message"),
    [
        (
            {"train": {}},
            {"label_column": "image"},
            "has no label column 'image'; set data.label_column to one of: image",
        ),
        ({"train": {}}, {"label_column": "y"}, "has no label column 'y'; set data.label_column to one of: image"),
        ({"train": {"copy": PICTURES}}, {}, r"has several image columns; set .* to one of: image \(Image\), kind \("),
        ({"train": {}}, {"image_column": "x"}, "has no image column 'x'; set data.image_column to one of: image"),
        ({"train": {"breed": ["pug"] * 30}}, {"label_column": "breed"}, "has 1 classes; at least two are needed"),
        ({"train": {"weight": [0.5] * 30}}, {"label_column": "weight"}, "has no label column 'weight'; set data.label"),
        ({"train": {}}, {"subset": "big"}, "data=hf cannot load '.*': BuilderConfig 'big' not found"),
        ({"train": {"labels": [0, 1, -1]}}, {}, "has images without a class in train"),
        ({"validation": {}, "test": {}}, {}, "has no split train; it has test, validation"),
        ({"train": {}, "test": {"extra": ["a"] * 30}}, {}, "data=hf cannot load '.*': "),
    ],
)
def test_wrong_hugging_face_data_says_what_is_wrong(
    tables: dict[str, dict[str, Any]], changes: dict[str, str], message: str, tmp_path: Path
) -> None:
    write_parquet(tmp_path / "data", **{name: small_table(30, **columns) for name, columns in tables.items()})
    with pytest.raises(DataError, match=message) as caught:
        describe(from_hf(tmp_path / "data", **changes))
    assert "\n" not in str(caught.value)


def test_the_hub_out_of_reach_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets", reason="needs the extra hf: pip install 'sepconv-nas[hf]'")

    def refuse(*arguments: object) -> None:
        raise ConnectionError("Couldn't reach 'beans'\non the Hub")

    monkeypatch.setattr(datasets, "load_dataset", refuse)
    expected = "data=hf cannot reach the Hub for 'beans' .Couldn't reach 'beans' on the Hub.; without a network, give"
    with pytest.raises(DataError, match=expected) as caught:
        describe(DataSettings("hf", "beans"))
    assert "\n" not in str(caught.value)


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(DataError, match=r"pip install 'sepconv-nas\[hf\]'$") as caught:
        describe(DataSettings("hf", "beans"))
    assert "\n" not in str(caught.value)
