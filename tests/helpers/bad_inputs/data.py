"""Images: folders, files of the known data sets, and the settings of `data`."""

import gzip
import os
import pickle
import struct
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tests.helpers.bad_inputs import BadInput, Content
from tests.helpers.images import write_classes

SMALL = ("search_space=tiny", "budget=2M")


def data(
    says: str, *arguments: str, source: str = "imagefolder", files: Mapping[str, Content] | None = None
) -> BadInput:
    """A search in the images at `data`, or as `arguments` say."""
    place = () if any(each.startswith("data.path=") for each in arguments) else ("data.path=data",)
    return BadInput("search", (*SMALL, f"data={source}", *place, *arguments), says=says, files=files or {})


def classes(**counts: int) -> Callable[[Path], object]:
    return partial(write_classes, counts=counts)


def folder(path: Path) -> None:
    path.mkdir()


def broken(path: Path) -> None:
    """Two classes of files that are no images."""
    for label in ("cat", "dog"):
        (path / label).mkdir(parents=True)
        for i in range(5):
            (path / label / f"{i}.png").write_bytes(b"broken")


def empty_files(path: Path) -> None:
    broken(path)
    for file in path.glob("*/*"):
        file.write_bytes(b"")


def renamed(extension: str) -> Callable[[Path], object]:
    """Two classes of files with an extension that is no image's."""

    def make(path: Path) -> None:
        broken(path)
        for file in path.glob("*/*"):
            file.rename(file.with_suffix(extension))

    return make


def pipes(path: Path) -> None:
    for label in ("cat", "dog"):
        (path / label).mkdir(parents=True)
        os.mkfifo(path / label / "1.png")


def links(path: Path, target: str) -> None:
    for label in ("cat", "dog"):
        (path / label).mkdir(parents=True)
        (path / label / "1.png").symlink_to(target)


def circle(path: Path) -> None:
    path.mkdir()
    (path / "cat").symlink_to(path)
    (path / "dog").symlink_to(path)


def bombs(path: Path) -> None:
    broken(path)
    for file in path.glob("*/*"):
        file.write_bytes(b"P6 90000 90000 255\n")


def postscript(path: Path) -> None:
    broken(path)
    for file in path.glob("*/*"):
        file.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n(touched) (w) file\n")


def one_broken_class(path: Path) -> None:
    write_classes(path, {"cat": 20, "dog": 20, "emu": 2})
    for file in (path / "emu").iterdir():
        file.write_bytes(b"broken")


def splits(path: Path, **counts: dict[str, int]) -> None:
    for split, each in counts.items():
        write_classes(path / split, each)


PETS = {"cat": 9, "dog": 9}

FOLDERS = [
    data("data=imagefolder needs data.path|data.path", "data.path=null"),
    data("data.path", "data.path=''"),
    data("'data' does not exist; give a folder"),
    data("does not exist; give a folder", "data.path='~nobody/photos'"),
    data("does not exist; give a folder", f"data.path={'x' * 5000}"),
    data("does not exist; give a folder", f"data.path={'x/' * 3000}"),
    data("is a file; unpack it", files={"data": b"PK\3\4"}),
    data("is a file; unpack it", files={"data": os.mkfifo}),
    data("is a file; unpack it", "data.path=/dev/null"),
    data("no class folders", files={"data": folder}),
    data("no class folders", files={"data/a.png": b"", "data/b.png": b""}),
    data("no class folders", files={"data": classes(**{"__MACOSX": 3, ".hidden": 3})}),
    data("only one class, 'cat'", files={"data": classes(cat=5)}),
    data("only one class, 'cat'", files={"data": classes(**{"cat": 5, "__MACOSX": 3})}),
    data("class 'emu' has no image file", files={"data": classes(cat=5, dog=5, emu=0)}),
    data("2 images of 2 classes .* too few to carve val; add images", files={"data": classes(cat=1, dog=1)}),
    data("10 of 10 images cannot be read, the first is cat/0.png", files={"data": broken}),
    data("10 of 10 images cannot be read, .*empty", files={"data": empty_files}),
    data("10 of 10 images cannot be read", files={"data": bombs}),
    data("10 of 10 images cannot be read, .*cannot identify", files={"data": postscript}),
    data(r"class 'cat' has no image file .*5 \.eps", files={"data": renamed(".eps")}),
    data(r"class 'cat' has no image file .*5 \.pdf", files={"data": renamed(".pdf")}),
    data(r"class 'cat' has no image file .*5 \.wmf", files={"data": renamed(".wmf")}),
    data(r"class 'cat' has no image file .*5 \.svg", files={"data": renamed(".svg")}),
    data(r"class 'cat' has no image file .*5 no image", files={"data": renamed("")}),
    data("class 'cat' has no image file .*1 no regular file", files={"data": pipes}),
    data("class 'cat' has no image file .*1 no regular file", files={"data": partial(links, target="/dev/zero")}),
    data("class 'cat' has no image file .*1 no regular file", files={"data": partial(links, target="nowhere")}),
    data("class 'cat' has no image file .*1 no regular file", files={"data": partial(links, target="1.png")}),
    data("class 'cat' has no image file in 'data/cat'", files={"data": circle}),
    data("class 'emu' of 'data' has no readable image in train", files={"data": one_broken_class}),
    data("has the class 'emu', which train lacks", files={"data": partial(splits, train=PETS, val={"emu": 2})}),
    data("no image file in .*val.*to carve val", files={"data": partial(splits, train=PETS, val={"cat": 0})}),
    data("has both 'val' and 'valid'", files={"data": partial(splits, train=PETS, val=PETS, valid=PETS)}),
    data("has both 'train' and 'training'", files={"data": partial(splits, train=PETS, training=PETS)}),
    data("has 'test' but no train", files={"data": partial(splits, test=PETS)}),
    data("has 'testing' but no train", files={"data": partial(splits, testing=PETS, other=PETS)}),
    data(r"class 'a\\nb' has no image file", files={"data": classes(**{"a\nb": 0, "dog": 3})}),
    data(r"class 'caf\\\\xe9|class 'caf\\udce9' has no image", files={"data": classes(**{"caf\udce9": 0, "dog": 3})}),
    data("class 'x{20,}… has no image file", files={"data": classes(**{"x" * 250: 0, "zoo": 3})}),
]

SETTINGS = [
    data(r"data\.limit=2 .*|data\.limit", "data.limit=2", files={"data": classes(a=5, b=5, c=5)}),
    data(r"too few to carve .*raise data\.limit=2", "data.limit=2", files={"data": classes(a=5, b=5)}),
    data(r"data\.limit", "data.limit=1", files={"data": classes(a=5, b=5)}),
    data(r"data\.limit", "data.limit=-5"),
    data(r"data\.limit", "data.limit=1e99"),
    data(r"data\.limit", f"data.limit={'9' * 400}"),
    data(r"data\.limit", "data.limit=many"),
    data(r"data\.val_fraction must be a number between 0 and 1, got 0", "data.val_fraction=0"),
    data(r"data\.val_fraction.*nan", "data.val_fraction=nan"),
    data(r"data\.test_fraction.*inf", "data.test_fraction=inf"),
    data(r"data\.test_fraction must be a number between 0 and 1, got -0.1", "data.test_fraction=-0.1"),
    data("must leave images to train on, got 0.6 [+] 0.6", "data.val_fraction=0.6", "data.test_fraction=0.6"),
    data(r"data\.channels must be 1 .* got 2", "data.channels=2"),
    data(r"data\.channels", "data.channels=three"),
    data(r"data\.flip", "data.flip=perhaps"),
    data(r"data\.shift must be a whole number from 0", "data.shift=-1"),
    data(r"data\.shift", "data.shift=100000"),
    data(r"data\.mixup must be a number from 0 .* got -1", "data.mixup=-1"),
    data(r"data\.mixup.*nan", "data.mixup=nan"),
    data(r"data\.mixup.*inf", "data.mixup=inf"),
    data(r"data\.randaugment", "data.randaugment=2"),
    data(r"data\.randaugment", "data.randaugment=[2]"),
    data(r"data\.randaugment", "data.randaugment=[2,999]"),
    data(r"data\.native_resolution must be a whole number from 8 to 1024, got 4", "data.native_resolution=4"),
    data(r"data\.native_resolution", "data.native_resolution=99999"),
    data(r"data\.subset|data\.subset is for data=hf", "+data.subset=x"),
    data(r"data\.color|color", "data.color=1"),
    data(r"data\.colour must be a number from 0 \(off\) to 1, got 2", "data.colour=2"),
    data(r"data\.crop must be a number from 0.01 to 1 \(off\), got 0", "data.crop=0"),
    data(r"data\.erase.*nan", "data.erase=nan"),
    data("unknown data source 'mnist'", "data.source=mnist"),
    data("data.path is for .*, got 'data' with data=digits", source="digits"),
    BadInput("search", (*SMALL, "data=mnist"), says="mnist"),
    BadInput("search", (*SMALL, "data=imagefolder"), says=r"data\.path"),
    BadInput("search", (*SMALL, "data.limit=5"), says=r"data\.limit=5 is below the number of classes, 10"),
    BadInput("search", (*SMALL, "data.limit=10"), says=r"10 images .* too few to carve val; raise data\.limit=10"),
]


def idx(*shape: int, content: bytes | None = None, start: bytes = b"\0\0\x08") -> bytes:
    header = start + bytes([len(shape)]) + struct.pack(f">{len(shape)}i", *shape)
    return header + (bytes(int(np.prod(shape))) if content is None else content)


IDX = {
    "data/train-images-idx3-ubyte": idx(20, 28, 28),
    "data/train-labels-idx1-ubyte": idx(20, content=bytes(range(10)) * 2),
    "data/t10k-images-idx3-ubyte": idx(10, 28, 28),
    "data/t10k-labels-idx1-ubyte": idx(10, content=bytes(range(10))),
}


def fashion(says: str, **changes: Content | None) -> BadInput:
    """Fashion-MNIST, of which one file (`train_images` and so on) is changed, or gzipped (`train_images_gz`)."""
    files: dict[str, Any] = dict(IDX)
    for key, content in changes.items():
        split, kind, *gz = key.split("_")
        name = f"data/{split}-{kind}-idx{3 if kind == 'images' else 1}-ubyte"
        del files[name]
        if content is not None:
            files[name + "".join(f".{each}" for each in gz)] = content
    return data(says, source="fashion_mnist", files=files)


def gzip_bomb(start: bytes, size: int) -> Callable[[Path], object]:
    def make(path: Path) -> None:
        with gzip.open(path, "wb", compresslevel=9) as file:
            file.write(start)
            for _ in range(size // 2**24):
                file.write(bytes(2**24))

    return make


FASHION = [
    data("no train-images-idx3-ubyte or .*gz in 'data'", source="fashion_mnist"),
    data("no train-images-idx3-ubyte", f"data.path={'x' * 5000}", source="fashion_mnist"),
    data("no train-images-idx3-ubyte", source="fashion_mnist", files={"data": b""}),
    fashion("no t10k-labels-idx1-ubyte or", t10k_labels=None),
    fashion("no train-images-idx3-ubyte or", train_images=os.mkfifo),
    fashion("no train-images-idx3-ubyte or", train_images=folder),
    fashion("is no IDX file of bytes in 3 dimensions", train_images=b""),
    fashion("is no IDX file of bytes in 3 dimensions", train_images=b"\0\0\x08\x03\0\0"),
    fashion("is no IDX file of bytes in 3 dimensions", train_images=idx(20)),
    fashion("is no IDX file of bytes in 1 dimensions", train_labels=idx(2, 2, 2)),
    fashion("is no IDX file of bytes in 1 dimensions", train_labels=idx(20, start=b"\0\0\x0d")),
    fashion("says that it holds .*; at most", train_images=idx(-1, 28, 28, content=b"")),
    fashion("says that it holds .*; at most", train_images=idx(2**31 - 1, 2**31 - 1, 2**31 - 1, content=b"")),
    fashion("says that it holds .*; at most", train_labels=idx(2**31 - 1, content=b"")),
    fashion("should hold 15680 values and has 100", train_images=idx(20, 28, 28, content=bytes(100))),
    fashion("should hold 20 values and has more", train_labels=idx(20, content=bytes(50))),
    fashion("has the label 200; Fashion-MNIST's are 0 to 9", train_labels=idx(20, content=bytes([200]) * 20)),
    fashion("holds 20 images for 19 labels", train_labels=idx(19, content=bytes(19))),
    fashion("cannot read .*train-images-idx3-ubyte.gz", train_images_gz=b"no gzip"),
    fashion("cannot read .*train-images-idx3-ubyte.gz", train_images_gz=gzip.compress(idx(20, 28, 28))[:-20]),
    fashion("cannot read .*train-labels-idx1-ubyte.gz", train_labels_gz=gzip.compress(idx(20))[:12]),
    fashion("should hold 15680 values and has more", train_images_gz=gzip_bomb(idx(20, 28, 28, content=b""), 2**30)),
    fashion("says that it holds .*; at most", train_images_gz=gzip_bomb(idx(2**30, 1, 1, content=b""), 2**26)),
    fashion("is no IDX file of bytes", train_images_gz=gzip_bomb(b"", 2**30)),
]


class Evil:
    """Unpickled, it would leave a file behind."""

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str, ...]]:
        return os.system, ("touch unpickled",)


def records(label: int, count: int = 10) -> bytes:
    return bytes([label, *bytes(3072)]) * count


def endless(path: Path) -> None:
    path.touch()
    os.truncate(path, 3073 * 10**9)


CIFAR = [
    data("does not exist; give a folder", source="cifar10"),
    data("does not exist; give a folder", f"data.path={'x' * 5000}", source="cifar10"),
    data("no class folders", source="cifar10", files={"data": folder}),
    data("the Python version, whose pickles", source="cifar10", files={"data/data_batch_1": pickle.dumps(Evil())}),
    data(
        "the Python version, whose pickles",
        source="cifar10",
        files={"data/cifar-10-batches-py/data_batch_1": pickle.dumps(Evil())},
    ),
    data("has 30 bytes, which is no number of records", source="cifar10", files={"data/data_batch_1.bin": bytes(30)}),
    data("has 0 bytes", source="cifar10", files={"data/data_batch_1.bin": b""}),
    data("has 0 bytes", source="cifar10", files={"data/data_batch_1.bin": folder}),
    data("has 0 bytes", source="cifar10", files={"data/data_batch_1.bin": os.mkfifo}),
    data("has the label 77; CIFAR-10's", source="cifar10", files={"data/data_batch_1.bin": records(77)}),
    data(
        "has the label 10; CIFAR-10's",
        source="cifar10",
        files={"data/data_batch_1.bin": records(1), "data/test_batch.bin": records(10)},
    ),
    data(
        "is no number of records",
        source="cifar10",
        files={"data/data_batch_1.bin": endless},
    ),
    data("has no readable image|no image", source="cifar10", files={"data/data_batch_1.bin": records(3, 40)}),
]

MISSING = "needs the library datasets: pip install"
HUB = [
    data(rf"data=hf needs data\.path|{MISSING}|data\.path", "data.path=null", source="hf"),
    data(f"cannot load 'data'|{MISSING}", source="hf", files={"data": folder}),
    data(f"cannot load 'data'|{MISSING}", source="hf", files={"data/train.parquet": b"PAR1 broken"}),
    data(f"cannot load 'data'|{MISSING}", source="hf", files={"data/dataset_dict.json": "{"}),
    data(f"cannot load 'data'|{MISSING}", source="hf", files={"data/dataset_dict.json": '{"splits": ["../../etc"]}'}),
    data(f"cannot load 'data'|{MISSING}", source="hf", files={"data/dataset_dict.json": "[" * 100_000}),
    data(
        f"cannot load 'data'|{MISSING}",
        source="hf",
        files={"data/state.json": '{"_data_files": [{"filename": "a.arrow"}]}', "data/a.arrow": b"ARROW1"},
    ),
]

ROWS = [*FOLDERS, *SETTINGS, *FASHION, *CIFAR, *HUB]
