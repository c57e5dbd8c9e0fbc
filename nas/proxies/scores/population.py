"""The scores of networks drawn from a space once, against which any other is judged by itself.

A combination by rank changes with every network that joins. Where a number per network must stand (the accuracy
of a trial, say), its ranks are taken among a fixed population instead: each score becomes the share of the
population below it, and the shares are joined as in `combine`.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nas.errors import ConfigError
from nas.resources import names

FEWEST = 8
"""A share of fewer networks says too little, unless there are no more."""


@dataclass(frozen=True, slots=True)
class ScorePopulation:
    """The scores of a population by name, each in rising order; all of one length, and finite."""

    scores: Mapping[str, tuple[float, ...]]

    def __post_init__(self) -> None:
        sizes = {len(column) for column in self.scores.values()}
        if len(sizes) != 1 or min(sizes) < 1:
            raise ConfigError(f"a population needs networks, all with every score, got {sorted(sizes)}")
        for name, column in self.scores.items():
            if not np.isfinite(column).all() or (np.diff(column) < 0).any():
                raise ConfigError(f"the population's {name} must be finite and rise, got {column}")

    @classmethod
    def of(cls, table: Mapping[str, ArrayLike]) -> "ScorePopulation":
        """From columns of scores in any order."""
        return cls({name: tuple(np.sort(np.asarray(column, dtype=float)).tolist()) for name, column in table.items()})

    def worth(self, values: Mapping[str, float]) -> float:
        """The geometric mean of the `shares` of every score, in 0..1: rises with each of them.

        Raises:
            ConfigError: a score of the population is missing.
        """
        return math.exp(sum(map(math.log, self.shares(values).values())) / len(self.scores))

    def shares(self, values: Mapping[str, float]) -> dict[str, float]:
        """For each score, the share of the population below `values`, in 0..1.

        Between two networks it is interpolated, so that only equal scores tie. Beyond the first and the last it
        goes on, ever slower, towards 0 and 1: a network better than all of them still beats another such.

        Raises:
            ConfigError: a score of the population is missing.
        """
        if missing := [name for name in self.scores if name not in values]:
            raise ConfigError(f"no score {missing[0]!r} to compare with the population; given: {names(values)}")
        return {name: _share(values[name], np.array(column)) for name, column in self.scores.items()}


def _share(value: float, column: NDArray[np.float64]) -> float:
    """The share of the rising `column` (n,) below `value`: rank / (n + 1), equal members at their mean rank."""
    members, counts = np.unique(column, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2
    beyond = max(members[0] - value, value - members[-1], 0.0)
    edge = 1 / (1 + beyond / (float(column.std()) or 1.0))  # of the first or last rank's share, what is left
    if value > members[-1]:
        return float(1 - edge * (1 - ranks[-1] / (len(column) + 1)))
    return float(edge * np.interp(value, members, ranks) / (len(column) + 1))
