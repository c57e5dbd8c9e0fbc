"""Pareto fronts: who is on them, how much they cover, and which candidates to confirm.

Points are arrays (n, objectives) in the study's order; `problem.directions` says what is better.
"""

from collections.abc import Mapping, Sequence

import moocore
import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]


def nondominated(points: Sequence[Sequence[float]], directions: Sequence[str]) -> list[int]:
    """Indices of the points that no other point beats in every objective; of equal points, the first."""
    if not points:
        return []
    mask = moocore.is_nondominated(_losses(points, directions))
    return [int(index) for index in np.flatnonzero(mask)]


def ranks(points: Sequence[Sequence[float]], directions: Sequence[str]) -> list[int]:
    """Each point's rank by non-dominated sorting (Deb et al. 2002), 0 for the front."""
    return [int(rank) for rank in moocore.pareto_rank(_losses(points, directions))] if points else []


def hypervolume(points: Sequence[Sequence[float]], objectives: Sequence[str], reference: Mapping[str, float]) -> float:
    """Share, in 0..1, of the box between `reference` and the ideal (accuracy 1, costs 0) that is dominated."""
    losses = losses_to_reference(points, objectives, reference)
    inside = losses[(losses < 1).all(axis=1)]
    return float(moocore.hypervolume(inside, ref=np.ones(len(objectives)))) if len(inside) else 0.0


def hypervolume_history(
    points: Sequence[Sequence[float]], objectives: Sequence[str], reference: Mapping[str, float]
) -> list[float]:
    """The hypervolume after each of `points`, in their order."""
    history: list[float] = []
    front: list[int] = []
    losses = losses_to_reference(points, objectives, reference)
    for index, new in enumerate(losses):
        if history and (losses[front] <= new).all(axis=1).any():  # it adds nothing
            history.append(history[-1])
            continue
        front = [each for each in front if not (new <= losses[each]).all()] + [index]
        history.append(hypervolume([points[each] for each in front], objectives, reference))
    return history


def choose_to_confirm(points: Sequence[Sequence[float]], directions: Sequence[str], n: int) -> list[int]:
    """At most n indices to confirm: front after front, the most hypervolume gained first.

    Ends of the front count as much as its middle, since the box reaches a tenth beyond the worst point.
    """
    losses = _losses(points, directions)
    order = np.array(ranks(points, directions))
    span = np.ptp(losses, axis=0)
    scaled = (losses - losses.min(axis=0)) / np.where(span > 0, span, 1)
    reference = np.full(losses.shape[1], 1.1)
    chosen: list[int] = []
    for rank in sorted(set(order)):
        waiting = [int(i) for i in np.flatnonzero(order == rank)]
        while waiting and len(chosen) < n:
            gains = [moocore.hypervolume(scaled[[*chosen, i]], ref=reference) for i in waiting]
            chosen.append(waiting.pop(int(np.argmax(gains))))
    return chosen


def _losses(points: Sequence[Sequence[float]], directions: Sequence[str]) -> Points:
    signs = [-1.0 if direction == "maximize" else 1.0 for direction in directions]
    return np.asarray(points, dtype=np.float64) * signs


def losses_to_reference(
    points: Sequence[Sequence[float]], objectives: Sequence[str], reference: Mapping[str, float]
) -> Points:
    """Points to be minimised, 0 at the ideal (accuracy 1, costs 0) and 1 at the reference."""
    columns = np.asarray(points, dtype=np.float64).reshape(-1, len(objectives)).T
    losses = [
        (1 - column) / (1 - reference[name]) if name == "accuracy" else column / reference[name]
        for name, column in zip(objectives, columns, strict=True)
    ]
    return np.stack(losses, axis=1)
