"""What random search would have reached, from the networks of a record that were drawn without a model.

Those are random, or spread evenly over the cost at random otherwise; the estimate is of the search that draws so.

A place in the box that hypervolume is a share of is covered by a search if one of its networks dominates it. How many
of m random networks cover each place says how likely n would cover it: species and their abundances in ecology, whose
estimators of rarefaction and extrapolation are used here (Chao et al. 2014, Ecological Monographs 84, 45-67).
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from optuna.study import Study

from nas.problem import Problem
from nas.results.quality import WithoutModel
from nas.search.front import losses_to_reference
from nas.search.record.trial import records

FEWEST, MOST = 4, 200
"""With fewer random networks nothing is said; of more, the first `MOST` are used, to be quick."""

PLACES, ORDERS = 4096, 200

Covers = npt.NDArray[np.bool_]  # (networks, places)
Curve = npt.NDArray[np.float64]


def drawn_without_model(problem: Problem, study: Study) -> tuple[str, list[list[float]]]:
    """How the networks were drawn that no model proposed, and the objectives of those that are complete.

    `random`, or `start` where a sampler spread them over the cost.
    """
    chosen = [trial for trial in records(study) if trial.state == "complete" and trial.drawn in ("random", "start")]
    drawn = "start" if any(trial.drawn == "start" for trial in chosen) else "random"
    return drawn, [trial.values(problem) for trial in chosen]


def random_search(
    points: Sequence[Sequence[float]],
    objectives: Sequence[str],
    reference: Mapping[str, float],
    most: int,
    drawn: str = "random",
) -> WithoutModel | None:
    """Expected hypervolume of random search after 1, 2, … networks, with a 90 % band.

    `points` are m networks `drawn` without a model. The curves end at 2 m, as the source advises, or at `most`. None
    for fewer than `FEWEST`. The band holds what one search may reach, and the error of the estimate.
    """
    points = points[:MOST]
    m = len(points)
    if m < FEWEST:
        return None
    from scipy.stats import qmc

    places = qmc.Sobol(len(objectives), scramble=False).random(PLACES)
    losses = losses_to_reference(points, objectives, reference)
    covers = (losses[:, None, :] <= places[None, :, :]).all(axis=2)
    ends = min(most, 2 * m)
    mean = _expected(covers.sum(axis=0), m, ends)
    error = 1.645 * _error(covers, ends)
    below, above = (np.hypot(spread, error) for spread in _spread(covers, np.random.default_rng(0), ends))
    low, high = np.maximum.accumulate(np.clip(mean - below, 0, None)), np.clip(mean + above, None, 1)
    return WithoutModel(drawn, m, tuple(mean.tolist()), tuple(low.tolist()), tuple(high.tolist()))


def _expected(abundance: npt.NDArray[np.int64], m: int, ends: int) -> Curve:
    """Share of the places that n = 1 to `ends` networks cover, from how many of m random ones cover each place.

    Up to m it is the mean over all subsets of n, beyond it the source's estimate for species counted once each, with
    Chao's estimate of those not seen yet.
    """
    share = np.bincount(abundance, minlength=m + 1) / len(abundance)  # of the places that 0, 1, … of them cover
    drawn = np.arange(min(m, ends))[:, None]
    still_missed = np.clip(m - np.arange(m + 1) - drawn, 0, None) / (m - drawn)
    curve = 1 - np.cumprod(still_missed, axis=0) @ share
    further = np.arange(1, ends - m + 1)
    unseen = min((m - 1) / m * share[1] ** 2 / (2 * share[2]), share[0]) if share[2] > 0 else 0.0
    if unseen == 0:
        return np.append(curve, np.full(len(further), curve[-1]))
    return np.append(curve, curve[-1] + unseen * (1 - (1 - share[1] / (m * unseen + share[1])) ** further))


def _error(covers: Covers, ends: int) -> Curve:
    """Standard error of `_expected` by the jackknife."""
    m, abundance = len(covers), covers.sum(axis=0)
    without = np.stack([_expected(abundance - left_out, m - 1, ends) for left_out in covers])
    error: Curve = math.sqrt(m - 1) * without.std(axis=0)
    return error


def _spread(covers: Covers, rng: np.random.Generator, ends: int) -> tuple[Curve, Curve]:
    """How far the 5 % and the 95 % quantile of single searches of 1 to `ends` networks are below and above the mean.

    From subsets without replacement, widened by 1 / sqrt(1 - n/m) as samples of a finite set must be. From m / 2 on,
    where subsets overlap too much to tell, the width stays.
    """
    m, half = len(covers), len(covers) // 2
    orders = [rng.permutation(m)[:half] for _ in range(ORDERS)]
    curves = np.array([np.logical_or.accumulate(covers[order]).mean(axis=1) for order in orders])
    widened = (curves - curves.mean(axis=0)) / np.sqrt(1 - np.arange(1, half + 1) / m)
    low, high = np.quantile(widened, [0.05, 0.95], axis=0)
    index = np.minimum(np.arange(ends), half - 1)
    return -low[index], high[index]
