"""Several proposals at once: each of largest expected gain, whatever those before it and those that run turn out to be.

How an evaluation that runs will end is imagined several times over, as the model thinks it may; in each of these worlds
all others are predicted anew, given that outcome, and the gain of a candidate is its mean over the worlds (a greedy
batch of largest joint gain, Wilson et al. 2018, https://arxiv.org/abs/1805.10196). To take what is pending as
predicted, one world, would count on the front that it is to give, and look elsewhere too soon. An imagined outcome
takes the same from the covariance of all others in every world, so a further proposal costs no other model.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from nas.search.pareto.acquisition import boxes, expected_gain, sketch
from nas.search.pareto.surrogate import Inputs, Joint, Surrogate

Array = npt.NDArray[np.float64]

SHORTLIST = 768
"""The candidates of largest gain, among which those of a batch are looked for."""

LOOK = 64
"""So many of them are weighed anew at a time: the more is imagined the less they gain, so that most need not be."""

WORLDS = 8
"""So many outcomes are imagined of everything that is pending."""


@dataclass(frozen=True, slots=True)
class Weighed:
    """P pending points and n candidates, and the `gains` (n,) of these, each taken alone.

    `mean` (p + n, objectives) are predicted losses of `inputs`, the pending ones first, by `models` of some objectives
    that know of no pending one; `front` (any, objectives) is what candidates are to gain on, `reference` where
    hypervolume counts from, `allowed` (n,) the probability to meet the constraints.
    """

    gains: Array
    pending: int
    mean: Array
    front: Array
    reference: Array
    allowed: Array
    models: Mapping[int, Surrogate]
    inputs: Inputs


def best_together(weighed: Weighed, is_new: Callable[[int], bool], rng: np.random.Generator) -> Iterator[int]:
    """The new candidate that gains most beside all that is pending, then the one given that too, and so on."""
    short = np.argsort(-weighed.gains, kind="stable")[:SHORTLIST]
    worlds = _Worlds(weighed, np.concatenate([np.arange(weighed.pending), weighed.pending + short]), rng)
    for index in range(weighed.pending):
        worlds.imagine(index)
    gains, left = weighed.gains[short], np.ones(len(short), dtype=bool)
    stale = np.full(len(short), weighed.pending > 0)
    while left.any():
        best = int(np.argmax(np.where(left, gains, -1.0)))
        if stale[best]:
            some = np.argsort(np.where(left & stale, -gains, 1.0), kind="stable")[:LOOK]
            gains[some], stale[some] = worlds.gains(some), False
            continue
        left[best] = False
        if is_new(int(short[best])):
            yield int(short[best])
            worlds.imagine(weighed.pending + best)
            stale[:] = True


class _Worlds:
    """Some `rows` of what was weighed, in worlds in which more and more of their outcomes are imagined."""

    def __init__(self, weighed: Weighed, rows: npt.NDArray[np.int64], rng: np.random.Generator) -> None:
        self._weighed, self._rng = weighed, rng
        self._allowed = weighed.allowed[rows[weighed.pending :] - weighed.pending]
        self._losses = np.repeat(weighed.mean[rows][None], WORLDS, axis=0)  # (worlds, rows, objectives)
        self._fronts = [weighed.front] * WORLDS
        self._joint = {objective: Joint(model, weighed.inputs[rows]) for objective, model in weighed.models.items()}
        self._means = {objective: np.repeat(each.mean[None], WORLDS, axis=0) for objective, each in self._joint.items()}

    def imagine(self, index: int) -> None:
        """The outcome of row `index` in each world, of which the front and the predictions of the others know then.

        Each objective's are the quantiles of its prediction in random order.
        """
        for objective, joint in self._joint.items():
            quantiles = ndtri((self._rng.permutation(WORLDS) + 0.5) / WORLDS)
            self._means[objective] += np.outer(quantiles, joint.reveal(index))
            self._losses[:, :, objective] = self._weighed.models[objective].warp.undo(
                self._means[objective], np.zeros(1)
            )[0]
        outcomes = self._losses[:, index]
        self._fronts = [np.vstack([front, each]) for front, each in zip(self._fronts, outcomes, strict=True)]

    def gains(self, some: npt.NDArray[np.int64]) -> Array:
        """Expected gain of `some` candidates, the mean over the worlds."""
        rows = self._weighed.pending + some
        losses, total = self._losses[:, rows], np.zeros(len(some))
        deviation = np.zeros_like(losses[0])
        for world, front in enumerate(self._fronts):
            for objective, joint in self._joint.items():
                mean, warp = self._means[objective][world, rows], self._weighed.models[objective].warp
                deviation[:, objective] = warp.undo(mean, np.sqrt(np.maximum(joint.variance[rows], 1e-10)))[1]
            edges = boxes(sketch(front, self._weighed.reference), self._weighed.reference)
            total += expected_gain(losses[world], deviation, *edges)
        return total / WORLDS * self._allowed[some]
