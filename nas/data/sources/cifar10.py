"""`data=cifar10`: 60,000 photographs of 32 x 32 in 10 classes (Krizhevsky 2009).

The original binary version, https://www.cs.toronto.edu/~kriz/cifar.html: records of one label byte and the
red, green and blue planes. Or any folder of class folders. Never the Python version: unpickling runs code.
"""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nas.data.catalogue import Catalogue, Source, SourceSettings, folder_of
from nas.data.folders import stamp
from nas.data.sources.imagefolder import imagefolder
from nas.errors import DataError
from nas.reading.words import short

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
NATIVE_RESOLUTION = 32
_RECORD = 1 + 3 * 32 * 32
MOST_BYTES = 2**28  # of a file; those of the data set have 30,730,000


def cifar10(settings: SourceSettings) -> Catalogue:
    """The five training batches and the test batch, or the splits of an image folder.

    Raises:
        DataError: the folder holds neither, or a file is cut short.
    """
    folder = folder_of(settings)
    if os.path.isdir(inner := folder / "cifar-10-batches-bin"):
        folder = inner
    patterns = {"train": "data_batch_*.bin", "test": "test_batch.bin"}
    files = {split: sorted(folder.glob(name)) if os.path.isdir(folder) else [] for split, name in patterns.items()}
    if not files["train"]:
        if os.path.isfile(folder / "data_batch_1") or os.path.isdir(folder / "cifar-10-batches-py"):
            reason = "holds the Python version, whose pickles may run code"
            raise DataError(
                f"{short(str(folder), 200)} {reason}; give the binary version, cifar-10-binary.tar.gz unpacked"
            )
        return replace(imagefolder(settings), native_resolution=NATIVE_RESOLUTION)
    records = {split: [_records(path) for path in paths] for split, paths in files.items() if paths}
    pixels = {split: [batch[:, 1:].reshape(-1, 3, 32, 32) for batch in parts] for split, parts in records.items()}
    starts = {split: np.cumsum([0, *map(len, parts)]) for split, parts in records.items()}

    def image(split: str, i: int) -> Image.Image:
        batch = int(np.searchsorted(starts[split], i, side="right")) - 1
        return Image.fromarray(pixels[split][batch][i - starts[split][batch]].transpose(1, 2, 0))

    return Catalogue(
        name=str(folder),
        classes=CLASSES,
        labels={split: np.concatenate([b[:, 0] for b in parts]).astype(np.int64) for split, parts in records.items()},
        open=lambda: image,
        stamps=lambda: [stamp(path) for paths in files.values() for path in paths],
        native_resolution=NATIVE_RESOLUTION,
    )


def _records(path: Path) -> NDArray[np.uint8]:
    """The records of one file, uint8 N x 3073, as a memory map."""
    where = short(str(path), 200)
    try:
        size = path.stat().st_size if os.path.isfile(path) else 0
        if not size or size % _RECORD or size > MOST_BYTES:
            raise DataError(f"{where} has {size} bytes, which is no number of records of {_RECORD}; get it again")
        records = np.memmap(path, np.uint8, mode="r").reshape(-1, _RECORD)
    except OSError as error:
        raise DataError(f"cannot read {where}: {error.strerror}") from error
    if records[:, 0].max() >= len(CLASSES):
        raise DataError(f"{where} has the label {records[:, 0].max()}; CIFAR-10's are 0 to 9")
    return records


CIFAR10 = Source(
    cifar10,
    path="required",
    path_help="data.path=FOLDER, the unpacked binary version or a folder with one folder per class",
)
