"""`data=hf`: a data set of the Hugging Face Hub, or one in a folder, read by the library `datasets`.

A split with missing labels (-1, as competitions publish their test) counts as not there. Images are decoded
like those of every other source, not by `datasets`.
"""

import io
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nas.data.catalogue import Catalogue, ImageReader, Source, SourceSettings, folder_of
from nas.data.decode import Item
from nas.data.folders import SPLIT_NAMES, stamp
from nas.data.splits import Indices
from nas.errors import DataError
from nas.reading.words import cut, listed, short

_CLASSES = ("int", "uint", "string", "large_string", "bool")
"""How the types of values start that can be classes."""


def hf(settings: SourceSettings) -> Catalogue:
    """The splits train, validation and test of a data set; a single split of any name is train.

    Raises:
        DataError: the library is not installed, the data set cannot be had, or its columns do not tell enough.
    """
    name, splits = cut(str(settings.path), 160), _splits(settings)
    features = splits["train"].features
    image = _image_column(name, features, settings.image_column)
    label = _label_column(name, features, settings.label_column)
    try:
        values = {split: table[label][:] for split, table in splits.items()}
    except Exception as error:  # of any type: the files are read here, by pyarrow
        raise DataError(f"data=hf cannot read {short(label)} of {short(name)}: {cut(str(error), 200)}") from error
    classes, labels = _classes(name, features[label], values)

    def open_images() -> ImageReader:
        import datasets

        raw = {split: splits[split].cast_column(image, datasets.Image(decode=False)) for split in labels}

        def read(split: str, i: int) -> Item:
            found: dict[str, Any] | None = raw[split][i][image]
            if found is None:
                raise ValueError("no image")
            return io.BytesIO(found["bytes"]) if found["bytes"] is not None else Path(found["path"])

        return read

    def stamps() -> Iterable[tuple[str, int, int]]:
        return [stamp(Path(file["filename"])) for split in labels for file in splits[split].cache_files]

    return Catalogue(name, classes, labels, open_images, stamps)


def _splits(settings: SourceSettings) -> dict[str, Any]:
    """The `datasets.Dataset` of each split."""
    try:
        import datasets
    except ImportError as error:
        raise DataError("data=hf needs the library datasets: pip install 'sepconv-nas[hf]'") from error
    datasets.logging.set_verbosity(datasets.logging.CRITICAL)  # what it logs of an error is in the error too
    if not sys.stderr.isatty():
        datasets.disable_progress_bars()
    name, folder = str(settings.path), folder_of(settings)
    try:
        if os.path.isfile(folder / "dataset_dict.json") or os.path.isfile(folder / "state.json"):
            found = datasets.load_from_disk(str(folder))
        else:
            found = datasets.load_dataset(str(folder) if os.path.isdir(folder) else name, settings.subset)
    except ConnectionError as error:
        reason = f"data=hf cannot reach the Hub for {short(name, 160)} ({cut(str(error), 160)})"
        raise DataError(f"{reason}; without a network, give data.path=FOLDER of a data set on disk") from error
    except Exception as error:  # of any type: it reads files of many formats by many libraries
        raise DataError(f"data=hf cannot load {short(name, 160)}: {cut(str(error), 240)}") from error
    tables = dict(found) if isinstance(found, dict) else {"train": found}
    if len(tables) == 1:
        return {"train": next(iter(tables.values()))}
    splits = {SPLIT_NAMES[split]: table for split, table in tables.items() if split in SPLIT_NAMES}
    if "train" not in splits:
        raise DataError(f"{short(name, 160)} has no split train; it has {listed(sorted(tables))}")
    return splits


def _image_column(name: str, features: Mapping[str, Any], wanted: str | None) -> str:
    found = [column for column, kind in features.items() if type(kind).__name__ == "Image"]
    return _only(name, "image", features, found, wanted)


def _label_column(name: str, features: Mapping[str, Any], wanted: str | None) -> str:
    found = [column for column, kind in features.items() if type(kind).__name__ == "ClassLabel"]
    values = [column for column, kind in features.items() if str(getattr(kind, "dtype", "")).startswith(_CLASSES)]
    plain = [column for column in values if column in ("label", "labels")]
    return _only(name, "label", features, found or plain if wanted is None else values, wanted)


def _only(name: str, what: str, features: Mapping[str, Any], found: list[str], wanted: str | None) -> str:
    """`wanted` if it is one of those found, else the only one found."""
    if wanted in found:
        return str(wanted)
    if wanted is None and len(found) == 1:
        return found[0]
    columns = listed(f"{column} ({type(kind).__name__})" for column, kind in features.items())
    problem = f"no {what} column" if wanted is None and not found else f"several {what} columns"
    problem = problem if wanted is None else f"no {what} column {short(wanted)}"
    raise DataError(f"{short(name)} has {problem}; set data.{what}_column to one of: {columns}")


def _classes(name: str, kind: Any, values: Mapping[str, list[Any]]) -> tuple[tuple[str, ...], dict[str, Indices]]:
    """Class names, and class indices by split; without names of their own, classes are the values of train."""
    known = range(len(kind.names)) if hasattr(kind, "names") else sorted(set(values["train"]) - {None})
    if len(known) < 2:
        raise DataError(f"{short(name)} has {len(known)} classes; at least two are needed")
    index = {value: i for i, value in enumerate(known)}
    labels = {}
    for split, column in values.items():
        if strange := set(column) - set(index) - {None, -1}:
            raise DataError(f"{split} of {short(name)} has the class {short(min(strange))}, which train lacks")
        labels[split] = np.array([index.get(value, -1) for value in column], dtype=np.int64)
    if (labels["train"] < 0).any():
        raise DataError(f"{short(name)} has images without a class in train; give them one or leave them out")
    titles = kind.names if hasattr(kind, "names") else map(str, known)
    return tuple(titles), {split: found for split, found in labels.items() if (found >= 0).all()}


HF = Source(
    hf,
    path="required",
    path_help="data.path=NAME, a data set of the Hugging Face Hub, or a folder of one",
    own=("subset", "image_column", "label_column"),
)
