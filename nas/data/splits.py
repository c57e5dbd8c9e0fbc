"""Which images go where: seeded, stratified choices over an array of class labels.

Every function takes labels (int array, N) and returns ascending int64 indices into them, so that a
split depends on nothing but the labels, their order and the generator.
"""

from collections.abc import Sequence

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

    Of every class the rest keeps at least one image, and a part gets at least one where the class has
    enough: a class of two images gives its second to the first part, and nothing to the next.
    """
    parts: list[list[Indices]] = [[] for _ in range(len(fractions) + 1)]
    for c in np.unique(labels):
        order = rng.permutation(np.flatnonzero(labels == c))
        start = 0
        for part, fraction in zip(parts[1:], fractions, strict=True):
            take = min(max(1, int(len(order) * fraction + 0.5)), len(order) - 1 - start)
            part.append(order[start : start + take])
            start += take
        parts[0].append(order[start:])
    return [np.sort(np.concatenate(part)).astype(np.int64) for part in parts]
