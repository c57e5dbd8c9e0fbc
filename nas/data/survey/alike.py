"""Which images are copies of each other, by their bytes or by how they look.

Images look alike where at most `BITS` of the 64 bits of their perceptual hashes differ and their thumbnails correlate.
Both look at the centre square in grey, which is what a network sees of them.
"""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from nas.data.splits import Indices

BITS = 4
CORRELATION = 0.8
"""Of two thumbnails at least."""

_FLAT = 1.0  # grey levels of deviation, below which a thumbnail shows nothing


def groups(
    digests: NDArray[np.bytes_], hashes: NDArray[np.uint64], thumbnails: NDArray[np.uint8]
) -> list[tuple[bool, Indices]]:
    """Images that belong together, two or more to a group, and whether all are the same bytes.

    `thumbnails` are N x pixels. Those of a group are joined one by one: its first and last may be less alike.
    """
    count = len(digests)
    if not count:
        return []
    _, first, kind = np.unique(digests, return_index=True, return_inverse=True)
    pairs = [np.stack([np.arange(count), first[kind]])]
    pairs += [first[pair] for pair in _near(hashes[first], thumbnails[first])]
    edges = np.concatenate(pairs, axis=1)
    joined = coo_array((np.ones(edges.shape[1], np.int8), tuple(edges)), shape=(count, count))
    _, group = connected_components(joined, directed=False)
    order = np.argsort(group, kind="stable")
    found = np.split(order, np.flatnonzero(np.diff(group[order])) + 1)
    return [(len(set(kind[each].tolist())) == 1, each) for each in found if len(each) > 1]


def _near(hashes: NDArray[np.uint64], thumbnails: NDArray[np.uint8]) -> Iterator[NDArray[np.int64]]:
    """Pairs, 2 x M, that look alike; of equal hashes the first stands for the others."""
    values, first, same = np.unique(hashes, return_index=True, return_inverse=True)
    yield _correlated(np.stack([np.arange(len(hashes)), first[same]]), thumbnails)
    for low, high in _bands():
        # Of hashes that differ in BITS bits, one of BITS + 1 bands is equal.
        band = (values >> np.uint64(low)) & np.uint64((1 << (high - low)) - 1)
        order = np.argsort(band, kind="stable")
        sorted_band, rows, step = band[order], np.arange(len(values)), 0
        while len(rows):
            step += 1
            rows = rows[rows + step < len(values)]
            rows = rows[sorted_band[rows] == sorted_band[rows + step]]
            one, other = order[rows], order[rows + step]
            near = np.bitwise_count(values[one] ^ values[other]) <= BITS
            yield _correlated(first[np.stack([one[near], other[near]])], thumbnails)


def _bands() -> list[tuple[int, int]]:
    edges = np.linspace(0, 64, BITS + 2).round().astype(int).tolist()
    return list(pairwise(edges))


def _correlated(pairs: NDArray[np.int64], thumbnails: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Those of the pairs whose thumbnails correlate; one that shows nothing does with none."""
    pairs = pairs[:, pairs[0] != pairs[1]]
    one, other = (part - part.mean(axis=1, keepdims=True) for part in thumbnails[pairs].astype(np.float32))
    spread = np.maximum(one.std(axis=1), _FLAT) * np.maximum(other.std(axis=1), _FLAT)
    kept: NDArray[np.int64] = pairs[:, (one * other).mean(axis=1) >= CORRELATION * spread]
    return kept
