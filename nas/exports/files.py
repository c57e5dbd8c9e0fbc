"""One file of a network: written where what it needs is installed, and compared with torch on images."""

import importlib.util
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from nas.errors import NasError
from nas.exports.base import Exporter, TrainedNetwork
from nas.exports.graph import Floats, Run
from nas.results.member import Agreement

Labelled = Iterable[tuple[Floats, NDArray[np.int64]]]
"""Batches of images as the network sees them, with their labels."""


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


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """Images with their labels, and what torch makes of them."""

    batches: Sequence[tuple[Floats, NDArray[np.int64]]]
    logits: Sequence[Floats]

    @classmethod
    def of(cls, net: nn.Module, batches: Labelled) -> "Reference":
        """That of the network `net`."""
        kept, device = list(batches), next(net.parameters()).device
        with torch.no_grad():
            logits = [net.eval()(torch.from_numpy(images).to(device)).cpu().numpy() for images, _ in kept]
        return cls(kept, logits)


def compare(run: Run, reference: Reference) -> tuple[NDArray[np.bool_], Agreement]:
    """Which images a file gives their label, and how it agrees with torch."""
    right, same, largest = [], [], 0.0
    for (images, labels), expected in zip(reference.batches, reference.logits, strict=True):
        found = run(images)
        right.append(found.argmax(1) == labels)
        same.append(found.argmax(1) == expected.argmax(1))
        largest = max(largest, float(np.abs(found - expected).max()))
    agreed = np.concatenate(same)
    return np.concatenate(right), Agreement(float(agreed.mean()), largest, len(agreed))
