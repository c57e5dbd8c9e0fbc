"""A network layer by layer: shapes, costs, and the predicted milliseconds of each on devices.

The milliseconds of the layers, and what a run takes beside them, add up to the prediction of the whole.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from nas.latency.predictor import Latency, predictor
from nas.latency.profile import HardwareProfile
from nas.spaces.architecture import Architecture
from nas.spaces.cost import BYTES, Cost, cost
from nas.spaces.layers import Layer, layers, placed

KINDS = ("1x1 convolution", "depthwise", "standard convolution", "classifier", "other")


@dataclass(frozen=True, slots=True)
class Part:
    """A layer: `stage` and `block` count from 1, and are None of what follows the blocks.

    `activation_bytes` are those in memory while it runs; `ms` are milliseconds, one for each device.
    """

    stage: int | None
    block: int | None
    layer: Layer
    weight_bytes: int
    activation_bytes: int
    ms: tuple[float, ...]

    @property
    def kind(self) -> str:
        """One of `KINDS`; what squeezes and excites is among the 1x1 convolutions."""
        if self.layer.op == "conv":
            return KINDS[0] if self.layer.kernel == 1 else KINDS[2]
        return {"depthwise": KINDS[1], "linear": KINDS[3]}.get(self.layer.op, KINDS[4])


@dataclass(frozen=True, slots=True)
class OnDevice:
    """The prediction for a network on the device `label`; `beside_ms` are of no layer."""

    label: str
    latency: Latency
    beside_ms: float


@dataclass(frozen=True, slots=True)
class Anatomy:
    """A network with its layers, in the order they run; bytes are those at `precision`."""

    arch: Architecture
    precision: str
    cost: Cost
    parts: tuple[Part, ...]
    devices: tuple[OnDevice, ...]


def anatomy(arch: Architecture, profiles: Sequence[HardwareProfile], precision: str = "fp32") -> Anatomy:
    """Everything about the layers of `arch`.

    Raises:
        ProfileError: a profile holds no measurement of an op or an activation of `arch`.
    """
    devices, columns = [], []
    for profile in profiles:
        found = predictor(profile)
        whole = found(arch)
        ms, beside = found.model.split([found.model.counts(layer) for layer in layers(arch)])
        devices.append(OnDevice(profile.label, whole, beside))
        columns.append(ms)
    width = BYTES[precision]
    parts = tuple(
        Part(
            None if place is None else place[0] + 1,
            None if place is None else place[1] + 1,
            layer,
            layer.params * width,
            layer.live_elements * width,
            tuple(column[index] for column in columns),
        )
        for index, (place, layer) in enumerate(placed(arch))
    )
    return Anatomy(arch, precision, cost(arch, precision), parts, tuple(devices))
