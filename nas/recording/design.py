"""What to measure for a search space, in the order to measure it.

The set is a sequence of chunks; any number of them from the first on is a good set, so whoever measures goes
on until the time is used up, whatever the device's speed, and goes further along the same sequence later.

A chunk has `NETWORKS` whole networks, half of them plain samples of the space (what a search proposes), half
spread evenly over the logarithm of the MACs (what plain samples leave thin: the ends); one of either half is
kept for validation. The smallest network comes first; those above the 95th percentile of plain samples are
left out, since these few would take most of the time. Whole networks matter most: ONNX Runtime's profile of
them gives every layer at its real shape, after its real neighbours. Then come `LAYERS` single layers, each as
far as possible from all shapes measured before it, in those networks or alone: the distance is Euclidean in
log2 of input channels, output channels and size, between layers alike in all else. Of the time, about a fifth
goes to layers.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import numpy as np

from nas.recording.runner.figures import LAYER_SHARE, PASSES
from nas.spaces.architecture import Architecture
from nas.spaces.cost import cost
from nas.spaces.layers import Layer, layers
from nas.spaces.space import SearchSpace

NETWORKS, LAYERS = 10, 6
_CANDIDATES, _LAYER_CANDIDATES = 60, 200
_RANGE_SAMPLES, _UPPER_END = 200, 95

Kind = tuple[object, ...]
Place = tuple[float, ...]


Model = TypeVar("Model", Architecture, Layer)


@dataclass(frozen=True, slots=True)
class Planned(Generic[Model]):
    """One model to measure: a whole network, or a layer alone. `role`: `fit`, or `validate` (kept back)."""

    id: str
    role: str
    model: Model


def burst_seconds(minutes: float) -> float:
    """How long one burst of a network lasts: 0.06 s, less where so few minutes would not do for one chunk."""
    return min(0.06, 60 * minutes / _chunk_bursts())


def enough_chunks(minutes: float) -> int:
    """As many chunks as any device measures in `minutes`."""
    return int(60 * minutes / (_chunk_bursts() * burst_seconds(minutes))) + 1


def chunks(space: SearchSpace, seed: int = 0) -> Iterator[tuple[Planned[Architecture] | Planned[Layer], ...]]:
    """The sequence for `space`: the same for a seed, whoever asks; it ends when a chunk finds no new network."""
    rng = np.random.default_rng(seed)
    first = [space.smallest(lambda arch: cost(arch).macs)]
    low = _log_macs(first[0])
    samples = map(space.architecture, space.sample(rng, _RANGE_SAMPLES))
    high = float(np.percentile([_log_macs(arch) for arch in samples], _UPPER_END))
    seen: set[Architecture] = set()
    known: dict[Kind, set[Place]] = {}
    while True:
        candidates = dict.fromkeys(map(space.architecture, space.sample(rng, _CANDIDATES)))
        fresh = [arch for arch in candidates if arch not in seen and _log_macs(arch) <= high]
        found = _networks(rng, [arch for arch in first if arch not in seen], fresh, low, high)
        if not found:
            return
        for planned in found:
            seen.add(planned.model)
            for layer in layers(planned.model):
                known.setdefault(_kind(layer), set()).add(_place(layer))
        reached = dict.fromkeys(replace(layer, held=0) for arch in fresh for layer in layers(arch))
        alone = _farthest(rng, list(reached), known)
        yield (*found, *(Planned(_layer_id(layer), "fit", layer) for layer in alone))


def _networks(
    rng: np.random.Generator, first: list[Architecture], fresh: list[Architecture], low: float, high: float
) -> list[Planned[Architecture]]:
    """`first`, then plain samples, then those nearest to evenly spaced log MACs from `low` to `high`."""
    plain = [arch for arch in fresh if arch not in first][: NETWORKS // 2]
    rest = [arch for arch in fresh if arch not in first and arch not in plain]
    places = np.array([_log_macs(arch) for arch in rest])
    spread = []
    count = min(NETWORKS - len(plain) - len(first), len(rest))
    for target in low + (high - low) * (np.arange(count) + rng.random()) / max(count, 1):
        nearest = int(np.argmin(np.abs(places - target)))
        places[nearest] = np.inf
        spread.append(rest[nearest])
    validated = [group[rng.integers(len(group))] for group in (plain, spread) if len(group) > 1]
    return [Planned(arch.key, "validate" if arch in validated else "fit", arch) for arch in (*first, *plain, *spread)]


def _farthest(rng: np.random.Generator, reached: list[Layer], known: dict[Kind, set[Place]]) -> list[Layer]:
    """Up to `LAYERS` of `reached`, each the farthest from all `known`; they are added to it."""
    candidates = [reached[index] for index in rng.permutation(len(reached))[:_LAYER_CANDIDATES]]
    distances = np.full(len(candidates), np.inf)
    for kind, places in known.items():
        alike = [index for index, layer in enumerate(candidates) if _kind(layer) == kind]
        if alike:
            mine = np.array([_place(candidates[index]) for index in alike])
            distances[alike] = np.linalg.norm(mine[:, None] - np.array(list(places)), axis=2).min(axis=1)
    chosen: list[Layer] = []
    while len(chosen) < LAYERS and distances.max(initial=0) > 0:
        layer = candidates[int(distances.argmax())]
        chosen.append(layer)
        known.setdefault(_kind(layer), set()).add(_place(layer))
        for index, other in enumerate(candidates):
            if _kind(other) == _kind(layer):
                distances[index] = min(distances[index], np.linalg.norm(np.subtract(_place(other), _place(layer))))
    return chosen


def _layer_id(layer: Layer) -> str:
    return "layer" + hashlib.blake2b(repr(layer).encode(), digest_size=8).hexdigest()


def _log_macs(arch: Architecture) -> float:
    return float(np.log(cost(arch).macs))


def _kind(layer: Layer) -> Kind:
    return layer.op, layer.kernel, layer.stride, layer.activation, layer.norm, layer.bias


def _place(layer: Layer) -> tuple[float, ...]:
    return tuple(float(np.log2(n)) for n in (layer.in_channels, layer.out_channels, layer.in_size))


def _chunk_bursts() -> float:
    """Bursts of a chunk at the least, in those of a network; a fifth more is warm-up."""
    return 1.2 * (PASSES["network"] * NETWORKS + PASSES["layer"] * LAYER_SHARE * LAYERS)
