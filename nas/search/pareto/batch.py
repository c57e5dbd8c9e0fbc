"""Several proposals at once: each of largest expected gain, given that those before it are being evaluated.

What is pending is taken to turn out as predicted (the kriging believer of Ginsbourger et al. 2010). That leaves the
predictions as they are and takes from the covariance of all others what it says of them, so a further proposal costs
a rank-one update, not a model.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nas.search.pareto.acquisition import boxes, expected_gain, sketch
from nas.search.pareto.surrogate import Inputs, Surrogate

Array = npt.NDArray[np.float64]

SHORTLIST = 768
"""The candidates of largest gain, among which the others of a batch are looked for."""


@dataclass(frozen=True, slots=True)
class Weighed:
    """N candidates: their `gains`, and what these follow from.

    `mean` (n, objectives) is their predicted losses, `front` (any, objectives) what they are to gain on, `reference`
    where hypervolume counts from, `allowed` (n,) the probability to meet the constraints; `models` by objective.
    """

    gains: Array
    mean: Array
    front: Array
    reference: Array
    allowed: Array
    models: Mapping[int, Surrogate]
    inputs: Inputs


def best_together(weighed: Weighed, first: int) -> Iterator[int]:
    """`first`, then the candidate of largest gain given all before it, and so on over the shortlist."""
    short = np.argsort(-weighed.gains, kind="stable")[:SHORTLIST]
    if first not in short:
        short[-1] = first
    mean, front = weighed.mean[short], weighed.front
    joint = {objective: model.joint(weighed.inputs[short]) for objective, model in weighed.models.items()}
    left = np.ones(len(short), dtype=bool)
    best = int(np.flatnonzero(short == first)[0])
    while True:
        yield int(short[best])
        left[best] = False
        if not left.any():
            return
        front = np.vstack([front, mean[best]])
        deviation = np.zeros_like(mean)
        for objective, (standard, covariance) in joint.items():
            model, column = weighed.models[objective], covariance[:, best].copy()
            covariance -= np.outer(column, column / (column[best] + model.unsure))
            spread = np.sqrt(np.maximum(np.diag(covariance), 1e-10))
            deviation[:, objective] = model.warp.undo(standard, spread)[1]
        gains = expected_gain(mean, deviation, *boxes(sketch(front, weighed.reference), weighed.reference))
        best = int(np.argmax(np.where(left, gains * weighed.allowed[short], -1.0)))
