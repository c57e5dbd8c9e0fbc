"""`data=cifar10`: 60,000 photographs of 32 x 32 in 10 classes (Krizhevsky 2009).

The original binary version, https://www.cs.toronto.edu/~kriz/cifar.html: records of one label byte and the
red, green and blue planes. Or any folder of class folders. Never the Python version: unpickling runs code.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nas.data.catalogue import Catalogue, Source, SourceSettings
from nas.data.folders import stamp
from nas.data.sources.imagefolder import imagefolder
from nas.errors import DataError

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
NATIVE_RESOLUTION = 32
_RECORD = 1 + 3 * 32 * 32


def cifar10(settings: SourceSettings) -> Catalogue:
    """The five training batches and the test batch, or the splits of an image folder.

    Raises:
        DataError: the folder holds neither, or a file is cut short.
    """
    folder = Path(settings.path or "").expanduser()
    if (inner := folder / "cifar-10-batches-bin").is_dir():
        folder = inner
    files = {"train": sorted(folder.glob("data_batch_*.bin")), "test": sorted(folder.glob("test_batch.bin"))}
    if not files["train"]:
        if (folder / "data_batch_1").is_file() or (folder / "cifar-10-batches-py").is_dir():
            reason = "holds the Python version, whose pickles may run code"
            raise DataError(f"{str(folder)!r} {reason}; give the binary version, cifar-10-binary.tar.gz unpacked")
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
    size = path.stat().st_size
    if not size or size % _RECORD:
        raise DataError(f"{str(path)!r} has {size} bytes, which is no number of records of {_RECORD}; get it again")
    records = np.memmap(path, np.uint8, mode="r").reshape(-1, _RECORD)
    if records[:, 0].max() >= len(CLASSES):
        raise DataError(f"{str(path)!r} has the label {records[:, 0].max()}; CIFAR-10's are 0 to 9")
    return records


CIFAR10 = Source(
    cifar10,
    path="required",
    path_help="data.path=FOLDER, the unpacked binary version or a folder with one folder per class",
)
