"""What a model says of the measured networks when each is left out of its fit."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class LeftOut:
    """Of each measured network, shape (n,): milliseconds by a model fitted to others, and its leverage there.

    `together`: shape (n, n), which networks are left out with each: itself, and those that cost the same.
    """

    ms: NDArray[np.float64]
    leverage: NDArray[np.float64]
    together: NDArray[np.bool_]
