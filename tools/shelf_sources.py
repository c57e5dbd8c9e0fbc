"""The rows of the calibration data, each set by where it is from: what `python -m tools.shelf` transcribes.

Figures are kept as the source has them, milliseconds of MLPerf rounded to a microsecond.
"""

import csv
from collections.abc import Container, Iterator
from pathlib import Path

from nas.errors import ArchitectureError
from nas.spaces.architecture import Architecture
from nas.spaces.baselines import baseline

PRECISIONS = {"float": "fp32", "float32": "fp32", "fp32": "fp32", "quant": "int8", "uint8": "int8", "int8": "int8"}

LARGE_LITE = {  # Tan and Le, https://arxiv.org/abs/1905.11946, as efficientnet_lite0 but wider, deeper and larger
    "efficientnet_lite3": "280x3 conv3/2-32 mb3e1-24 mb3e6/2-32x3 mb5e6/2-48x3 mb3e6/2-96x5 mb5e6-136x5 mb5e6/2-232x6 "
    "mb3e6-384 conv1-1280 fc1000",
    "efficientnet_lite4": "300x3 conv3/2-32 mb3e1-24 mb3e6/2-32x4 mb5e6/2-56x4 mb3e6/2-112x6 mb5e6-160x6 mb5e6/2-272x8 "
    "mb3e6-448 conv1-1280 fc1000",
}

Key = tuple[str, str, str]
"""A study and its device or round, the set of cores or the system, and the precision."""
Times = dict[str, tuple[float, float]]
"""Milliseconds and their spread by network."""


def all_rows(data: Path, phone_networks: Container[str]) -> dict[Key, Times]:
    """Every set of rows; `phone_networks` are those of the phones that are taken."""
    found: dict[Key, Times] = {}
    for each in (_phones(data), _pixel4(data), _mlperf_v3(data), _mlperf_arm(data)):
        for key, name, ms, spread in each:
            if name in phone_networks or _known(name):
                found.setdefault(key, {})[name] = ms, spread
    return found


def mlperf_network(name: str) -> Architecture:
    """A network of MLPerf's submissions, with their 1001 classes where it is a MobileNet.

    MobileNet v3 is none: its gates and hard swishes are of no search space, and two networks do not tell their cost.
    """
    if name in LARGE_LITE:
        return Architecture.from_notation(LARGE_LITE[name])
    if name.startswith("mobilenet_v3"):
        raise ArchitectureError(f"{name} is not taken")
    return baseline(name, classes=1001 if name.startswith("mobilenet") else 1000)


def _read(file: Path) -> Iterator[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as stream:
        yield from csv.DictReader(stream)


def _phones(data: Path) -> Iterator[tuple[Key, str, float, float]]:
    for row in _read(data / "phones" / "latency.csv"):
        key = row["phone"], row["cores"], PRECISIONS[row["precision"]]
        yield key, row["network"], float(row["mean_ms"]), float(row["std_ms"])


def _pixel4(data: Path) -> Iterator[tuple[Key, str, float, float]]:
    for row in _read(data / "pixel4" / "tflite_real.csv"):
        for column in row:
            if column.endswith("_mean_ms") and not column.startswith("gpu") and row[column]:
                cores, precision = column.removesuffix("_mean_ms").split("_")
                spread = float(row[f"{cores}_{precision}_std_ms"])
                yield ("pixel4", cores, PRECISIONS[precision]), row["model"], float(row[column]), spread


def _mlperf_v3(data: Path) -> Iterator[tuple[Key, str, float, float]]:
    for row in _read(data / "mlperf_v3" / "singlestream.csv"):
        yield ("v3", row["system"], PRECISIONS[row["precision"]]), row["network"], round(float(row["p50_ms"]), 3), 0.0


def _mlperf_arm(data: Path) -> Iterator[tuple[Key, str, float, float]]:
    for row in _read(data / "mlperf_arm" / "singlestream.csv"):
        name = row["family"].replace("-", "_")
        if row["alpha"]:
            name += f"_w{float(row['alpha']):g}_r{row['resolution']}"
        if row["division"] == "open" and row["precision"] in PRECISIONS:
            key = row["round"], row["system"], PRECISIONS[row["precision"]]
            yield key, name, round(float(row["p50_ms"]), 3), 0.0


def _known(name: str) -> bool:
    try:
        mlperf_network(name)
    except ArchitectureError:
        return False
    return True
