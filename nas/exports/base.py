"""What a file format is: how a trained network is written, how the file runs here, and how it says what it is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from torch import nn

from nas.exports.graph import Floats, Graph, Run, at_size, graph_of
from nas.exports.int8.ladder import Asked, Held, hold
from nas.results.member import HostTiming
from nas.spaces.architecture import Architecture

__all__ = ["Exporter", "Floats", "Run", "TrainedNetwork"]


@dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """What is written: `net`, trained at `resolution` pixels, with what the file is to say of it.

    `metadata` values that are not strings are stored as JSON. `calibration` gives training images as the network sees
    them, float32 N x C x R x R, to take the ranges of activations from. `batch` is how many images a file takes at a
    time, None any number. `asked` is what int8 has to hold, and the images that tell.
    """

    net: nn.Module
    arch: Architecture
    resolution: int
    metadata: Mapping[str, Any]
    calibration: Callable[[], Floats]
    batch: int | None = None
    asked: Asked = field(default_factory=Asked)

    @cached_property
    def graph(self) -> Graph:
        """The network at `resolution` pixels, as files run it."""
        return graph_of(self.net, at_size(self.arch, self.resolution))

    @cached_property
    def int8(self) -> Held:
        """The network in int8, which all files of that precision hold alike."""
        return hold(self.graph, self.calibration(), self.asked)


@dataclass(frozen=True, slots=True)
class Exporter:
    """One format. A file runs at the pixels of its training, at any batch size unless one was asked for.

    Where `needs` says what has to be installed, and it is not, there is no file; without `open` none runs here.
    """

    format: str
    """Of the file: `onnx`."""
    precision: str
    """Of its weights: `fp32`, `int8`."""
    suffix: str
    """Of the file's name, unlike that of any other format."""
    write: Callable[[TrainedNetwork, Path, Mapping[str, Path]], None]
    """Writes the file whole or not at all; is given the files written before, by the name of their format. Raises
    `NasError`, or whatever the tools of the format raise."""
    open: Callable[[Path], Run] | None
    """Runs the file on this machine."""
    describe: Callable[[Path, Mapping[str, Any]], None] | None
    """Adds metadata to the file, in place of values of the same name; None where a format has no room for any."""
    time: Callable[[Path, int], HostTiming] | None
    """Times the file on this machine, at its pixels, in one thread."""
    required: bool = False
    """Whether a network without such a file is left out of the result."""
    disagreement: float | None = None
    """The largest share of validation images that may get another class here than from torch; None: any."""
    needs: str | None = None
    """The package that writes and runs it, where the project itself does not depend on it: `ai_edge_litert`."""
    extra: str | None = None
    """The extra of this project that brings it: `tflite`."""
    runs_on: str = "this machine"
    """Where it runs, if not here: `Apple devices`."""
    after: str | None = None
    """The format, by name, from whose file it is made."""
