"""What makes a layer slow, in a few numbers per layer, and which layers a profile has measured.

A layer's features depend on the layer alone; a network's are their sum and a constant. None is negative
and none falls when channels, kernel or size grow, so with non-negative coefficients neither do the
predicted milliseconds. All are in millions (of MACs, of elements, of weights); batch norm, bias and a
clamp (relu, relu6) are fused into their convolution and cost nothing of their own.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from nas.errors import ProfileError
from nas.latency.known_shapes import known_shapes
from nas.latency.profile import HardwareProfile, load_profile
from nas.resources import names
from nas.spaces.activations import is_clamp
from nas.spaces.architecture import Architecture
from nas.spaces.layers import Layer, layers

FEATURES = (
    "pointwise_macs",  # 1x1 convolutions: output channels and pixels rounded up to the tile a kernel computes at once
    "conv_macs",  # kxk convolutions, in practice the stem
    "unrolled_inputs",  # elements such a convolution multiplies for one output channel: its input, read k^2 times
    "depthwise_macs",  # channels rounded up to the tile
    "large_depthwise_macs",  # the part of it in kernels above 3, which have less tuned code
    "pointwise_outputs",  # elements a 1x1 convolution writes: small inputs leave little work per element
    "depthwise_traffic",  # elements a depthwise convolution or a global pool reads and writes, channels rounded up
    "uncached_elements",  # those a convolution reads and writes past the first 2^18: they leave the caches
    "weights",  # weights read, once per inference; all there is to the classifier at batch 1
    "uncached_weights",  # those past the first 2^18 of a convolution, which its pixels fetch again and again
    "shortcut_elements",
    "strided_inputs",  # elements that a depthwise convolution with a stride reads: no two windows share much of them
    "layers",  # 1 each: waking the other cores, or starting a kernel of a graphics processor
    "network",  # 1: what a run costs before its first layer
)

# Milliseconds per unit of FEATURES on one large ARM core. Only the ratios matter: the fit scales them
# freely and departs from them as far as the measurements ask (predictor.py). Where it is 0 the feature is left
# out: an int8 matrix or map of 2^18 elements is a quarter of a megabyte and still in the cache.
EXPECTED_MS = {
    "fp32": (0.055, 0.12, 0.5, 0.25, 0.05, 0.5, 0.4, 0.2, 0.4, 0.8, 1.5, 0.1, 4000.0, 0.3),
    "fp16": (0.028, 0.06, 0.25, 0.13, 0.03, 0.25, 0.2, 0.1, 0.2, 0.4, 0.8, 0.05, 4000.0, 0.3),
    "int8": (0.014, 0.06, 0.5, 0.25, 0.05, 0.5, 0.8, 0.0, 0.3, 0.0, 1.5, 0.1, 4000.0, 0.3),
}

MILLION = 1e6

# How a layer stands to what a profile has measured, from good to bad.
INSIDE, OUTSIDE, UNMEASURED = range(3)

_TILE = 8
_CACHED = 2**18  # elements, in fp32 a megabyte: about what the second-level caches of such cores hold
# How far past the measured shapes still counts as measured, as a factor: maps down to 1/2 of the smallest
# (a 128-pixel network ends at 4 where a 224-pixel one ends at 7) and up to 1.25 of the largest; a layer's
# MACs, or a shortcut's elements, up to 1.5 of the largest; channels 1.25 either way. A grey image's stem and a
# pool of fewer channels are only less of the same work.
_SLACK = {
    "channels": (1.25, 1.25),
    "size": (2.0, 1.25),
    "macs": (float("inf"), 1.5),
    "elements": (float("inf"), 1.5),
}
_FREE_BELOW = {("conv", "in_channels"), ("pool", "in_channels"), ("pool", "out_channels")}


@lru_cache(maxsize=65536)
def layer_counts(layer: Layer) -> tuple[int, ...]:
    """FEATURES of one layer in units, without the last: whole numbers, so that sums are exact in any order."""
    pointwise = layer.op == "conv" and layer.kernel == 1
    convolution = layer.op == "grouped" or (layer.op == "conv" and not pointwise)
    depthwise = layer.op == "depthwise"
    pixels = layer.out_size**2
    channels = _tiled(layer.out_channels)
    rows = _tiled(pixels) if pixels > 1 else 1  # a single pixel is a matrix times a vector, which has its own kernel
    depthwise_macs = layer.macs // layer.out_channels * channels * depthwise
    weights = layer.macs // pixels * (layer.op == "conv" and pixels > 1)
    moved = layer.in_elements + layer.out_elements
    return (
        layer.in_channels * channels * rows * pointwise,
        layer.macs * convolution,
        layer.macs // layer.out_channels * convolution,
        depthwise_macs,
        depthwise_macs * (layer.kernel > 3),
        layer.out_elements * pointwise,
        moved // layer.out_channels * channels * (layer.op in ("depthwise", "pool", "maxpool", "avgpool")),
        max(0, moved - _CACHED) * (layer.op in ("conv", "depthwise")),
        layer.params,
        max(0, weights - _CACHED),
        layer.out_elements * (layer.op in ("add", "scale", "concat", "split", "shuffle")),
        layer.in_elements * (layer.op == "depthwise" and layer.stride > 1),
        1,
    )


def _tiled(count: int) -> int:
    """`count` rounded up to whole tiles."""
    return -(-count // _TILE) * _TILE


def network_counts(arch: Architecture) -> list[int]:
    """FEATURES of a network in units, without the last (the constant)."""
    return [sum(counts) for counts in zip(*map(layer_counts, layers(arch)), strict=True)]


def network_features(arch: Architecture) -> NDArray[np.float64]:
    """FEATURES of a network, shape `(len(FEATURES),)`."""
    return np.array(_millions(arch))


@lru_cache(maxsize=4096)
def _millions(arch: Architecture) -> tuple[float, ...]:
    return (*(count / MILLION for count in network_counts(arch)), 1.0)


@dataclass(frozen=True, slots=True)
class Measured:
    """What the networks of a profile contain: the ground a prediction stands on.

    `kinds`: (class, activation class); `kernels`: (class, kernel, stride); `ranges`: (class, quantity,
    smallest, largest). The classes are the ops, with 1x1 convolutions apart as `pointwise`. `borrows`: how milliseconds
    depend on a layer's width and resolution is borrowed where other devices were measured over them (`known_shapes`),
    with intervals that are wider there; what kinds and kernels there are is the profile's own.
    """

    profile: str
    kinds: frozenset[tuple[str, str]]
    kernels: frozenset[tuple[str, int, int]]
    ranges: tuple[tuple[str, str, int, int], ...]
    borrows: bool

    @property
    def limits(self) -> dict[tuple[str, str], tuple[int, int]]:
        """(smallest, largest) by (class, quantity)."""
        return {(kind, quantity): (low, high) for kind, quantity, low, high in self.ranges}


@lru_cache(maxsize=256)
def measured(profile: HardwareProfile) -> Measured:
    """What `profile` has measured, and for a few-shot profile the known profile it adapts."""
    rows = profile.measurements + (load_profile(profile.like).measurements if profile.like else ())
    seen = frozenset[Layer]().union(*(_kinds(row.architecture) for row in rows))
    values: dict[tuple[str, str], list[int]] = {}
    for layer in seen:
        for quantity, value in quantities(layer):
            values.setdefault((layer_class(layer), quantity), []).append(value)
    return Measured(
        profile.label,
        frozenset((layer_class(layer), _activation(layer)) for layer in seen),
        frozenset((layer_class(layer), layer.kernel, layer.stride) for layer in seen),
        tuple((*key, min(found), max(found)) for key, found in sorted(values.items())),
        borrows=not all(row.layers_ms for row in profile.measurements),
    )


@lru_cache(maxsize=4096)  # one network is measured on each configuration of a device
def _kinds(arch: Architecture) -> frozenset[Layer]:
    return frozenset(layers(arch))


def require_measured(arch: Architecture, ground: Measured) -> None:
    """Refuse a network with a kind of layer nobody measured, rather than count it as free.

    Raises:
        ProfileError: an op or an activation is not among the measured; the message names the layer.
    """
    walk = list(enumerate(layers(arch), start=1))
    classes = {kind for kind, _ in ground.kinds}
    for number, layer in walk:
        if layer_class(layer) not in classes:
            known = names(classes)
            raise ProfileError(
                f"{ground.profile} has no measured {layer_class(layer)!r}: layer {number}, {layer}; it has {known}"
            )
    for number, layer in walk:
        if (layer_class(layer), _activation(layer)) not in ground.kinds:
            raise ProfileError(
                f"{ground.profile} has no measured {layer_class(layer)!r} with {layer.activation}: layer {number}, "
                f"{layer}; "
                f"it has {names(activation for kind, activation in ground.kinds if kind == layer_class(layer))}"
            )


def outside(arch: Architecture, ground: Measured) -> tuple[str, ...]:
    """Reasons why `arch` lies outside the measured shapes, one per class and quantity; empty when inside."""
    limits, reasons = ground.limits, dict[tuple[str, str], str]()
    for number, layer in enumerate(layers(arch), start=1):
        for quantity, departure in _departures(layer, ground, limits):
            reasons.setdefault((layer_class(layer), quantity), f"layer {number}, {layer}: {departure}")
    return tuple(reasons.values())


def standing(layer: Layer, ground: Measured) -> int:
    """INSIDE the measured shapes, OUTSIDE them, or UNMEASURED: what `require_measured` refuses."""
    if (layer_class(layer), _activation(layer)) not in ground.kinds:
        return UNMEASURED
    return OUTSIDE if any(_departures(layer, ground, ground.limits)) else INSIDE


def _departures(
    layer: Layer, ground: Measured, limits: Mapping[tuple[str, str], tuple[int, int]]
) -> Iterator[tuple[str, str]]:
    """(quantity, what is outside) wherever a layer of a measured class leaves the measured shapes."""
    kind = layer_class(layer)
    if (kind, layer.kernel, layer.stride) not in ground.kernels:
        yield "kernel", "kernel and stride not measured"
    for quantity, value in quantities(layer):
        low, high = limits[kind, quantity]
        least, most = known_shapes().get((kind, quantity), (low, high)) if ground.borrows else (low, high)
        below, above = _SLACK[quantity.rpartition("_")[2]]
        free_below = (kind, quantity) in _FREE_BELOW
        if not (free_below or min(low, least) / below <= value) or value > max(high, most) * above:
            yield quantity, f"{quantity} {value} is outside the measured {low} to {high}"


def layer_class(layer: Layer) -> str:
    """The op, with 1x1 convolutions apart."""
    return "pointwise" if layer.op == "conv" and layer.kernel == 1 else layer.op


def _activation(layer: Layer) -> str:
    return "clamp" if is_clamp(layer.activation) else layer.activation


def quantities(layer: Layer) -> Iterator[tuple[str, int]]:
    """(name, value) of what is compared with the measured; fewer classes are only less of the same work."""
    if layer.op == "linear":
        yield "macs", layer.macs
        return
    if layer.op in ("add", "scale"):
        yield "elements", layer.out_elements
        return
    yield "in_channels", layer.in_channels
    yield "out_channels", layer.out_channels
    yield "in_size", layer.in_size
    yield "out_size", layer.out_size
    if layer.macs:
        yield "macs", layer.macs
