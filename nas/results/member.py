"""A confirmed network: what it costs, how accurate it is, and the files it ships as."""

from dataclasses import dataclass

from nas.measures import Interval
from nas.results.codec import Count, Finite, Network, Share


@dataclass(frozen=True, slots=True)
class Accuracy:
    """A mean accuracy over several trainings, with its 95 % interval; shares of 1."""

    value: Share
    """the mean"""
    low: Share
    """lower end of the interval"""
    high: Share
    """upper end of the interval"""
    how: str
    """how it was got: `confirmed`"""
    seeds: Count
    """trainings it is the mean of"""
    resolution: Count
    """pixels it was taken at"""


@dataclass(frozen=True, slots=True)
class LatencyFigure:
    """Milliseconds on the device, with their interval."""

    value: Finite
    """the milliseconds"""
    low: Finite
    """lower end of the interval"""
    high: Finite
    """upper end of the interval"""
    how: str
    """`predicted` or `measured`"""
    in_range: bool
    """whether the network is among what the predictor was fitted to"""
    predicted: Interval | None = None
    """what was predicted, where the latency was measured"""

    @property
    def extrapolates(self) -> bool:
        """Whether it is a prediction beyond what was measured on the device."""
        return self.how != "measured" and not self.in_range


@dataclass(frozen=True, slots=True)
class HostTiming:
    """Milliseconds of one inference at batch 1 on the machine that searched."""

    median: Finite
    """of all repeats"""
    low: Finite
    """lower quartile"""
    high: Finite
    """upper quartile"""
    repeats: Count
    """inferences timed"""
    threads: Count
    """threads of an inference"""
    runtime: str
    """what ran it, with its version"""


@dataclass(frozen=True, slots=True)
class FileAccuracy:
    """The accuracy of one file on the test images, with its 95 % interval; shares of 1."""

    value: Share
    """the file's accuracy"""
    low: Share
    """lower end of the interval"""
    high: Share
    """upper end of the interval"""
    fp32: Share
    """the accuracy of the fp32 file on the same images"""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of a network, or why there is none."""

    format: str
    """of the file: `onnx`"""
    precision: str
    """of its weights: `fp32` or `int8`"""
    path: str | None
    """where it is in the run folder; null with an `error`"""
    bytes: Count | None
    """its size; null with an `error`"""
    accuracy: FileAccuracy | None = None
    """of this file, where it was taken"""
    host_latency_ms: HostTiming | None = None
    """on the machine that searched, where it was timed"""
    error: str | None = None
    """why there is no such file"""


@dataclass(frozen=True, slots=True)
class Member:
    """A confirmed network."""

    key: str
    """the same for equal networks, everywhere"""
    notation: str
    """the network in one line"""
    architecture: Network
    """the network as `arch=` takes it"""
    macs: Count
    """multiply-accumulates of one inference"""
    params: Count
    """trainable weights"""
    weight_bytes: Count
    """bytes of the weights at the device's precision"""
    peak_activation_bytes: Count
    """bytes of the activations at their peak"""
    latency_ms: LatencyFigure
    """milliseconds on the device"""
    accuracy: Accuracy
    """on the test images"""
    val_accuracy: Interval
    """on the validation images, by which the front was chosen"""
    probability: Share
    """of being on the front, by the validation images"""
    onnx: str | None
    """path of the ONNX file in fp32, one of `files`"""
    onnx_int8: str | None
    """path of the ONNX file in int8, one of `files`"""
    files: tuple[ModelFile, ...]
    """every file that was asked for"""

    def file(self, precision: str, format: str = "onnx") -> ModelFile | None:
        """The file of that precision and format, if it was asked for."""
        return next((each for each in self.files if (each.format, each.precision) == (format, precision)), None)


@dataclass(frozen=True, slots=True)
class Baseline:
    """A published network trained like the members, to compare them with."""

    name: str
    """with its width and resolution"""
    architecture: Network
    """the network as `arch=` takes it"""
    macs: Count
    """multiply-accumulates of one inference"""
    params: Count
    """trainable weights"""
    weight_bytes: Count
    """bytes of the weights at the device's precision"""
    peak_activation_bytes: Count
    """bytes of the activations at their peak"""
    latency_ms: LatencyFigure
    """milliseconds on the device"""
    accuracy: Accuracy
    """on the test images"""
