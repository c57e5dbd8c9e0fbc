"""What long trainings say of a network's accuracy, and how surely it is on the front.

The posterior over accuracies is normal. Its mean is that over the seeds. Its variance is that of the seeds over their
number, pooled over the networks since two or three seeds say little of one network's spread, plus that of counting on
finitely many images. All networks are judged on the same images and fail on the same hard ones, so the counting errors
have the covariance of the images. Costs are taken as they are given.
"""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

DRAWS = 4000
"""Draws from the posterior: a probability of 1/2 is known to 0.008."""


def seed_variance(shares: Sequence[Sequence[float]]) -> float | None:
    """Variance of accuracies between seeds, pooled over networks; None if none has two seeds."""
    known = [np.asarray(each) for each in shares if len(each) > 1]
    freedom = sum(len(each) - 1 for each in known)
    return float(sum(((each - each.mean()) ** 2).sum() for each in known)) / freedom if known else None


def accuracy_intervals(shares: Sequence[Sequence[float]], images: int) -> list[dict[str, float]]:
    """Each network's mean accuracy over its seeds, counted on `images`, with its 95 % interval.

    Where no network has two seeds the interval is that of counting alone.
    """
    pooled, found = seed_variance(shares) or 0.0, []
    for each in shares:
        mean = float(np.mean(each))
        half = 1.96 * math.sqrt(pooled / len(each) + mean * (1 - mean) / images)
        found.append({"value": mean, "low": max(0.0, mean - half), "high": min(1.0, mean + half)})
    return found


def counting_covariance(right: Sequence[Flags]) -> Floats:
    """Covariance (n, n) of the accuracies of n networks through the choice of images alone.

    `right`, one (seeds, images) per network, says which images each of its trainings got.
    """
    shares = np.stack([flags.mean(axis=0) for flags in right])
    covariance: Floats = np.atleast_2d(np.cov(shares)) / shares.shape[1]
    return covariance


def draw_accuracies(right: Sequence[Flags], seed: int = 0) -> Floats:
    """Draws (`DRAWS`, n) from the posterior over the accuracies of n networks; `right` as above."""
    means = [flags.mean() for flags in right]
    pooled = seed_variance([flags.mean(axis=1) for flags in right]) or 0.0
    least = 1e-12  # breaks ties
    covariance = counting_covariance(right) + np.diag([pooled / len(flags) + least for flags in right])
    draws: Floats = np.random.default_rng(seed).multivariate_normal(means, covariance, DRAWS, method="eigh")
    return draws


def on_front(accuracies: Floats, costs: Floats, rivals: int | None = None) -> Floats:
    """The share of draws (d, n) in which each network, of costs (n, k), is on the Pareto front.

    Only the first `rivals` networks count as rivals; None for all.
    """
    n = accuracies.shape[1]
    shares = np.ones(n)
    for i in range(n):
        cheaper = [j for j in range(n if rivals is None else rivals) if j != i and (costs[j] <= costs[i]).all()]
        if cheaper:
            shares[i] = (accuracies[:, i] > accuracies[:, cheaper].max(axis=1)).mean()
    return shares


def probabilities(right: Sequence[Flags], costs: Floats) -> list[float]:
    """The probability of each network to be on the front of all of them."""
    return [float(share) for share in on_front(draw_accuracies(right), costs)] if right else []
