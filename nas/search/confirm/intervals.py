"""What long trainings say of a network's accuracy.

The mean is that over the seeds. Its variance is that of the seeds over their number, plus that of counting on finitely
many images. Two or three seeds say little of one network's spread, so it is pooled over the networks, as that of the
logits: accuracies near 0 and 1 spread less. How little even all seeds say of it, Student's t accounts for. All
networks are judged on the same images and fail on the same hard ones, so the counting errors have the covariance of
the images.
"""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import special

from nas.measures import Interval

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


def seed_spread(shares: Sequence[Sequence[float]], images: int) -> tuple[float, int]:
    """Variance between seeds of the logits of accuracies, pooled over networks, and its degrees of freedom.

    `shares` are each network's accuracies, one a seed, counted on `images`. (0, 0) if no network has two seeds.
    """
    known = [special.logit(inside(each, images)) for each in shares if len(each) > 1]
    freedom = sum(len(each) - 1 for each in known)
    return (float(sum(((each - each.mean()) ** 2).sum() for each in known)) / freedom, freedom) if known else (0.0, 0)


def slope(shares: npt.ArrayLike, images: int) -> Floats:
    """How much accuracies, counted on `images`, change with their logits: p (1 - p)."""
    p = inside(shares, images)
    return p * (1 - p)


def accuracy_intervals(shares: Sequence[Sequence[float]], images: int) -> list[Interval]:
    """Each network's mean accuracy over its seeds, counted on `images`, with its 95 % interval.

    A t interval of the logit, its degrees of freedom by Welch and Satterthwaite (doi:10.2307/3002019). Where no
    network has two seeds it is that of counting alone.
    """
    variance, freedom = seed_spread(shares, images)
    found = []
    for each in shares:
        mean = float(np.mean(each))
        seeds, counting = variance / len(each), 1 / (images * float(slope(mean, images)))
        known = freedom * (1 + counting / seeds) ** 2 if seeds else math.inf
        half = _student(known) * math.sqrt(seeds + counting)
        low, high = special.expit(special.logit(inside(mean, images)) + np.array([-half, half]))
        found.append(Interval(mean, min(mean, float(low)), max(mean, float(high))))
    return found


def counting_covariance(correct: Sequence[Flags]) -> Floats:
    """Covariance (n, n) of the accuracies of n networks through the choice of images alone.

    `correct`, one (seeds, images) per network, says which images each of its trainings got.
    """
    shares = np.stack([flags.mean(axis=0) for flags in correct])
    covariance: Floats = np.atleast_2d(np.cov(shares)) / shares.shape[1]
    return covariance


def _student(freedom: float) -> float:
    """The 97.5 % point of Student's t with that many degrees of freedom, of which there may be infinitely many."""
    return float(special.ndtri(0.975) if math.isinf(freedom) else special.stdtrit(freedom, 0.975))


def inside(shares: npt.ArrayLike, images: int) -> Floats:
    """Shares of `images`, moved off 0 and 1 by half an image."""
    return (np.asarray(shares, dtype=np.float64) * images + 0.5) / (images + 1)
