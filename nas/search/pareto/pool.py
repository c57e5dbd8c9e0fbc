"""Choices as whole numbers: an Optuna search space as a grid, and candidates drawn, mutated and crossed on it."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any, overload

import numpy as np
import numpy.typing as npt
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from nas.errors import ConfigError

Indices = npt.NDArray[np.int64]
Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


class Exhausted(Exception):
    """Every point of the space that may be proposed has been."""


COST_SHARE = 0.8
"""Of a category's variance in a design, the part that is its place by cost, where costs are known."""

BINS = 4
"""Where numbers are only to differ, they do by which of so many ranges of levels they are in."""

LEVELS = 1024
"""A float without a step, and an integer of more values than this, is taken on a grid of this number of levels."""


@dataclass(frozen=True)
class Grid:
    """The levels of each parameter of a search space, in its order; a point is a row of level indices.

    Categories among `ordered` count as numbers, of which each is the place among its choices.
    """

    space: Mapping[str, BaseDistribution]
    ordered: Collection[str] = ()

    @cached_property
    def levels(self) -> tuple[tuple[Any, ...], ...]:
        """The values of each parameter."""
        return tuple(_levels(name, distribution) for name, distribution in self.space.items())

    @cached_property
    def counts(self) -> Indices:
        """How many levels each parameter has."""
        return np.array([len(values) for values in self.levels], dtype=np.int64)

    @property
    def size(self) -> int:
        """How many points there are."""
        return prod(len(values) for values in self.levels)

    def row(self, params: Mapping[str, Any]) -> list[int] | None:
        """The point nearest to `params`, or None where a parameter is missing or outside its range."""
        row = []
        for j, (name, exact) in enumerate(zip(self.space, self._exact, strict=True)):
            if name not in params:
                return None
            index = exact.get(params[name])
            row.append(self._index(j, params[name]) if index is None else index)
        return None if -1 in row else row

    def rows(self, candidates: "Sequence[Mapping[str, Any]] | Indices") -> Indices:
        """Points from parameter dictionaries; `Rows` of this space and arrays of level indices are read at once.

        Raises:
            ConfigError: one of them is not a point of the space.
        """
        indices = candidates if isinstance(candidates, np.ndarray) else getattr(candidates, "indices", None)
        if indices is None:
            rows = [self.row(params) for params in candidates]
            if None in rows:
                raise ConfigError(f"not a point of the search space: {candidates[rows.index(None)]}")
            indices = np.array(rows, dtype=np.int64)
        result: Indices = indices.reshape(-1, len(self.counts))
        return result

    def params(self, row: Sequence[int] | Indices) -> dict[str, Any]:
        """The parameters of a point, as Optuna takes them."""
        return {name: values[index] for name, values, index in zip(self.space, self.levels, row, strict=True)}

    def every(self) -> Indices:
        """All points in lexicographic order, shape (size, parameters)."""
        return np.stack(np.unravel_index(np.arange(self.size), self.counts), axis=1).astype(np.int64)

    def sample(self, rng: np.random.Generator, n: int) -> Indices:
        """N points, each parameter independent and uniform; a number with a log scale is uniform on it."""
        points = rng.integers(0, self.counts, (n, len(self.counts)), dtype=np.int64)
        for j, distribution in enumerate(self.space.values()):
            if getattr(distribution, "log", False) and self.counts[j] > 1:
                middles = (self._positions[j][1:] + self._positions[j][:-1]) / 2
                points[:, j] = np.searchsorted(middles, rng.uniform(self._positions[j][0], self._positions[j][-1], n))
        return points

    def offspring(self, rng: np.random.Generator, parents: Indices, n: int) -> Indices:
        """N children: half mutants, half crosses of two parents that then mutate; 1 to 3 changes on average.

        A changed category is drawn anew; a changed number moves by a step as often as it is drawn anew.
        """
        first, second = parents[rng.integers(len(parents), size=(2, n))]
        crossed = (rng.random(n) < 0.5)[:, None] & (rng.random(first.shape) < 0.5)
        child = np.where(crossed, second, first)
        rate = rng.integers(1, 4, (n, 1)) / len(self.counts)
        changed = rng.random(child.shape) < rate
        changed[np.arange(n), rng.integers(len(self.counts), size=n)] = True
        near = self._ordered & (rng.random(child.shape) < 0.5)
        step = np.clip(child + rng.choice([-1, 1], child.shape), 0, self.counts - 1)
        return np.where(changed, np.where(near, step, self.sample(rng, n)), child)

    def design(self, points: Indices, costs: Sequence[tuple[Array, ...]] = (), apart: bool = False) -> Array:
        """Columns for a model: indicators of a category, the position of a number, each over the root of d.

        Each of the d parameters has unit variance under uniform draws. Categories of the same choices (the
        operation of each layer, say) have columns in common too, the sums of theirs: what a choice does in
        one place says something of what it does in another. With `level_costs`, most of a category's variance
        is in its place among the others by cost: choices that cost about as much are likely to do as much.
        `apart`: numbers of different ranges are as far apart as categories are, whichever they be.
        """
        share = COST_SHARE if costs else 0.0
        columns: list[Array] = [np.zeros((len(points), 0))]
        groups: dict[BaseDistribution, list[Array]] = {}
        for j, distribution in enumerate(self.space.values()):
            if self.counts[j] > 1 and self._ordered[j]:
                columns.append((self._ranges if apart else self._columns)[j][points[:, j]])
            elif self.counts[j] > 1:
                indicators = self._columns[j][points[:, j]] * np.sqrt(1 - share)
                groups.setdefault(distribution, []).append(indicators)
                placed = [cost[j][points[:, j], None] * np.sqrt(share / len(costs)) for cost in costs]
                columns += [indicators, *placed]
        columns += [np.sum(group, axis=0) for group in groups.values() if len(group) > 1]
        design: Array = np.concatenate(columns, axis=1) / np.sqrt(len(self.counts))
        return design

    def level_costs(self, points: Indices, values: Array) -> tuple[Array, ...]:
        """For each parameter, the mean of `values` over the `points` at each level, to mean 0 and variance 1."""
        standard, result = values - values.mean(), []
        for column, count in zip(points.T, self.counts, strict=True):
            found = np.bincount(column, minlength=count)
            means = np.bincount(column, standard, minlength=count) / np.maximum(found, 1)
            result.append((means - means.mean()) / (means.std() or 1.0))
        return tuple(result)

    @cached_property
    def _columns(self) -> tuple[Array, ...]:
        """What `design` shows of each level, shape (levels, columns) for each parameter."""
        result = []
        for position, count, ordered in zip(self._positions, self.counts, self._ordered, strict=True):
            if ordered:
                result.append(((position - position.mean()) / (position.std() or 1.0))[:, None])
            else:
                result.append(_indicators(count))
        return tuple(result)

    @cached_property
    def _ranges(self) -> tuple[Array, ...]:
        """For each parameter, the columns that a category of its ranges of levels has."""
        bins = np.minimum(self.counts, BINS)
        pairs = zip(bins, self.counts, strict=True)
        return tuple(_indicators(count)[np.arange(levels) * count // levels] for count, levels in pairs)

    @cached_property
    def _positions(self) -> tuple[Array, ...]:
        """Each level on the scale of its parameter: its logarithm where the distribution says so."""
        pairs = zip(self._numbers, self.space.values(), strict=True)
        return tuple(np.log(numbers) if getattr(d, "log", False) else numbers for numbers, d in pairs)

    @cached_property
    def _ordered(self) -> Mask:
        given = np.array([name in self.ordered for name in self.space], dtype=bool)
        either: Mask = self._numeric | given
        return either

    @cached_property
    def _numeric(self) -> Mask:
        return np.array([not isinstance(d, CategoricalDistribution) for d in self.space.values()], dtype=bool)

    def _index(self, j: int, value: Any) -> int:
        """The level of parameter `j` that is nearest to `value`, -1 outside its range."""
        distribution = list(self.space.values())[j]
        try:
            internal = distribution.to_internal_repr(value)
        except ValueError:  # not one of the categories
            return -1
        if not distribution._contains(internal):
            return -1
        return int(np.abs(self._numbers[j] - internal).argmin()) if self._numeric[j] else int(internal)

    @cached_property
    def _exact(self) -> tuple[dict[Any, int], ...]:
        """The level of each value; none of a category whose choices are equal to others, as 1 and True are."""
        found = ({value: index for index, value in enumerate(values)} for values in self.levels)
        return tuple(
            exact if len(exact) == len(values) else {} for exact, values in zip(found, self.levels, strict=True)
        )

    @cached_property
    def _numbers(self) -> tuple[Array, ...]:
        pairs = zip(self.levels, self._numeric, strict=True)
        return tuple(np.array(v if numeric else range(len(v)), dtype=np.float64) for v, numeric in pairs)


class Rows(Sequence[dict[str, Any]]):
    """Points as a sequence of parameter dictionaries that are made only when looked at.

    `indices`, shape (n, parameters), holds the index of each level, in the order of `names`: for
    callables that would rather work on arrays.
    """

    def __init__(self, grid: Grid, indices: Indices) -> None:
        self._grid = grid
        self.indices = indices
        self.names = tuple(grid.space)

    def __len__(self) -> int:
        return len(self.indices)

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> "Rows": ...
    def __getitem__(self, index: int | slice) -> "dict[str, Any] | Rows":
        if isinstance(index, slice):
            return Rows(self._grid, self.indices[index])
        return self._grid.params(self.indices[index])

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (self._grid.params(row) for row in self.indices)


def _indicators(count: int) -> Array:
    """A row for each of `count` categories, of unit variance over them."""
    result: Array = (np.eye(count) - 1 / count) / np.sqrt(max(1 - 1 / count, 1e-9))
    return result


def _levels(name: str, distribution: BaseDistribution) -> tuple[Any, ...]:
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices
    if isinstance(distribution, IntDistribution):
        low, high, step = distribution.low, distribution.high, distribution.step
        if (high - low) // step < LEVELS:
            return tuple(range(low, high + 1, step))
        spaced = _spaced(low, high, distribution.log)
        return tuple(sorted({min(low + round((value - low) / step) * step, high) for value in spaced}))
    if isinstance(distribution, FloatDistribution):
        low_, high_ = distribution.low, distribution.high
        if distribution.step is None:
            return tuple(_spaced(low_, high_, distribution.log)) if low_ < high_ else (low_,)
        count = round((high_ - low_) / distribution.step) + 1
        return tuple(min(low_ + i * distribution.step, high_) for i in range(count))
    raise ConfigError(f"{name}: cannot search {distribution}; known: integers, categories, floats")


def _spaced(low: float, high: float, log: bool) -> list[float]:
    spaced = np.geomspace(low, high, LEVELS) if log else np.linspace(low, high, LEVELS)
    return [float(min(max(value, low), high)) for value in spaced]
