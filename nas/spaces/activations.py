"""The activations that blocks may have: one row each, read by blocks, by graphs to measure and by latency models.

A new one is a row here and its module in `nas.nets.blocks`.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Activation:
    """`onnx`: its operator. `clamp`: engines fuse it into the convolution, and quantised it is a mere range."""

    onnx: str | None
    clamp: bool = False


ACTIVATIONS: Mapping[str, Activation] = {
    "relu6": Activation("Clip", clamp=True),
    "relu": Activation("Relu", clamp=True),
    "hswish": Activation("HardSwish"),
    "elu": Activation("Elu"),
    "none": Activation(None, clamp=True),
}


def is_clamp(name: str) -> bool:
    """Whether a layer's activation costs nothing of its own; the gate `hsigmoid`, which no block chooses, does."""
    return name in ACTIVATIONS and ACTIVATIONS[name].clamp
