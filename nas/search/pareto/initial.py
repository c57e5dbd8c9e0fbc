"""Where a search begins: trials placed evenly over the range of what is known, and where hypervolume counts from."""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from nas.search.pareto.pool import Grid, Indices

Array = npt.NDArray[np.float64]

NEAREST = 0.01
"""A starting point comes from this share of the pool, the nearest to its place in cost."""


def place_evenly(
    grid: Grid, rng: np.random.Generator, pool: Indices, costs: Sequence[Array], points: Indices, index: int
) -> npt.NDArray[np.int64]:
    """The pool's indices in the order to try for start `index`, after `points`: well placed and new first.

    Places lie in the range of the pool's `costs`, on a logarithmic scale where all are positive: the two
    ends, then the middle, quarters and so on (van der Corput 1935). Several costs take turns. Of some points
    drawn near the place, the one that differs most from all of `points` is first; in how many parameters counts, not
    by how much, or else it would be one of extremes, the narrowest layers beside the widest.
    """
    order, nearest = rng.permutation(len(pool)), max(20, round(NEAREST * len(pool)))
    if costs:
        values = costs[index % len(costs)]
        values = np.log(values) if values.min() > 0 else values
        place = _place(index // len(costs))
        distance = np.abs(values - values.min() - place * np.ptp(values))
        order = order[np.argsort(distance[order], kind="stable")]
        nearest = 1 if place in (0, 1) else nearest
    near = rng.permutation(order[:nearest])[: max(1, nearest // 3)]
    if len(points):
        new, old = grid.design(pool[near], apart=True), grid.design(points, apart=True)
        difference = ((new[:, None] - old[None]) ** 2).sum(axis=2).min(axis=1)
        near = near[np.argsort(-difference, kind="stable")]
    return np.concatenate([near, order])


def ends(points: Indices, costs: Iterable[Array]) -> Indices:
    """The five points at each end of each cost, and five of any."""
    chosen = [points[:5]]
    for values in costs:
        order = np.argsort(values, kind="stable")
        chosen += [points[order[:5]], points[order[-5:]]]
    return np.concatenate(chosen)


def worst(losses: Array, start: int) -> float:
    """A reference for an objective that has to be measured, from its `losses` so far.

    As far beyond the median of the first `start` as twice the distance from it to their best, so that a few
    very bad ones do not count; or a tenth of the range beyond the worst, if that is less.
    """
    median, best = float(np.median(losses[:start])), float(losses[:start].min())
    return min(float(losses.max() + 0.1 * np.ptp(losses)), 3 * median - 2 * best)


def _place(index: int) -> float:
    """0, 1, 1/2, 1/4, 3/4, 1/8, 5/8, …"""
    if index < 2:
        return float(index)
    return sum(0.5 ** (bit + 1) for bit in range(32) if (index - 1) >> bit & 1)
