"""One file of a network: written where what it needs is installed, and compared with torch on images."""

import importlib.util
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from nas.errors import NasError
from nas.exports.base import Exporter, TrainedNetwork
from nas.exports.graph import Floats, Labelled, Run
from nas.results.member import Agreement, Confused


def lacks(exporter: Exporter) -> str | None:
    """What is missing here to write the format; None where nothing is."""
    if exporter.needs is None or importlib.util.find_spec(exporter.needs) is not None:
        return None
    return f"needs {exporter.needs}: pip install 'sepconv-nas[{exporter.extra}]'"


def write_file(exporter: Exporter, trained: TrainedNetwork, path: Path, earlier: Mapping[str, Path]) -> None:
    """Write one file; `earlier` are those written before, by format, the ONNX file in fp32 among them.

    Raises:
        NasError: what it needs is not installed.
    """
    if missing := lacks(exporter):
        raise NasError(f"{exporter.format} {missing}")
    exporter.write(trained, path, earlier)


MOST_CONFUSED = 400
"""Pairs of classes that are kept."""


def confused(labels: NDArray[np.int64], found: NDArray[np.int64]) -> tuple[Confused, ...]:
    """How many images of each class got which other, the most frequent first."""
    wrong = labels != found
    counts = Counter(zip(labels[wrong].tolist(), found[wrong].tolist(), strict=True))
    ordered = sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))[:MOST_CONFUSED]
    return tuple(Confused(true, got, count) for (true, got), count in ordered)


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """Images, which are made anew each time since they may be many, their labels, and what torch makes of them."""

    images: Callable[[], Iterable[Floats]]
    labels: NDArray[np.int64]
    logits: Sequence[Floats]

    @classmethod
    def of(cls, net: nn.Module, batches: Callable[[], Labelled]) -> "Reference":
        """That of the network `net`."""
        device, labels, logits = next(net.parameters()).device, list[NDArray[np.int64]](), list[Floats]()
        for images, of_these in batches():
            with torch.no_grad():
                logits.append(net.eval()(torch.from_numpy(images).to(device)).cpu().numpy())
            labels.append(of_these)
        return cls(lambda: (images for images, _ in batches()), np.concatenate(labels), logits)


def compare(run: Run, reference: Reference) -> tuple[NDArray[np.int64], Agreement]:
    """The class that a file gives each image, and how it agrees with torch."""
    classes, same, largest = [], [], 0.0
    for images, expected in zip(reference.images(), reference.logits, strict=True):
        found = run(images)
        classes.append(found.argmax(1))
        same.append(found.argmax(1) == expected.argmax(1))
        largest = max(largest, float(np.abs(found - expected).max()))
    agreed = np.concatenate(same)
    return np.concatenate(classes), Agreement(float(agreed.mean()), largest, len(agreed))
