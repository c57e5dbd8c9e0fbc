"""Which images go where: seeded, stratified choices over an array of class labels.

Every function takes labels (int array, N) and returns ascending int64 indices into them, so that a
split depends on nothing but the labels, their order and the generator.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]


def choose(labels: Indices, count: int, rng: np.random.Generator) -> Indices:
    """At most `count` images with the class shares kept, and at least one image of every class.

    Raises:
        ValueError: `count` is below the number of classes.
    """
    if count >= len(labels):
        return np.arange(len(labels), dtype=np.int64)
    classes, sizes = np.unique(labels, return_counts=True)
    if count < len(classes):
        raise ValueError(f"count must be at least the number of classes, {len(classes)}, got {count}")
    quotas = _quotas(sizes, count)
    chosen = [rng.permutation(np.flatnonzero(labels == c))[:quota] for c, quota in zip(classes, quotas, strict=True)]
    return np.sort(np.concatenate(chosen)).astype(np.int64)


def _quotas(sizes: Indices, count: int) -> Indices:
    """Images per class summing to `count`: largest remainder, but never none of a class."""
    exact = count * sizes / sizes.sum()
    quotas: Indices = np.maximum(1, np.floor(exact)).astype(np.int64)
    while quotas.sum() < count:
        quotas[np.argmax(exact - quotas)] += 1
    while quotas.sum() > count:  # only where the floor of one image lifted some rare class
        quotas[np.argmax(quotas)] -= 1
    return quotas


def carve(labels: Indices, fractions: Sequence[float], rng: np.random.Generator) -> list[Indices]:
    """The rest, then one disjoint part per fraction, each with the class shares kept.

    A part holds its fraction of all images, to within one, and at least one image of every class where that allows
    it; where not, the classes that gave nothing to the part before come first. Of every class the rest keeps at
    least one image, so that a part is smaller where classes of one or two images are many.
    """
    classes, sizes = np.unique(labels, return_counts=True)
    orders = [rng.permutation(np.flatnonzero(labels == c)) for c in classes]
    ties = rng.permutation(len(classes)) / (len(classes) + 1)
    starts, share = [np.zeros(len(classes), dtype=np.int64)], 0.0
    for fraction in fractions:
        share += fraction
        starts.append(starts[-1] + _amounts(sizes, starts[-1], fraction, share, ties))
    parts = [[order[start:] for order, start in zip(orders, starts[-1], strict=True)]]
    for start, end in pairwise(starts):
        parts.append([order[i:j] for order, i, j in zip(orders, start, end, strict=True)])
    return [np.sort(np.concatenate(part)).astype(np.int64) for part in parts]


def _amounts(sizes: Indices, taken: Indices, fraction: float, share: float, ties: NDArray[np.float64]) -> Indices:
    """Images that each class gives to a part; `share` is that of all parts so far."""
    exact, room = sizes * fraction, sizes - 1 - taken
    amounts: Indices = np.minimum(np.maximum(1, np.floor(exact + 0.5).astype(np.int64)), room)
    most = np.minimum(np.maximum(1, np.ceil(exact).astype(np.int64)), room)
    total = int(exact.sum() + 1e-9)
    enough = amounts.sum() if amounts.sum() <= total + 1 else max(1, int(exact.sum() + 0.5))
    while amounts.sum() > enough:
        ahead = taken + amounts - sizes * share + 1e-6 * ties
        amounts[np.argmax(np.where(amounts > 0, ahead, -np.inf))] -= 1
    while amounts.sum() < total and (amounts < most).any():
        behind = taken + amounts - sizes * share + 1e-6 * ties
        amounts[np.argmin(np.where(amounts < most, behind, np.inf))] += 1
    return amounts
