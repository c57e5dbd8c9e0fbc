"""Least squares with coefficients that are not negative, by the active sets of Lawson and Hanson (1974, chapter 23).

As `scipy.optimize.nnls`, whose import alone takes longer than every fit of a profile.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_TINY = 1e-12
"""A gain per unit of a column, as a share of the target's norm, below which a coefficient stays at 0."""


def nonnegative(rows: Array, target: Array) -> Array:
    """The x >= 0, shape `(k,)`, that minimises the norm of `rows` x - `target`, of shapes `(n, k)` and `(n,)`."""
    size = np.maximum(np.linalg.norm(rows, axis=0), np.finfo(np.float64).tiny)
    unit = rows / size
    products, wanted, least = unit.T @ unit, unit.T @ target, _TINY * float(np.linalg.norm(target))
    found, refused = np.zeros(len(wanted)), np.zeros(len(wanted), dtype=bool)
    for _ in range(100 * len(wanted)):
        gain = np.where((found > 0) | refused, 0.0, wanted - products @ found)
        best = int(gain.argmax())
        if gain[best] <= least:
            break
        found = _fitted(products, wanted, found, best)
        refused = refused & (found[best] == 0)
        refused[best] = found[best] == 0  # its gain was one of rounding alone
    return np.asarray(found / size)


def _fitted(products: Array, wanted: Array, found: Array, added: int) -> Array:
    """The least squares over the positive ones of `found` and `added`, without those that would be negative there."""
    inside = found > 0
    inside[added] = True
    while True:
        places = inside.nonzero()[0]
        free, before = np.linalg.solve(products[places[:, None], places], wanted[places]), found[places]
        negative = free <= 0
        found = np.zeros(len(wanted))
        if not negative.any():
            found[places] = free
            return found
        steps = before[negative] / (before[negative] - free[negative])
        moved = before + steps.min() * (free - before)
        moved[negative.nonzero()[0][steps.argmin()]] = 0
        found[places] = np.maximum(moved, 0)
        inside = found > 0
