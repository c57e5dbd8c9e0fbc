"""What the graph alone tells: no weights, no images, a fraction of a millisecond."""

import math
from collections.abc import Callable, Mapping, Sequence

from nas.spaces.architecture import Architecture
from nas.spaces.layers import Layer, layers


def graph_counts(arch: Architecture) -> dict[str, float]:
    """Every count of `COUNTS` for `arch`. Gates count towards MACs and params alone."""
    walk = tuple(layers(arch))
    return {name: float(count(walk)) for name, count in COUNTS.items()}


def _convolutions(walk: Sequence[Layer]) -> list[Layer]:
    """All but the two of a gate, which alone have a bias."""
    return [layer for layer in walk if layer.op in ("conv", "depthwise") and not layer.bias]


def _log_units(walk: Sequence[Layer]) -> float:
    return math.log1p(sum(layer.out_elements for layer in _convolutions(walk) if layer.activation != "none"))


def _log_receptive_field(walk: Sequence[Layer]) -> float:
    pixels, step = 1, 1
    for layer in _convolutions(walk):
        pixels, step = pixels + (layer.kernel - 1) * step, step * layer.stride
    return math.log(pixels)


COUNTS: Mapping[str, Callable[[Sequence[Layer]], float]] = {
    "depth": lambda walk: len(_convolutions(walk)),
    "log_macs": lambda walk: math.log(sum(layer.macs for layer in walk)),
    "log_params": lambda walk: math.log(sum(layer.params for layer in walk)),
    "log_units": _log_units,  # elements that go through an activation
    "log_receptive_field": _log_receptive_field,  # pixels of the input, in one direction, that one output sees
    "shortcuts": lambda walk: sum(layer.op == "add" for layer in walk),
}
