"""Which images made-up trainings got right."""

import numpy as np
from numpy.typing import NDArray


def flags(*shares: float, images: int = 400, seed: int = 0) -> NDArray[np.bool_]:
    """Independent answers of one training per share, exactly so many of them correct."""
    rng = np.random.default_rng(seed)
    return np.stack([rng.permutation(np.arange(images) < round(images * share)) for share in shares])
