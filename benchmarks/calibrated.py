"""Training-free scores put right by a few trained networks of the space.

Which scores rank best differs from space to space: where activations are many at an early stage NASWOT does, where
width decides, parameters do. So the combination by rank is the prior, and a ridge on every score corrects it by what
some ten accuracies say. A prior mean that is right by half saves most of the observations that a model without one
needs (Rasmussen and Williams 2006, section 2.7).
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm, rankdata

from nas.proxies.scores.evaluate import combine

Array = NDArray[np.float64]

TRUST = 0.1
"""Noise over prior variance of the combination's slope: it is nearly free."""

DOUBT = 4.0
"""The same for the slope of each score: ten trained networks move it, three hardly. 2 to 10 do about as well."""

FEWEST = 3
"""From fewer trained networks nothing is learnt."""


def calibrated(
    table: Mapping[str, ArrayLike], joined: Sequence[str], trained: ArrayLike, accuracies: ArrayLike
) -> Array:
    """One score, shape (N,), of a population whose scores by name are `table`; it has no unit.

    `joined` are the names that the prior combines; `trained` (n,) are indices of networks, `accuracies` (n,) theirs.
    With fewer than `FEWEST` of them, or all alike, it is the combination.

    Raises:
        ValueError: a score or an accuracy is not finite, or their numbers differ.
    """
    observed, indices = np.asarray(accuracies, dtype=np.float64), np.asarray(trained, dtype=np.int64)
    if observed.shape != indices.shape or not np.isfinite(observed).all():
        raise ValueError("there must be one finite accuracy for each trained network")
    prior = _normal(combine({name: table[name] for name in joined}))
    if len(observed) < FEWEST or np.ptp(observed) == 0:
        return prior
    scores = np.column_stack([prior, *(_standard(np.asarray(column, dtype=np.float64)) for column in table.values())])
    penalties = np.array([TRUST] + [DOUBT] * len(table))
    middle = scores[indices].mean(axis=0)
    known, target = scores[indices] - middle, _standard(_spread(observed))
    weights = np.linalg.solve(known.T @ known + np.diag(penalties), known.T @ target)
    return np.asarray((scores - middle) @ weights, dtype=np.float64)


def _normal(values: Array) -> Array:
    """Normal scores: the quantiles that the ranks of a normal sample would have."""
    return np.asarray(norm.ppf((rankdata(values) - 0.5) / len(values)), dtype=np.float64)


def _standard(values: Array) -> Array:
    return np.asarray((values - values.mean()) / (values.std() or 1.0), dtype=np.float64)


def _spread(accuracies: Array) -> Array:
    """Minus the log of the distance to just above the best: the poor are many points apart, the good tenths."""
    gaps = accuracies.max() - accuracies
    return np.asarray(-np.log(gaps + max(float(np.median(gaps)) / 2, 1e-3 * float(gaps.max()))), dtype=np.float64)
