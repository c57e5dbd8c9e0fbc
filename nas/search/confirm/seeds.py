"""Where further long trainings tell most about who is on the front.

A training is worth the chance that the front as it stands is wrong about the network, times the share of its accuracy's
variance that the training takes away. So it goes where membership is open and a seed can still decide it; not where the
images are too few to tell, which no seed changes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nas.search.confirm.intervals import Flags, Floats, counting_covariance, seed_spread, slope
from nas.search.confirm.posterior import DRAWS, on_front, posterior

OPEN = 0.05
"""Membership is settled where the chance to be wrong about it is smaller."""

LEAST = 4
"""The accuracy of other networks is predicted from this many at least."""


@dataclass(frozen=True, slots=True)
class Weighed:
    """A network: its cheap accuracy, its costs, and which images its long trainings got, (seeds, images)."""

    cheap: float
    costs: tuple[float, ...]
    correct: Flags


def best_spent(trained: Sequence[Weighed], waiting: Sequence[Weighed], seeds: int) -> list[int]:
    """Indices into [*trained, *waiting] of networks whose membership is open, the best spent training first.

    A network of `waiting` has no long training yet, so it is not on the front, and would get `seeds` of them at once.
    What it will reach is predicted from its cheap accuracy by a straight line through the trained ones.
    """
    correct = [network.correct for network in trained]
    counting = np.diag(counting_covariance(correct))
    images = correct[0].shape[1]
    variance, freedom = seed_spread([flags.mean(axis=1) for flags in correct], images)

    def between(shares: Floats) -> Floats:
        """The variance between seeds at these accuracies; one seed each says nothing of it."""
        return variance * slope(shares, images) ** 2 if freedom else np.full_like(shares, counting.mean())

    reached = np.array([flags.mean() for flags in correct])
    done = np.array([len(flags) for flags in correct])
    variances = between(reached)
    removed = [_share(variances / done - variances / (done + 1), variances / done + counting)]
    draws = [posterior(correct, np.array([network.costs for network in trained]))[1]]
    if len(trained) < LEAST:
        waiting = []
    if waiting:
        cheap = np.array([network.cheap for network in trained])
        means, doubts = _predicted(cheap, reached, np.array([network.cheap for network in waiting]))
        draws.append(np.random.default_rng(1).normal(means, np.sqrt(doubts), (DRAWS, len(waiting))))
        removed.append(_share(doubts, doubts + between(means.clip(0, 1)) / seeds + counting.mean()) / seeds)
    costs = np.array([network.costs for network in (*trained, *waiting)])
    p = on_front(np.hstack(draws), costs, rivals=len(trained))
    wrong = np.minimum(p, 1 - p)
    wrong[len(trained) :] = p[len(trained) :]
    worth = wrong * np.concatenate(removed)
    return [int(i) for i in np.argsort(-worth, kind="stable") if worth[i] > 0 and wrong[i] > OPEN]


def _predicted(x: Floats, y: Floats, at: Floats) -> tuple[Floats, Floats]:
    """Mean and variance of y at `at`, by the least squares line through (x, y); a level one where x is constant."""
    centred, spread = x - x.mean(), float(((x - x.mean()) ** 2).sum())
    rise = float(centred @ y) / spread if spread > 0 else 0.0
    residual = float(((y - y.mean() - rise * centred) ** 2).sum()) / (len(x) - 2)
    distance = (at - x.mean()) ** 2 / spread if spread > 0 else np.zeros_like(at)
    return y.mean() + rise * (at - x.mean()), residual * (1 + 1 / len(x) + distance)


def _share(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
