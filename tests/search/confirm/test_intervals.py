"""What long trainings say of accuracies, and where further ones go."""

import math

import numpy as np
import pytest
from scipy import special, stats

from benchmarks.proxy_fidelity import draw
from nas.errors import DataError
from nas.search.confirm.intervals import accuracy_intervals, seed_spread
from nas.search.confirm.seeds import Weighed, best_spent
from tests.helpers.answers import flags


def logit(share: float, images: int = 100) -> float:
    return math.log((share * images + 0.5) / ((1 - share) * images + 0.5))


def test_accuracy_intervals_pool_the_logits_of_seeds() -> None:
    first, second = accuracy_intervals([[0.8, 0.9], [0.7, 0.7, 0.7]], 100)
    pooled = (logit(0.8) - logit(0.9)) ** 2 / 2 / 3  # one and two degrees of freedom
    found, freedom = seed_spread([[0.8, 0.9], [0.7, 0.7, 0.7], [0.1]], 100)
    assert (found, freedom) == (pytest.approx(pooled), 3)
    for each, mean, seeds in ((first, 0.85, 2), (second, 0.7, 3)):
        p = (100 * mean + 0.5) / 101
        parts = pooled / seeds, 1 / (100 * p * (1 - p))
        half = stats.t.ppf(0.975, 3 * (sum(parts) / parts[0]) ** 2) * math.sqrt(sum(parts))
        assert each.value == pytest.approx(mean)
        ends = [1 / (1 + math.exp(-logit(mean) - sign * half)) for sign in (-1, 1)]
        assert (each.low, each.high) == pytest.approx(tuple(ends))


def test_accuracy_intervals_at_the_edges() -> None:
    (single,) = accuracy_intervals([[0.5]], 100)  # of counting alone
    assert (single.low, single.high) == pytest.approx((0.5 - 0.097, 0.5 + 0.097), abs=0.002)
    none, low, high, whole = accuracy_intervals([[0.0], [0.0, 0.02], [0.98, 1.0], [1.0]], 100)
    assert (none.low, whole.high) == (0.0, 1.0)
    assert 0 < low.low < 0.01 < low.high < 0.2
    assert (1 - high.low, 1 - high.high) == pytest.approx((low.high, low.low))
    assert accuracy_intervals([], 100) == []
    assert seed_spread([[0.5], [0.6]], 100) == (0.0, 0)


def test_intervals_hold_what_they_promise() -> None:
    """Weak networks and good ones alike, of 2 seeds each: 95 in 100 intervals hold the mean over all seeds."""
    rng = np.random.default_rng(0)
    middle = np.log(np.array([1.5, 4, 9, 19, 32, 49]))  # logits of 0.6 to 0.98
    true = special.expit(middle + rng.normal(0, 0.3, (100_000, 1))).mean(axis=0)
    held = []
    for _ in range(600):
        seeds = special.expit(middle + rng.normal(0, 0.3, (2, 6)))
        images = rng.random((2000, 1, 1))  # the harder, the fewer networks get it
        found = accuracy_intervals((images < seeds).mean(axis=0).T.tolist(), 2000)
        held.append([each.low <= share <= each.high for each, share in zip(found, true, strict=True)])
    assert np.mean(held, axis=0) == pytest.approx(0.95, abs=0.03)


def test_the_spread_of_some_networks_is_that_of_another() -> None:
    """On NAS-Bench-Macro: of 7 networks, it tells how far the two trainings of an eighth lie apart."""
    try:
        known = {network.canonical: network.seeds for network in draw(2000, 0)}
    except DataError as error:
        pytest.skip(str(error))
    rng, pairs = np.random.default_rng(0), np.array(list(known.values())) / 100
    held = []
    for _ in range(1500):
        *others, (one, two) = pairs[rng.choice(len(pairs), 8, replace=False)].tolist()
        variance, freedom = seed_spread(others, 10_000)
        apart = abs(logit(one, 10_000) - logit(two, 10_000))
        held.append(apart <= stats.t.ppf(0.975, freedom) * math.sqrt(2 * variance))
    assert np.mean(held) == pytest.approx(0.95, abs=0.015)


# --- where further trainings go -------------------------------------------------------------------


def weighed(cost: float, cheap: float, *shares: float, images: int = 4000, seed: int = 0) -> Weighed:
    correct = flags(*shares, images=images, seed=seed) if shares else np.zeros((0, images), dtype=bool)
    return Weighed(cheap, (cost,), correct)


def test_no_training_is_spent_where_membership_is_settled() -> None:
    trained = [weighed(1, 0.5, 0.70, 0.71), weighed(2, 0.6, 0.80, 0.81), weighed(3, 0.7, 0.60, 0.61)]
    assert best_spent(trained, [], seeds=2) == []


def test_the_next_training_is_where_it_tells_most() -> None:
    trained = [
        weighed(1, 0.5, 0.70, 0.74, seed=1),
        weighed(2, 0.6, 0.71, 0.75, seed=2),  # open: seeds are as far apart as the two networks
        weighed(3, 0.7, 0.90, 0.94, seed=3),
        weighed(4, 0.7, 0.91, 0.95, 0.90, 0.95, 0.91, 0.95, seed=4),  # as open, but has six seeds
    ]
    order = best_spent(trained, [], seeds=2)
    assert order[0] == 1
    assert set(order) == {1, 3}
    single = [weighed(1, 0.5, 0.70, seed=1), weighed(2, 0.6, 0.705, seed=2)]  # one seed each: of unknown spread
    assert best_spent(single, [], seeds=1) == [1]


def test_another_network_is_taken_where_its_cheap_accuracy_reaches_the_front() -> None:
    trained = [weighed(k, 0.5 + 0.1 * k, 0.6 + 0.08 * k, 0.605 + 0.08 * k, seed=k) for k in range(1, 5)]
    trained[1] = weighed(2, 0.7, 0.74, 0.745, seed=2)  # so that the line is not exact
    near, far, sure = weighed(2.5, 0.69), weighed(2.5, 0.3), weighed(2.5, 0.78)
    assert best_spent(trained, [near, far], seeds=2) == [4]
    assert best_spent(trained, [near, far, sure], seeds=2) == [6, 4]  # it is surely missing from the front
    assert best_spent(trained[:3], [near, far, sure], seeds=2) == []  # three say too little of the others
