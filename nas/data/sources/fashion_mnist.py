"""`data=fashion_mnist`: 70,000 grey pictures of clothes, 28 x 28, in the four IDX files of Xiao et al. 2017.

https://arxiv.org/abs/1708.07747. Debian's package dataset-fashion-mnist installs them. IDX: two zero bytes, a
type (8 is uint8), the number of dimensions, each dimension as a big-endian int32, the values.
"""

import gzip
import math
import os
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nas.data.catalogue import Catalogue, ImageReader, Source, SourceSettings, folder_of
from nas.data.folders import stamp
from nas.errors import DataError
from nas.reading.words import short

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
CLASSES = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")
NATIVE_RESOLUTION = 32
PREFIXES = {"train": "train", "test": "t10k"}
MOST_VALUES = {1: 2**22, 3: 2**28}  # in a file, by dimensions, whatever it says of itself


def fashion_mnist(settings: SourceSettings) -> Catalogue:
    """The official train and test splits.

    Raises:
        DataError: a file is missing or not what its name says.
    """
    folder = folder_of(settings) if settings.path else DEBIAN
    images = {split: find_idx(folder, f"{prefix}-images-idx3-ubyte") for split, prefix in PREFIXES.items()}
    files = {split: find_idx(folder, f"{prefix}-labels-idx1-ubyte") for split, prefix in PREFIXES.items()}
    labels = {split: read_idx(file, 1).astype(np.int64) for split, file in files.items()}
    for split, found in labels.items():
        if found.size and found.max() >= len(CLASSES):
            raise DataError(f"{short(str(files[split]), 200)} has the label {found.max()}; Fashion-MNIST's are 0 to 9")

    def open_images() -> ImageReader:
        pixels = {}
        for split, file in images.items():
            found = pixels[split] = read_idx(file, 3)
            if len(found) != len(labels[split]):
                raise DataError(
                    f"{short(str(images[split]), 200)} holds {len(found)} images for {len(labels[split])} labels"
                )
        return lambda split, i: Image.fromarray(pixels[split][i])

    return Catalogue(
        name=str(folder),
        classes=CLASSES,
        labels=labels,
        open=open_images,
        stamps=lambda: [stamp(file) for file in (*images.values(), *files.values())],
        channels=1,
        native_resolution=NATIVE_RESOLUTION,
    )


def find_idx(folder: Path, name: str) -> Path:
    """The file `name` of `folder`, plain or gzipped.

    Raises:
        DataError: neither is there.
    """
    for path in (folder / name, folder / f"{name}.gz"):
        if os.path.isfile(path):  # unlike Path.is_file, false for a name too long for the file system
            return path
    raise DataError(
        f"no {name} or {name}.gz in {short(str(folder), 160)};"
        " apt-get install dataset-fashion-mnist, or give data.path=FOLDER"
    )


def read_idx(path: Path, dimensions: int) -> NDArray[np.uint8]:
    """The array of an IDX file of bytes.

    Raises:
        DataError: it is not an IDX file of bytes in `dimensions` dimensions, of another length, or too large.
    """
    where = short(str(path), 200)
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            start = file.read(4 + 4 * dimensions)
            if len(start) < 4 + 4 * dimensions or start[:4] != bytes((0, 0, 8, dimensions)):
                raise DataError(f"{where} is no IDX file of bytes in {dimensions} dimensions; get it again")
            shape = np.frombuffer(start, ">i4", dimensions, 4).tolist()
            values = math.prod(shape)
            if min(shape) < 0 or values > MOST_VALUES[dimensions]:
                raise DataError(
                    f"{where} says that it holds {shape} values; at most {MOST_VALUES[dimensions]} are read"
                )
            content = file.read(values + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"cannot read {where}: {error}") from error
    if len(content) != values:
        found = "more" if len(content) > values else len(content)
        raise DataError(f"{where} should hold {values} values and has {found}; get it again")
    return np.frombuffer(content, np.uint8).reshape(shape)


FASHION_MNIST = Source(fashion_mnist, path="optional", path_help="data.path=FOLDER, the folder of the four IDX files")
