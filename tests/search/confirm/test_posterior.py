"""What to believe of accuracies that few images were counted for, and who is on the front."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import special

from benchmarks.believed_choice import answers
from nas.search.confirm.intervals import counting_covariance, seed_spread, slope
from nas.search.confirm.posterior import DRAWS, believed_accuracies, on_front, posterior
from tests.helpers.answers import flags

COSTS = np.array([[1.0], [2.0], [4.0], [8.0]])


def probability(correct: list[NDArray[np.bool_]], costs: NDArray[np.float64]) -> list[float]:
    return on_front(posterior(correct, costs)[1], costs).tolist()


def made_up(rng: np.random.Generator, images: int) -> tuple[NDArray[np.float64], list[NDArray[np.bool_]]]:
    """Four networks of rising costs, their true accuracies and which images one training of each got.

    The logits rise by 0.3 where the cost is e times as high, and deviate by 0.1.
    """
    truth = special.expit(1 + 0.3 * np.log(COSTS[:, 0]) + 0.1 * rng.standard_normal(4))
    return truth, answers(truth, images, rng)


def test_many_images_are_believed_as_they_were_counted() -> None:
    correct = [flags(0.7, 0.71, images=40_000, seed=1), flags(0.8, 0.805, images=40_000, seed=2)]
    expected, draws = posterior(correct, COSTS[::3])
    assert expected == pytest.approx([0.705, 0.8025], abs=0.002)
    assert draws.shape == (DRAWS, 2)
    pooled, freedom = seed_spread([[0.7, 0.71], [0.8, 0.805]], 40_000)
    assert freedom == 2
    least = np.sqrt(pooled / 2 * slope([0.705, 0.8025], 40_000) ** 2 + np.diag(counting_covariance(correct)))
    low, high = np.percentile(draws, [25, 75], axis=0)
    assert high - low == pytest.approx(1.63 * least, rel=0.15)  # the quartiles of t of 2 degrees are at 0.816
    again, same = posterior(correct, COSTS[::3])
    assert (again == expected).all()
    assert (same == draws).all()


def test_few_images_are_read_beside_what_others_say() -> None:
    """The third network was unlucky: what is dearer is hardly worse than both that are cheaper."""
    few = [flags(share, images=100, seed=n) for n, share in enumerate((0.70, 0.75, 0.74, 0.84))]
    first, second, third, last = believed_accuracies(few, COSTS)
    assert first < second < third < last
    many = [flags(share, images=40_000, seed=n) for n, share in enumerate((0.70, 0.75, 0.74, 0.84))]
    assert believed_accuracies(many, COSTS) == pytest.approx([0.70, 0.75, 0.74, 0.84], abs=0.002)
    worse = [flags(share, images=100, seed=n) for n, share in enumerate((0.70, 0.75, 0.40, 0.84))]
    assert believed_accuracies(worse, COSTS)[2] < 0.5  # so much is no bad luck


def test_the_choice_is_better_than_by_what_was_counted() -> None:
    """At each cost the network that is thought best, over made-up confirmations: its true accuracy."""

    def chosen(of: NDArray[np.float64], truth: NDArray[np.float64]) -> float:
        return float(np.mean([truth[of[: n + 1].argmax()] for n in range(4)]))

    rng, gains = np.random.default_rng(0), []
    for _ in range(100):
        truth, correct = made_up(rng, 75)
        counted = np.array([each.mean() for each in correct])
        gains.append(chosen(believed_accuracies(correct, COSTS), truth) - chosen(counted, truth))
    assert np.mean(gains) > 0.002


def test_the_probabilities_hold() -> None:
    rng, promised, kept = np.random.default_rng(0), [], []
    for _ in range(150):
        truth, correct = made_up(rng, 200)
        promised += probability(correct, COSTS)[1:]
        kept += on_front(truth[None], COSTS).tolist()[1:]
    sure = np.array(promised) > 0.8
    assert np.mean(promised) == pytest.approx(np.mean(kept), abs=0.05)
    assert np.mean(np.array(kept)[sure]) == pytest.approx(np.mean(np.array(promised)[sure]), abs=0.05)
    assert 50 < sure.sum() < 400


def test_failing_on_the_same_images_tells_networks_apart() -> None:
    """McNemar's point: where both fail on the same images, the few that differ decide."""
    worse = flags(0.90)
    alike = worse.copy()
    alike[0, np.flatnonzero(~worse[0])[:8]] = True  # right wherever the other is, and on 8 images of 400 more
    other = flags(0.92, seed=5)
    costs = np.array([[1.0], [1.0]])
    assert probability([worse, alike], costs)[1] > 0.97
    assert 0.6 < probability([worse, other], costs)[1] < 0.9


def test_the_front_by_probability() -> None:
    correct = [flags(0.90, 0.92, seed=1), flags(0.5, 0.5, seed=3)]
    assert probability(correct, COSTS[:2])[0] == 1.0  # nothing is cheaper
    assert probability(correct, COSTS[:2])[1] < 0.05
    assert sum(probability(correct, np.zeros((2, 0)))) == pytest.approx(1)  # accuracy alone: one is best
    whole = [flags(1.0), flags(1.0), flags(0.0)]  # all images, or none
    assert np.isfinite(believed_accuracies(whole, COSTS[:3])).all()
    assert probability([flags(0.9)], COSTS[:1]) == [1.0]


def test_several_costs_and_rivals() -> None:
    draws = np.tile([0.9, 0.8, 0.7], (10, 1))
    assert on_front(draws, np.array([[1, 5], [5, 1], [5, 5]])).tolist() == [1, 1, 0]
    assert on_front(draws[:, ::-1], np.array([[1, 5], [5, 1], [5, 5]])).tolist() == [1, 1, 1]
    assert on_front(draws, np.array([[1], [2], [3]]), rivals=0).tolist() == [1, 1, 1]
