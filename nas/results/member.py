"""A confirmed network: what it costs, how accurate it is, and the files it ships as."""

import re
from dataclasses import dataclass, replace
from typing import Annotated, cast

from nas.results.codec import Bounds, Count, Finite, Flag, InFolder, Network, Share
from nas.results.costs import NETWORK_COSTS, Costs, DeviceFigure


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
    """The accuracy of one file, so of one training, on the test images, with its 95 % interval; shares of 1."""

    value: Share
    """the file's accuracy"""
    low: Share
    """lower end of the interval"""
    high: Share
    """upper end of the interval"""
    fp32: Share
    """the accuracy of the fp32 file on the same images"""
    seed: Count
    """of the training that the file holds: the best by the validation images of those that a member's mean is over"""


@dataclass(frozen=True, slots=True)
class Agreement:
    """How a file agrees with the network in torch, on the test images."""

    top_class: Share
    """images that get the same class"""
    largest_difference: Finite
    """of a logit"""
    images: Count
    """compared"""


@dataclass(frozen=True, slots=True)
class Confused:
    """Test images of one class that got another."""

    true: Count
    """the class that they are of, by its place in `data.classes`"""
    found: Count
    """the class that they got"""
    count: Count
    """images"""


@dataclass(frozen=True, slots=True)
class Mistake:
    """A test image that got another class than its own."""

    image: Count
    """its place in the test split, from 0"""
    true: Count
    """the class that it is of, by its place in `data.classes`"""
    found: Count
    """the class that it got"""
    sure: Share
    """the probability that this class was given"""


@dataclass(frozen=True, slots=True)
class ByClass:
    """What the network makes of the test images, class by class."""

    right: tuple[Count, ...]
    """images of each class that got it, in the order of `data.classes`"""
    mistakes: tuple[Mistake, ...]
    """the images that it gets wrong most surely, the surest first"""
    picture: InFolder | None
    """a JPEG of these, in a row of squares; null without any"""


@dataclass(frozen=True, slots=True)
class KeptFloat:
    """A layer of an int8 file that is in fp32."""

    layer: str
    """its name in the file"""
    error: Finite
    """what it alone in int8 does to the logits: their mean squared error over their variance"""
    bytes: Count
    """what its weights take more than in int8"""
    ms: Finite
    """what an image takes more than with it in int8, here on one thread; below 0 it is faster in fp32"""


@dataclass(frozen=True, slots=True)
class TriedRung:
    """A way to int8 that was tried."""

    rung: str
    """what it does beside what those before it do"""
    loss_points: Finite
    """points of accuracy lost on the validation images"""
    agreement: Finite | None = None
    """percent of the validation images that get the class of fp32; null in files of earlier versions"""


@dataclass(frozen=True, slots=True)
class Int8:
    """How a network became int8, and what that lost on the validation images, in points of accuracy."""

    rung: str
    """the cheapest way that keeps within both bounds; if none does, of those that keep the accuracy the one that agrees
    most with fp32, or else the most accurate"""
    loss_points: Finite
    """lost by this file"""
    most_points: Finite | None
    """the most that was allowed; null for any"""
    held: Flag | None
    """whether it keeps within both bounds; null where any loss was allowed"""
    fp32_layers: tuple[KeptFloat, ...]
    """layers that stayed in fp32"""
    tried: tuple[TriedRung, ...]
    """each way that was tried, in order"""
    agreement: Finite | None = None
    """percent of the validation images that this file gives the class of fp32; null in files of earlier versions"""
    least_agreement: Finite | None = None
    """the least that was allowed; null for any"""

    @property
    def unheld(self) -> str | None:
        """What is worse than allowed: `loses 1.2 points, 0.5 are allowed`; None where nothing is, or any loss was."""
        if self.held is not False:
            return None
        if self.least_agreement is None or (self.most_points is not None and self.loss_points > self.most_points):
            return f"loses {self.loss_points:.1f} points, {self.most_points:g} are allowed"
        differing, allowed = 100 - (self.agreement or 0.0), 100 - self.least_agreement
        return f"gives {differing:.1f} % of images another class than fp32, {allowed:g} are allowed"


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of a network, or why there is none."""

    format: str
    """of the file: `onnx`"""
    precision: str
    """of its weights: `fp32` or `int8`"""
    path: InFolder | None
    """where it is in the run folder; null with an `error`"""
    bytes: Count | None
    """its size; null with an `error`"""
    accuracy: FileAccuracy | None = None
    """of this file, where it was taken"""
    host_latency_ms: HostTiming | None = None
    """on the machine that searched, where it was timed"""
    error: str | None = None
    """why there is no such file"""
    resolution: Count | None = None
    """pixels of the images that it takes, at which its accuracy, MACs and milliseconds were got"""
    macs: Count | None = None
    """multiply-accumulates of one inference at these pixels"""
    int8: Int8 | None = None
    """of an int8 file, how it was made and what that lost"""
    torch: Agreement | None = None
    """how it agrees with the network in torch, where it was run"""
    confused: tuple[Confused, ...] = ()
    """which test images it took for another class: the most frequent first, of many the first 400"""
    by_class: ByClass | None = None
    """of the ONNX file in fp32, what the network that it holds makes of each class"""
    slower: str | None = None
    """of an int8 file, where it is slower than fp32: on the machine that searched, or on the device by its profile"""
    not_run: str | None = None
    """why it was not run on this machine, so that nothing is known of its accuracy; null where it was"""

    @property
    def kind(self) -> str:
        """What it is called: `int8` of ONNX, `tflite int8` of another format."""
        return self.precision if self.format == "onnx" else f"{self.format} {self.precision}"


@dataclass(frozen=True, slots=True)
class Finished:
    """What `nas.train` made of a network: full trainings, each judged by the weights of its best epoch."""

    accuracy: Accuracy
    """on the test images, the mean of its trainings"""
    val_accuracy: Share
    """on the validation images, of the training that the files hold, at its best epoch"""
    epochs: Count
    """of each training"""
    best_epoch: Count
    """of the training that the files hold"""
    seconds: Finite
    """that all trainings took"""
    teacher: str | None
    """the file whose logits were learnt from as well; null: none"""
    init: str | None
    """the pretrained weights it started from; null: random weights"""
    files: tuple[ModelFile, ...]
    """every file that was asked for, of the best training by the validation images"""
    command: str
    """what makes it again"""
    weights: InFolder | None = None
    """path of the trained weights (safetensors), under the names of `nas.nets.build`"""


NetworkCosts = Annotated[Costs, NETWORK_COSTS]


class Costed:
    """A network with its `costs`: those that code asks for by name."""

    __slots__ = ()
    costs: Costs

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one inference."""
        return cast(int, self.costs["macs"])

    @property
    def params(self) -> int:
        """Trainable weights."""
        return cast(int, self.costs["params"])

    @property
    def weight_bytes(self) -> int:
        """Bytes of the weights at the device's precision."""
        return cast(int, self.costs["weight_bytes"])

    @property
    def peak_activation_bytes(self) -> int:
        """Bytes of the activations at their peak."""
        return cast(int, self.costs["peak_activation_bytes"])

    @property
    def latency_ms(self) -> DeviceFigure:
        """Milliseconds on the device."""
        return cast(DeviceFigure, self.costs["latency_ms"])


@dataclass(frozen=True, slots=True)
class Member(Costed):
    """A confirmed network."""

    key: str
    """the same for equal networks, everywhere"""
    notation: str
    """the network in one line"""
    architecture: Network
    """the network as `arch=` takes it"""
    costs: NetworkCosts
    """by the field of the measure; in front.json they stand beside the other keys"""
    accuracy: Accuracy
    """on the test images, the mean of its trainings; each file's own is with the file"""
    val_accuracy: Bounds
    """on the validation images, the mean of its trainings, by which the front was chosen"""
    probability: Share
    """of being on the front, by the validation images"""
    onnx: InFolder | None
    """path of the ONNX file in fp32, one of `files`"""
    onnx_int8: InFolder | None
    """path of the ONNX file in int8, one of `files`"""
    files: tuple[ModelFile, ...]
    """every file that was asked for"""
    weights: InFolder | None = None
    """path of the trained weights (safetensors), under the names of `nas.nets.build`"""
    finished: Finished | None = None
    """its full training, where `nas.train` gave it one; null: none yet"""

    def shipped(self) -> "Member":
        """The member with the accuracy, weights and files of its full training, where it had one."""
        if self.finished is None:
            return self
        found = self.finished
        return replace(self, accuracy=found.accuracy, weights=found.weights, files=found.files)

    def file(self, precision: str, format: str = "onnx") -> ModelFile | None:
        """The file of that precision and format, if it was asked for."""
        return next((each for each in self.files if (each.format, each.precision) == (format, precision)), None)


@dataclass(frozen=True, slots=True)
class Baseline(Costed):
    """A published network trained like the members, to compare them with."""

    name: str
    """with its width and resolution"""
    architecture: Network
    """the network as `arch=` takes it"""
    costs: NetworkCosts
    """by the field of the measure; in front.json they stand beside the other keys"""
    accuracy: Accuracy
    """on the test images"""

    @property
    def family(self) -> str:
        """The name without width, stride and resolution."""
        return re.sub(r"(_[wsr]\d[\d.]*)+$", "", self.name)
