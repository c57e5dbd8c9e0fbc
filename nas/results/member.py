"""A confirmed network: what it costs, how accurate it is, and the files it ships as."""

from dataclasses import dataclass

from nas.measures import Interval
from nas.results.codec import Count, Finite, Network, Share


@dataclass(frozen=True, slots=True)
class Accuracy:
    """A mean accuracy in 0..1 over `seeds` trainings with its 95 % interval; `how` it was got, at which pixels."""

    value: Share
    low: Share
    high: Share
    how: str
    seeds: Count
    resolution: Count


@dataclass(frozen=True, slots=True)
class LatencyFigure:
    """Milliseconds with their interval; `how`: predicted or measured. A measured one keeps what was `predicted`."""

    value: Finite
    low: Finite
    high: Finite
    how: str
    in_range: bool
    predicted: Interval | None = None

    @property
    def extrapolates(self) -> bool:
        """Whether it is a prediction beyond what was measured on the device."""
        return self.how != "measured" and not self.in_range


@dataclass(frozen=True, slots=True)
class HostTiming:
    """Median and quartiles of one inference in ms on the machine that searched, batch 1."""

    median: Finite
    low: Finite
    high: Finite
    repeats: Count
    threads: Count
    runtime: str


@dataclass(frozen=True, slots=True)
class FileAccuracy:
    """The accuracy of one file on the test images, 0..1, with its 95 % interval, and that of the `fp32` file."""

    value: Share
    low: Share
    high: Share
    fp32: Share


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of a network, or, with `error`, why there is none. `path` is relative to the run folder."""

    format: str
    precision: str
    path: str | None
    bytes: Count | None
    accuracy: FileAccuracy | None = None
    host_latency_ms: HostTiming | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Member:
    """A confirmed network. `accuracy` is of test images; `val_accuracy`, by which the front was chosen, of validation.

    `onnx` and `onnx_int8` are the paths of those two of `files`, None where there is none.
    """

    key: str
    notation: str
    architecture: Network
    macs: Count
    params: Count
    weight_bytes: Count
    peak_activation_bytes: Count
    latency_ms: LatencyFigure
    accuracy: Accuracy
    val_accuracy: Interval
    probability: Share
    onnx: str | None
    onnx_int8: str | None
    files: tuple[ModelFile, ...]

    def file(self, precision: str, format: str = "onnx") -> ModelFile | None:
        """The file of that precision and format, if it was asked for."""
        return next((each for each in self.files if (each.format, each.precision) == (format, precision)), None)


@dataclass(frozen=True, slots=True)
class Baseline:
    """A published network trained like the members, to compare them with."""

    name: str
    architecture: Network
    macs: Count
    params: Count
    weight_bytes: Count
    peak_activation_bytes: Count
    latency_ms: LatencyFigure
    accuracy: Accuracy
