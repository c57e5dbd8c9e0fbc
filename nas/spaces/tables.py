"""What the blocks of a search space count, in tables made from the one walk `layers`.

The layers of a block depend on few choices: its own, the stage's width and strides, and the channels and
pixels that reach it. So each block, and the classifier, has a table of its counts with one axis for each
variable they depend on; neighbours are merged while the table stays small. A genotype is then one row
in each table, and its counts the sums, or the largest, of these rows. All are whole numbers: exact.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import product
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nas.errors import SpaceError
from nas.spaces.architecture import Architecture
from nas.spaces.block import Block
from nas.spaces.choices import Choices
from nas.spaces.layers import Layer, layers, out_size
from nas.spaces.stage import Stage

Ints = NDArray[np.int64]
Counts = tuple[tuple[int, ...], tuple[int, ...]]
"""Counts that add up over layers, and counts of which the largest is wanted; none is negative."""
Measure = Callable[[Layer], Counts]
"""The counts of one layer. Tables are kept for each measure, so it must be hashable."""

MOST_ROWS = 2**21  # of all blocks before merging: some seconds to fill, at most 200 MB
_MERGED_ROWS = 2**15  # 3 MB at 12 counts a row: what is often read stays in the cache
_LARGEST = 2**53  # of any count: no sum of blocks overflows, and floats hold it exactly


@dataclass(frozen=True, slots=True, eq=False)
class Tables:
    """Tables of a space: `sums` (rows, k) and `peaks` (rows, m) of each, and who reads which row.

    Genotypes (n, variables) @ `weights` (variables, tables) gives the rows: exact, in floats because
    those multiply fast.
    """

    sums: tuple[Ints, ...]
    peaks: tuple[Ints, ...]
    weights: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Unit:
    """One block by its place, or the classifier (no `stage`), and the names of the variables it depends on.

    `entry`: those that decide what reaches it; `own`: those that decide what it is; `depth`: whether it runs.
    """

    position: int
    stage: Stage | None
    index: int
    entry: tuple[str, ...]
    own: tuple[str, ...] = ()
    depth: tuple[str, ...] = ()

    @property
    def variables(self) -> tuple[str, ...]:
        return self.entry + self.own + self.depth


class _State(NamedTuple):
    """What reaches a unit, and the width and the stride it must have."""

    channels: int
    size: int
    width: float
    stride: int


_Key = tuple[Block | None, int, int] | None
"""A block (None: the classifier) and the channels and pixels that reach it; None where nothing runs."""


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """Counts of some units: arrays of one axis for each variable in `axes` (rising positions) and one of counts."""

    axes: tuple[int, ...]
    sums: Ints
    peaks: Ints


@lru_cache(maxsize=16)
def tables(space: Choices, measure: Measure) -> Tables | None:
    """The tables of `space`; None where they would be too large, or where a network may have no block."""
    units = list(_units(space))
    values = {variable.name: len(variable.values) for variable in space.variables}
    rows = sum(prod(values[name] for name in unit.variables) for unit in units)
    if rows > MOST_ROWS or all(0 in stage.depth or {} in stage.blocks for stage in space.stages):
        return None
    parts: list[_Part] = []
    measure, known = cache(measure), dict[_Key, Counts]()  # the same layers and blocks return in many places
    for unit in units:
        part = _pruned(_part(space, unit, measure, known))
        merged = _merged(parts[-1], part) if parts else None
        parts[-1 if merged else len(parts) :] = [merged or part]
    weights = np.zeros((len(space.variables), len(parts)))
    for number, part in enumerate(parts):
        shape = part.sums.shape[:-1]
        weights[list(part.axes), number] = [prod(shape[axis + 1 :]) for axis in range(len(shape))]
    sums, peaks = (
        [t.reshape(-1, t.shape[-1]) for t in ts] for ts in zip(*((p.sums, p.peaks) for p in parts), strict=True)
    )
    return Tables(tuple(sums), tuple(peaks), weights)


def total(walk: Iterable[Layer], measure: Measure) -> Counts:
    """The counts of all layers together.

    Raises:
        SpaceError: a count is too large for exact arithmetic.
    """
    sums, peaks = zip(*map(measure, walk), strict=True)
    counts = tuple(map(sum, zip(*sums, strict=True))), tuple(map(max, zip(*peaks, strict=True)))
    if (largest := max(map(max, counts))) > _LARGEST:
        raise SpaceError(f"a network of the space counts {largest:.3g} of a quantity; at most {_LARGEST:.3g} is exact")
    return counts


def _units(space: Choices) -> Iterator[_Unit]:
    """Every block a network may have, and the classifier, in the order they run."""
    varied = {variable.name for variable in space.variables}

    def those(variables: Iterable[str]) -> tuple[str, ...]:
        return tuple(name for name in dict.fromkeys(variables) if name in varied)

    size, channels = ["resolution", "width", "strides"], list[str]()  # the variables that decide them so far
    for position, stage in enumerate(space.stages):
        depth, out_channels = f"{stage.name}.depth", stage.variable("out_channels", 0)
        for index in range(max(stage.depth)):
            own = [stage.variable(name, index) for name in (*stage.fields, *(["block"] if stage.blocks else []))]
            entry = size if index else size + channels
            yield _Unit(position, stage, index, those(entry), those(own), those([depth]))
        channels = [*channels, depth, out_channels] if 0 in stage.depth else [out_channels]
        if 0 in stage.depth and any(strides[position] > 1 for strides in space.strides):
            size = [*size, depth]
    yield _Unit(len(space.stages), None, 0, those(size + channels))


def _part(space: Choices, unit: _Unit, measure: Measure, known: dict[_Key, Counts]) -> _Part:
    """The counts of `unit` for all values of its variables; `known` holds the blocks counted before."""
    places = {variable.name: place for place, variable in enumerate(space.variables)}

    def choices(variables: tuple[str, ...]) -> list[dict[str, Any]]:
        values = (space.variables[places[name]].values for name in variables)
        return [dict(zip(variables, row, strict=True)) for row in product(*values)]

    states: dict[_State, int] = {}
    reached = [states.setdefault(_state(space, unit, chosen), len(states)) for chosen in choices(unit.entry)]
    keys = _keys(unit, list(states), choices(unit.own))
    for key in keys:
        if key not in known:
            known[key] = _counts(space, key, measure)
    axes = [places[name] for name in unit.variables]
    shape = [len(space.variables[axis].values) for axis in axes]
    runs = [[depth > unit.index] for depth in unit.stage.depth] if unit.stage and unit.depth else [[True]]
    arranged = []
    for columns in zip(*(known[key] for key in keys), strict=True):
        table = np.array(columns, dtype=np.int64).reshape(len(states), -1, 1, len(columns[0]))
        table = (table[reached] * np.array(runs)).reshape(*shape, len(columns[0]))
        arranged.append(table.transpose(*np.argsort(axes), len(axes)))
    return _Part(tuple(sorted(axes)), *arranged)


def _state(space: Choices, unit: _Unit, chosen: Mapping[str, Any]) -> _State:
    """What reaches `unit` under the choices `chosen`; the channels only where it begins a stage."""
    size, width, strides = space.overall(chosen)
    channels, strides = space.in_channels, (*strides, 1)
    for stage, stride in zip(space.stages[: unit.position], strides, strict=False):
        if chosen.get(f"{stage.name}.depth", max(stage.depth)) > 0:
            channels, size = stage.out_channels(chosen, width), out_size(size, stride)
    stride = strides[unit.position]
    return _State(0, out_size(size, stride), width, 1) if unit.index else _State(channels, size, width, stride)


def _keys(unit: _Unit, states: Sequence[_State], own: Sequence[Mapping[str, Any]]) -> list[_Key]:
    """What decides the layers of `unit`: after each of `states`, each of its `own` choices."""
    stage = unit.stage
    if stage is None:
        return [(None, state.channels, state.size) for state in states]

    @cache
    def block(number: int, channels: int, width: float, stride: int) -> Block | None:
        return stage.block(own[number], unit.index, width, stride, channels)

    keys: list[_Key] = []
    for state, number in product(states, range(len(own))):
        channels = stage.out_channels(own[number], state.width) if unit.index else state.channels
        found = block(number, channels, state.width, state.stride)
        keys.append((found, channels, state.size) if found else None)
    return keys


def _counts(space: Choices, key: _Key, measure: Measure) -> Counts:
    """The counts of the block or the classifier that `key` tells."""
    if key is None:
        sums, peaks = measure(Layer("pool", 1, 1, 1, 1, 1, 1))
        return (0,) * len(sums), (0,) * len(peaks)
    block, channels, size = key
    walk = list(layers(Architecture(size, channels, space.classes, (block or Block("conv", 1, 1, channels),))))
    return total(walk[:-2] if block else walk[-2:], measure)  # a walk ends with the classifier's two layers


def _pruned(part: _Part) -> _Part:
    """`part` without the axes that make no difference."""
    axes, sums, peaks = list(part.axes), part.sums, part.peaks
    for place in reversed(range(len(axes))):
        one_sum, one_peak = sums.take([0], axis=place), peaks.take([0], axis=place)
        if (sums == one_sum).all() and (peaks == one_peak).all():
            del axes[place]
            sums, peaks = one_sum.squeeze(place), one_peak.squeeze(place)
    return _Part(tuple(axes), sums, peaks)


def _merged(first: _Part, second: _Part) -> _Part | None:
    """Both parts as one; None if that has too many rows."""
    sizes = {axis: size for part in (first, second) for axis, size in zip(part.axes, part.sums.shape, strict=False)}
    axes = tuple(sorted(sizes))
    if prod(sizes.values()) > _MERGED_ROWS:
        return None

    def broadcast(part: _Part, table: Ints) -> Ints:
        return table.reshape(*(sizes[axis] if axis in part.axes else 1 for axis in axes), table.shape[-1])

    sums = broadcast(first, first.sums) + broadcast(second, second.sums)
    return _Part(axes, sums, np.maximum(broadcast(first, first.peaks), broadcast(second, second.peaks)))
