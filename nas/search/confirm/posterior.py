"""What to believe of the accuracies of networks that were trained longer, all of them read together.

Few validation images say little of one network, so each is read beside the others: the logit of an accuracy rises by
a straight line in the logarithm of what the network costs, from which each network deviates. How steep the line is,
how far networks deviate, and how noisy seeds are, is found in the networks themselves (empirical Bayes, Efron and
Morris 1973, https://doi.org/10.2307/2284155); where they are too few to tell, it is as in `RISE` and `DEVIATION`. With
many images the accuracies that were counted are believed as they are.
"""

from collections.abc import Sequence

import numpy as np
from scipy import linalg, special

from nas.search.confirm.intervals import Flags, Floats, counting_covariance, inside, seed_spread, slope

DRAWS = 4000
"""Draws from the posterior: a probability of 1/2 is known to 0.008."""

RISE = (0.3, 0.5)
"""How much the logit rises where the cost is e times as high: mean and deviation of what is thought of it beforehand.

EfficientNet-Lite fine-tuned on CIFAR-10 rises by 0.25, NAS-Bench-Macro by 0.4.
"""
DEVIATION = 0.1
"""The median of what is thought beforehand of the deviations from the line, as logits (half-Cauchy)."""

_LEVEL = 5.0  # deviation of what is thought beforehand of the height of the line: next to nothing
_DEVIATIONS = np.geomspace(0.01, 1.0, 25)
_CHANCES = (np.arange(16) + 0.5) / 16


def believed_accuracies(correct: Sequence[Flags], costs: Floats) -> Floats:
    """The expected accuracy of each of n networks, 0..1.

    `correct`, one (seeds, images) per network, says which validation images each of its trainings got; the first of
    the `costs` (n, k) is the one that accuracy rises with.
    """
    expected, _ = posterior(correct, costs)
    return expected


def posterior(correct: Sequence[Flags], costs: Floats, seed: int = 0) -> tuple[Floats, Floats]:
    """The expected accuracies (n,), and draws (`DRAWS`, n) from the posterior over them; arguments as above."""
    if not correct:
        return np.zeros(0), np.zeros((DRAWS, 0))
    n, images, rng = len(correct), correct[0].shape[1], np.random.default_rng(seed)
    shares = np.array([flags.mean() for flags in correct])
    seen, steepness = special.logit(inside(shares, images)), slope(shares, images)
    counting = counting_covariance(correct) / np.outer(steepness, steepness)
    least = 1 / (images * steepness)  # of networks that got all images or none, too
    counting += np.diag(np.maximum(least - np.diag(counting), 0))

    line = np.stack([np.ones(n), np.log(costs[:, 0]) if costs.shape[1] else np.zeros(n)], axis=1)
    line[:, 1] -= line[:, 1].mean()
    ahead = line @ np.array([seen.mean(), RISE[0]])
    of_line = line @ np.diag([_LEVEL**2, RISE[1] ** 2]) @ line.T

    variance, freedom = seed_spread([flags.mean(axis=1) for flags in correct], images)
    spreads = freedom * variance / special.chdtri(freedom, _CHANCES) if freedom else np.zeros(1)
    seeds = np.array([len(flags) for flags in correct])
    cases = []
    for deviation in _DEVIATIONS:
        prior = of_line + deviation**2 * np.eye(n)
        for spread in spreads:
            root = linalg.cholesky(prior + counting + np.diag(spread / seeds), lower=True)
            apart, half = (linalg.solve_triangular(root, each, lower=True) for each in (seen - ahead, prior))
            fit = -0.5 * apart @ apart - np.log(np.diag(root)).sum()
            thought = np.log(deviation) - np.log1p((deviation / DEVIATION) ** 2)  # evenly over the grid's logarithms
            cases.append((fit + thought, ahead + half.T @ apart, prior - half.T @ half))
    weights = special.softmax([weight for weight, _, _ in cases])
    draws = [
        rng.multivariate_normal(mean, covariance, count, method="eigh")
        for count, (_, mean, covariance) in zip(rng.multinomial(DRAWS, weights), cases, strict=True)
        if count
    ]
    expected: Floats = weights @ np.array([special.expit(mean) for _, mean, _ in cases])
    return expected, rng.permutation(special.expit(np.concatenate(draws)))


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
