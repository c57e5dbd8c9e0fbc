"""Expected gain of hypervolume, in closed form for any number of objectives. All are minimised here.

The region that a front leaves undominated, up to a reference point, is cut into disjoint boxes. A point
gains, in each box, the product over objectives of how far it reaches into the box; for independent
predictions the expectation of that product is the product of expectations, and each is a difference of two
expected improvements (Emmerich et al. 2011, https://doi.org/10.1109/CEC.2011.5949880; Yang et al. 2019,
https://arxiv.org/abs/1904.12672). A known objective is a prediction without doubt. With one objective this
is expected improvement (Jones et al. 1998).
"""

import moocore
import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

Array = npt.NDArray[np.float64]

CHUNK = 1024
"""Predictions that are weighed at a time: few enough to stay in the cache."""

MOST = {3: 150, 4: 60, 5: 40, 6: 20}
"""By the number of objectives, points of a front that are weighed at most: their boxes multiply with objectives."""


def sketch(front: Array, reference: Array) -> Array:
    """`front`, or of too many undominated points the best of each objective and always the one farthest from those."""
    most = MOST.get(len(reference), len(front) if len(reference) < 3 else min(MOST.values()))
    best = _undominated(front[(front < reference).all(axis=1)])
    if len(best) <= most:
        return front
    scaled = (best - best.min(axis=0)) / np.maximum(np.ptp(best, axis=0), 1e-300)
    chosen = list(dict.fromkeys(scaled.argmin(axis=0).tolist()))
    distance = np.min([((scaled - scaled[each]) ** 2).sum(axis=1) for each in chosen], axis=0)
    while len(chosen) < most:
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, ((scaled - scaled[chosen[-1]]) ** 2).sum(axis=1))
    return best[chosen]


def boxes(front: Array, reference: Array) -> tuple[Array, Array]:
    """Disjoint boxes (lower, upper), each (boxes, objectives), whose union no point of `front` dominates.

    `front` has shape (n, objectives); points that do not dominate `reference` are left out. Lower corners
    are -inf where a box is open. A sweep along the last objective: between two of its values the region
    does not change, and a box that is there on both sides of a value is one box.
    """
    front = front[(front < reference).all(axis=1)]
    if len(reference) == 1:
        return np.full((1, 1), -np.inf), np.array([[min(front[:, 0].min(initial=np.inf), reference[0])]])
    if len(reference) == 2:
        return _staircase(front, reference)
    levels = np.unique(front[:, -1])
    edges = [-np.inf, *levels, reference[-1]]
    begun: dict[tuple[bytes, bytes], float] = {}
    closed: list[tuple[Array, Array, float, float]] = []
    for low in edges[:-1]:
        lower, upper = boxes(_undominated(front[front[:, -1] <= low, :-1]), reference[:-1])
        here = {(a.tobytes(), b.tobytes()) for a, b in zip(lower, upper, strict=True)}
        closed += [(*_corners(box), start, low) for box, start in begun.items() if box not in here]
        begun = {box: begun.get(box, low) for box in sorted(here)}
    closed += [(*_corners(box), start, edges[-1]) for box, start in begun.items()]
    lowers, uppers, starts, ends = zip(*closed, strict=True)
    return np.column_stack([np.array(lowers), starts]), np.column_stack([np.array(uppers), ends])


def _staircase(front: Array, reference: Array) -> tuple[Array, Array]:
    front = front[np.lexsort(front.T[::-1])]
    best = np.minimum.accumulate(front[:, 1])
    front = front[np.concatenate([[True], best[1:] < best[:-1]])[: len(front)]]
    uppers = np.column_stack([np.append(front[:, 0], reference[0]), np.insert(front[:, 1], 0, reference[1])])
    lowers = np.column_stack([np.insert(front[:, 0], 0, -np.inf), np.full(len(front) + 1, -np.inf)])
    return lowers, uppers


def expected_gain(mean: Array, deviation: Array, lower: Array, upper: Array) -> Array:
    """Expected hypervolume gained by each of n predictions, each (n, objectives), over `boxes`.

    A deviation of 0 is a value that is known.
    """
    starts = range(0, len(mean), CHUNK)
    parts = [_gain(mean[i : i + CHUNK], deviation[i : i + CHUNK], lower, upper) for i in starts]
    return np.concatenate([np.zeros(0), *parts])


def _gain(mean: Array, deviation: Array, lower: Array, upper: Array) -> Array:
    gains = np.ones((len(mean), len(lower)))
    for objective in range(mean.shape[1]):
        edges, where = np.unique(np.concatenate([lower[:, objective], upper[:, objective]]), return_inverse=True)
        reach = _improvement(edges, mean[:, objective], deviation[:, objective])
        gains *= reach[:, where[len(lower) :]] - reach[:, where[: len(lower)]]
    total: Array = gains.sum(axis=1)
    return total


def _improvement(edges: Array, mean: Array, deviation: Array) -> Array:
    """Expectation of max(edge - value, 0), shape (n, edges); 0 at an edge of -inf."""
    finite = np.where(np.isfinite(edges), edges, 0)
    distance = finite[None] - mean[:, None]
    if (deviation > 0).any():
        sigma = np.maximum(deviation, 1e-12)[:, None]
        scaled = distance / sigma
        distance = distance * ndtr(scaled) + sigma * np.exp(-0.5 * scaled**2) / np.sqrt(2 * np.pi)
    return np.where(np.isfinite(edges)[None], np.maximum(distance, 0), 0)


def _undominated(points: Array) -> Array:
    if not len(points):
        return points
    front: Array = points[moocore.is_nondominated(points)]
    return front


def _corners(box: tuple[bytes, bytes]) -> tuple[Array, Array]:
    return np.frombuffer(box[0]), np.frombuffer(box[1])
