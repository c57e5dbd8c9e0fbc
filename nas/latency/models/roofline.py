"""The model of a device that nas.record measured: a roofline for each kind of layer, corrected by whole networks.

    ms = sum over layers f(layer) + W m(S)

W is the network's weights in bytes and S its working set: W and what all layers read and write. Weights come from
a farther cache the larger the working set is; m, the milliseconds of a byte more than in the nearest cache, is a
line from octave to octave of S. It is fitted in two steps, in well under a second, without anything random.

1. The runtime's own time for each layer of each network (profile.py) gives each kind of layer a roofline: f0(layer)
   is a sum of what the layer computes, moves and begins (`roofline_terms`) with coefficients not negative, which
   minimise the squared relative error (Lawson and Hanson 1974). That the profiler disturbs what it times, matters
   little: of the roofline only the ratios count.
2. The milliseconds of whole networks correct it: f = f0 (1 + q) + what a call costs, with q for each kind a cubic
   in the logarithms of its shape, and m, by ridge regression on relative error: the coefficients are as uncertain
   beforehand as PRIOR says (Bayesian linear regression, Bishop 2006, section 3.3). Outside the shapes measured q
   is that of the nearest.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain, combinations_with_replacement
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nas.latency.models.left_out import LeftOut
from nas.latency.models.nonnegative import nonnegative
from nas.latency.profile import HardwareProfile, Measurement
from nas.spaces.activations import is_clamp
from nas.spaces.architecture import Architecture
from nas.spaces.cost import BYTES
from nas.spaces.layers import CONVOLUTIONS, Layer, layers

Array = NDArray[np.float64]

PS = 1e-9
"""Milliseconds of a picosecond: layers are added up in whole picoseconds, exactly and in any order."""
_BLOCK = 16  # channels that vectorised kernels hold side by side
_SET = 4  # such blocks of output channels that are computed at once
_DEPTH = 128  # input channels that are added up at once
_DEGREE = 3
_CLOCK_MS = 0.003  # the profiler counts whole microseconds and adds some: shorter kernels count less
_NOISE = 0.015  # relative error of the model itself
_BURSTS = 16  # behind a measurement: its error is its spread / sqrt(16)
_OCTAVES = tuple(range(19, 27))  # log2 of working sets where m bends: 0.5 to 64 MB, from a private cache to memory
_WINDOWED = (*CONVOLUTIONS, "maxpool", "avgpool")  # kinds of which depend on kernel and stride
_LEAST = 0.25  # of f0 that a layer costs at the least
_PRIOR_LEVEL, _PRIOR_SHAPE = 0.2, 0.05  # of the first and of any other coefficient of q
_PRIOR_CALL = 0.01  # of what all calls cost, of the median network
_PRIOR_BYTES = 0.1  # of all weights' share of the median network


def kind(layer: Layer) -> str:
    """Layers of a kind are computed alike: the op with kernel and stride, and an activation of its own kernel."""
    if layer.op == "conv" and layer.kernel == 1:
        name = "pointwise" if layer.in_channels >= _BLOCK else "narrow"
    else:
        name = f"{layer.op}{layer.kernel}/{layer.stride}" if layer.op in _WINDOWED else layer.op
    return name if is_clamp(layer.activation) else f"{name} {layer.activation}"


def roofline_terms(layer: Layer) -> Array:
    """What a layer computes, moves and begins, in millions, channels rounded up to blocks; by the layer's op."""
    blocks, depth = -(-layer.out_channels // _BLOCK), -(-layer.in_channels // _BLOCK) * _BLOCK
    pixels, calls = layer.out_size**2, 1e4
    written = pixels * blocks * _BLOCK
    clamped = written * (layer.activation != "none")
    terms: tuple[float, ...]
    if layer.op == "conv" and layer.kernel == 1:
        sets, rest = divmod(blocks, _SET)
        part = [pixels * depth * (rest == count) for count in range(1, _SET)]  # the last set, if it is not full
        sums = written * -(-depth // _DEPTH)
        read, weights = pixels * depth * (sets + (rest > 0)), depth * blocks * _BLOCK
        terms = (pixels * depth * sets * _SET, *part, sums, read, weights, clamped, calls)
    elif layer.op in CONVOLUTIONS:  # a row's ends, where the window hangs over, cost more than its middle
        inputs = layer.in_channels // layer.groups  # for one output: those of a stem, which may be grey
        rows, read = layer.out_size * blocks * _BLOCK, layer.in_size**2 * (depth if layer.op == "depthwise" else inputs)
        ragged = written * (layer.out_channels % _BLOCK > 0)  # int8 kernels are slow where a block is not full
        terms = (written * inputs, rows * inputs, blocks * _BLOCK * inputs, read, clamped, ragged, pixels, calls)
    elif layer.op == "linear":
        terms = (layer.in_channels * layer.out_channels, layer.in_channels + layer.out_channels, calls)
    else:
        terms = (layer.in_elements, layer.in_channels, calls)
    return np.array(terms) / 1e6


def place(layer: Layer) -> Array:
    """The logarithms of a layer's shape, and how full its blocks are: what q depends on."""
    if layer.op == "linear":
        return np.log2([layer.in_channels])
    if layer.op in ("pool", "add", "scale", "concat", "split", "shuffle", "maxpool", "avgpool"):
        return np.log2([layer.in_channels, layer.in_size])
    blocks = [-(-channels // _BLOCK) * _BLOCK for channels in (layer.in_channels, layer.out_channels)]
    full = (layer.in_channels / blocks[0] + layer.out_channels / blocks[1]) / 2
    if layer.op == "conv" and layer.kernel == 1:
        return np.array([*np.log2([*blocks, layer.out_size]), full])
    return np.array([*np.log2([blocks[1], layer.out_size]), full])


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """What is known of a kind: one of its layers, coefficients of its roofline, the range of places, and those of q."""

    example: Layer
    roofline: Array
    low: Array
    high: Array
    shape: Array

    def first(self, layer: Layer) -> float:
        """f0 in ms; a kernel not measured counts as the nearest that was, by its MACs."""
        return float(roofline_terms(layer) @ self.roofline) * (layer.kernel / self.example.kernel) ** 2

    @property
    def fused(self) -> bool:
        """Whether the runtime never runs it by itself, as a shortcut that a convolution adds."""
        return not self.roofline.any()

    def cubic(self, layer: Layer) -> Array:
        """The terms of q: 1 and products of up to three coordinates in -1..1."""
        width = np.maximum(self.high - self.low, 1e-9)
        spot = 2 * (np.clip(place(layer), self.low, self.high) - self.low) / width - 1
        products = (
            math.prod(chosen)
            for degree in range(_DEGREE + 1)
            for chosen in combinations_with_replacement(spot.tolist(), degree)
        )
        return np.array(list(products))


@dataclass(frozen=True, slots=True, eq=False)
class RooflineModel:
    """Milliseconds from three sums over a network's layers (`counts`): picoseconds, bytes of weights, bytes moved.

    In ms: `call` of each layer that is not fused; `fused` of a byte that a fused layer moves; `weight` of a byte of
    weights at least, and `knots`, what m is above that at each octave.
    """

    precision: str
    kinds: dict[str, Kind]
    call: float = 0.0
    fused: float = 0.0
    weight: float = 0.0
    knots: tuple[float, ...] = (0.0,) * len(_OCTAVES)

    def counts(self, layer: Layer) -> tuple[int, ...]:
        """Of one layer: whole numbers, none negative."""
        return _counts(self, layer)

    def milliseconds(self, sums: Sequence[Any]) -> Any:
        """Milliseconds from the sums of `counts`: each an int, or an int array; both give the same bits."""
        ps, weights, moved = sums
        return ps * PS + weights * np.interp(_octave(weights + moved), _OCTAVES, self.knots)

    def split(self, counts: Sequence[tuple[int, ...]]) -> tuple[list[float], float]:
        """The milliseconds of each layer by its counts; none are left over."""
        working_set = sum(weights + moved for _, weights, moved in counts)
        farther = float(np.interp(_octave(working_set), _OCTAVES, self.knots))
        return [ps * PS + weights * farther for ps, weights, _ in counts], 0.0

    def leverage(self, sums: Sequence[Any], ms: Any) -> float:
        """0: among hundreds of networks every other is as uncertain."""
        return 0.0

    def kind_of(self, layer: Layer) -> Kind:
        """The kind of `layer`, or the most alike of those measured."""
        known = self.kinds.get(kind(layer))
        return min(self.kinds.values(), key=lambda other: _unlike(layer, other.example)) if known is None else known

    def bounds(self, least: int, most: int) -> tuple[float, float]:
        """The least and the most that m can be for working sets from `least` to `most` bytes."""
        ends = _octave(least), _octave(most)
        inner = [knot for octave, knot in zip(_OCTAVES, self.knots, strict=True) if ends[0] < octave < ends[1]]
        found = [*np.interp(ends, _OCTAVES, self.knots).tolist(), *inner]
        return min(found), max(found)


def fit_roofline(profile: HardwareProfile) -> tuple[RooflineModel, LeftOut]:
    """The model of a profile with kernel times, and what a model without it says of each network.

    The network is left out of step 2, which a formula gives without fitting anew (Allen 1974).
    """
    rows = profile.measurements
    kinds = _rooflines(profile)
    first = RooflineModel(profile.precision, kinds)
    ms = np.array([row.ms for row in rows])
    design, base = _design(first, [row.architecture for row in rows])
    prior = _prior(first, rows, base)
    noise = np.sqrt(_NOISE**2 + np.array([(row.spread_ms / row.ms) ** 2 for row in rows]) / _BURSTS)
    scaled = design * prior / ms[:, None] / noise[:, None]
    solution, leverage = _ridge(scaled, (1 - base / ms) / noise, len(_OCTAVES) + 1)
    residuals = noise * (scaled @ solution) + base / ms - 1
    alone = ms * (1 + residuals / (1 - leverage))
    return _corrected(first, solution * prior), LeftOut(alone, np.zeros(len(ms)), np.eye(len(ms), dtype=bool))


def _ridge(rows: Array, target: Array, last: int) -> tuple[Array, Array]:
    """Coefficients, the `last` of which are not negative, and the leverage of each row.

    Negative ones are left out one after the other, the most negative first.
    """
    free = np.ones(rows.shape[1], dtype=bool)
    while True:
        chosen = rows[:, free]
        inverse = np.linalg.inv(chosen.T @ chosen + np.eye(free.sum()))
        solution = np.zeros(len(free))
        solution[free] = inverse @ (chosen.T @ target)
        worst = len(free) - last + int(solution[-last:].argmin())
        if solution[worst] >= 0:
            return solution, np.einsum("ij,jk,ik->i", chosen, inverse, chosen)
        free[worst] = False


def _rooflines(profile: HardwareProfile) -> dict[str, Kind]:
    """Step 1. A kind that the runtime never runs by itself in a network (a fused shortcut) begins at 0."""
    times: dict[Layer, list[float]] = {}
    for row in profile.measurements:
        for layer, ms in zip(layers(row.architecture), row.layers_ms, strict=True):
            times.setdefault(replace(layer, held=0), []).append(ms)
    fused = {kind(layer) for layer in times} - {kind(layer) for layer, found in times.items() if any(found)}
    for alone in profile.layer_times:
        if kind(alone.layer) not in fused:
            times.setdefault(alone.layer, [alone.kernel_ms])
    by_kind: dict[str, dict[Layer, float]] = {}
    for layer, found in times.items():
        by_kind.setdefault(kind(layer), {})[layer] = float(np.median(found))
    return {name: _roofline(found) for name, found in by_kind.items()}


def _roofline(times: dict[Layer, float]) -> Kind:
    terms, ms = np.array([roofline_terms(layer) for layer in times]), np.array(list(times.values()))
    weights = 1 / (ms + _CLOCK_MS)
    coefficients = nonnegative(terms * weights[:, None], ms * weights)
    places = np.array([place(layer) for layer in times])
    low, high = places.min(axis=0), places.max(axis=0)
    size = math.comb(places.shape[1] + _DEGREE, _DEGREE)
    return Kind(next(iter(times)), coefficients, low, high, np.zeros(size))


def _design(model: RooflineModel, archs: Iterable[Architecture]) -> tuple[Array, Array]:
    """Milliseconds of each network per unit of each coefficient of step 2, and by the rooflines alone."""
    starts, width = {}, 0
    for name, known in model.kinds.items():
        starts[name] = width
        width += len(known.shape)
    terms: dict[Layer, tuple[int, float, Array, bool]] = {}
    design, base = [], []
    for arch in archs:
        row, total, all_weights, all_moved = np.zeros(width + 2 + len(_OCTAVES)), 0.0, 0, 0
        for layer in layers(arch):
            if layer not in terms:
                known = model.kinds[kind(layer)]
                terms[layer] = starts[kind(layer)], known.first(layer), known.cubic(layer), known.fused
            start, first, cubic, fused = terms[layer]
            row[start : start + len(cubic)] += first * cubic
            weights, moved = _bytes(layer, model.precision)
            row[width : width + 2] += (0, moved) if fused else (1, 0)
            total, all_weights, all_moved = total + first, all_weights + weights, all_moved + moved
        row[width + 2 :] = all_weights * _hats(all_weights + all_moved)
        design.append(row)
        base.append(total)
    return np.array(design), np.array(base)


def _prior(model: RooflineModel, rows: Sequence[Measurement], base: Array) -> Array:
    """The standard deviation of each coefficient beforehand."""
    walks = [list(layers(row.architecture)) for row in rows]
    calls = float(np.median([len(walk) for walk in walks]))
    totals = [np.sum([_bytes(layer, model.precision) for layer in walk], axis=0) for walk in walks]
    weights, moved = np.median(totals, axis=0).tolist()
    ms = float(np.median(base))
    call, byte = _PRIOR_CALL * ms, _PRIOR_BYTES * ms
    others = [call / calls, byte / moved, *[byte / weights] * len(_OCTAVES)]
    levels = [[_PRIOR_LEVEL] + [_PRIOR_SHAPE] * (len(known.shape) - 1) for known in model.kinds.values()]
    return np.array([*chain.from_iterable(levels), *others])


def _corrected(first: RooflineModel, solution: Array) -> RooflineModel:
    """The model with step 2's coefficients."""
    kinds, at = {}, 0
    for name, known in first.kinds.items():
        size = len(known.shape)
        kinds[name] = Kind(known.example, known.roofline, known.low, known.high, solution[at : at + size])
        at += size
    call, fused, *knots = solution[at:].tolist()
    weight = min(knots)
    return RooflineModel(first.precision, kinds, call, fused, weight, tuple(knot - weight for knot in knots))


@lru_cache(maxsize=1 << 18)
def _counts(model: RooflineModel, layer: Layer) -> tuple[int, int, int]:
    known = model.kind_of(layer)
    first = known.first(layer)
    weights, moved = _bytes(layer, model.precision)
    ms = model.weight * weights + (model.fused * moved if known.fused else model.call)
    ms = max(ms + first * (1 + float(known.cubic(layer) @ known.shape)), _LEAST * first)
    return max(1, round(ms / PS)), weights, moved


def _bytes(layer: Layer, precision: str) -> tuple[int, int]:
    """Of its weights, and of what it reads and writes."""
    return layer.params * BYTES[precision], (layer.in_elements + layer.out_elements) * BYTES[precision]


def _octave(count: Any) -> Any:
    """Log2, but straight between powers of two: exact arithmetic, the same for a number and for an array."""
    mantissa, exponent = np.frexp(count)
    return exponent - 2 + 2 * mantissa


def _hats(count: int) -> Array:
    """The share of each knot in m at a working set of `count` bytes."""
    return np.array([np.interp(_octave(count), _OCTAVES, hat) for hat in np.eye(len(_OCTAVES))])


def _unlike(layer: Layer, other: Layer) -> tuple[bool, bool, int, int]:
    pointwise = (layer.kernel == 1) != (other.kernel == 1)
    return layer.op != other.op, pointwise, abs(layer.kernel - other.kernel), abs(layer.stride - other.stride)
