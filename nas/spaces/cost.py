"""What a network costs, exactly, without building it.

Conventions (docs/cost.md): MACs count convolutions and the classifier, not batch norm, activations,
pooling or additions. Params count every trainable weight, batch norm's two vectors included.
Weight bytes are params times the bytes of one weight at the precision. Peak activation bytes are the
largest sum, over the fused layers, of input, output and whatever must be kept for later (a
shortcut's source), at batch 1, with no operation in place.
"""

from dataclasses import dataclass, fields

from nas.errors import ConfigError
from nas.reading.words import short
from nas.resources import names
from nas.spaces.architecture import Architecture
from nas.spaces.layers import layers

BYTES = {"fp32": 4, "fp16": 2, "int8": 1}


@dataclass(frozen=True, slots=True)
class Cost:
    """MACs, trainable weights, bytes of weights, peak bytes of activations at batch 1."""

    macs: int
    params: int
    weight_bytes: int
    peak_activation_bytes: int


COUNTED = tuple(field.name for field in fields(Cost))
"""The fields of what is counted exactly."""


def cost(arch: Architecture, precision: str = "fp32") -> Cost:
    """The cost of `arch` with weights and activations at `precision` (fp32, fp16 or int8)."""
    if precision not in BYTES:
        raise ConfigError(f"unknown precision {short(precision)}; known: {names(BYTES)}")
    width = BYTES[precision]
    walk = list(layers(arch))
    params = sum(layer.params for layer in walk)
    peak = max(layer.live_elements for layer in walk)
    return Cost(sum(layer.macs for layer in walk), params, params * width, peak * width)
