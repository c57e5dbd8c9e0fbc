"""What a file format is: how a trained network is written, how the file runs here, and how it says what it is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from nas.results.member import HostTiming
from nas.spaces.architecture import Architecture

Floats = NDArray[np.float32]

Run = Callable[[Floats], Floats]
"""From images as the network sees them, N x C x R x R, to logits, N x classes."""


@dataclass(frozen=True, slots=True, eq=False)
class TrainedNetwork:
    """What is written: `net`, trained at `resolution` pixels, with what the file is to say of it.

    `metadata` values that are not strings are stored as JSON. `calibration` gives training images as the network sees
    them, float32 N x C x R x R, to take the ranges of activations from.
    """

    net: nn.Module
    arch: Architecture
    resolution: int
    metadata: Mapping[str, Any]
    calibration: Callable[[], Floats]


@dataclass(frozen=True, slots=True)
class Exporter:
    """One format. A file runs at any batch size, at the pixels of its training and at the architecture's own."""

    format: str
    """Of the file: `onnx`."""
    precision: str
    """Of its weights: `fp32`, `int8`."""
    suffix: str
    """Of the file's name, unlike that of any other format."""
    write: Callable[[TrainedNetwork, Path, Mapping[str, Path]], None]
    """Writes the file whole or not at all; is given the files written before, by the name of their format. Raises
    `NasError`, or whatever the tools of the format raise."""
    open: Callable[[Path], Run]
    """Runs the file on this machine."""
    describe: Callable[[Path, Mapping[str, Any]], None]
    """Adds metadata to the file, in place of values of the same name."""
    time: Callable[[Path, int], HostTiming]
    """Times the file on this machine, at its pixels, in one thread."""
    required: bool = False
    """Whether a network without such a file is left out of the result."""
    disagreement: float | None = None
    """The largest share of validation images that may get another class here than from torch; None: any."""
