"""What a model says of the measured networks when each is left out of its fit."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class LeftOut:
    """Of each measured network, shape (n,): milliseconds by a model fitted to all others, and its `stretch` there."""

    ms: NDArray[np.float64]
    stretch: NDArray[np.float64]
