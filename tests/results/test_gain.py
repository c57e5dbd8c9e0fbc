"""nas.results.gain: what a front gains over its baselines, by hand-made fronts."""

import math
import re

import numpy as np
import pytest

from nas.results.gain import Gain, best, curve, gain_over
from tests.helpers.run_sample import Points, networks

BASELINES = [(2.0, 0.5), (4.0, 0.6), (8.0, 0.7)]


def gain(front: Points, baselines: Points = BASELINES, half: float = 0.0) -> Gain:
    return gain_over(networks(baselines, half, kind="baselines"), networks(front, half), images=3000)


def by_sum(front: Points, baselines: Points) -> tuple[float, float]:
    """Mean points at equal latency, and mean share of the milliseconds, by sums over fine grids."""

    def along(points: Points) -> np.ndarray:
        rows = [(math.log(ms), 100 * share) for ms, share in points]
        return np.array([p for p in sorted(rows) if not any(q[0] <= p[0] and q[1] >= p[1] and q != p for q in rows)])

    ours, theirs = along(front), along(baselines)
    ms = np.linspace(max(ours[0, 0], theirs[0, 0]), math.log(max(each for each, _ in baselines)), 20001)
    percent = np.linspace(theirs[0, 1], min(ours[-1, 1], theirs[-1, 1]), 20001)
    points = np.interp(ms, *ours.T) - np.interp(ms, *theirs.T)
    ratios = np.interp(percent, *ours.T[::-1]) - np.interp(percent, *theirs.T[::-1])
    return float(points.mean()), float(np.exp(ratios.mean()))


def test_a_front_that_is_two_points_better_everywhere() -> None:
    found = gain([(8.0, 0.72), (2.0, 0.52), (4.0, 0.62)])
    assert found.equal_latency is not None
    assert found.equal_accuracy is not None
    latency, accuracy = found.equal_latency, found.equal_accuracy
    assert (latency.points, latency.least, latency.most) == pytest.approx((2.0, 2.0, 2.0))
    assert (latency.from_ms, latency.to_ms, latency.left_out) == pytest.approx((2.0, 8.0, 0))
    assert (accuracy.from_accuracy, accuracy.to_accuracy, accuracy.left_out) == pytest.approx((0.5, 0.7, 0))
    slope = 2.0**-0.2  # two points of the ten that twice the latency brings
    assert accuracy.least == pytest.approx(slope)
    assert accuracy.most == pytest.approx(1.0)  # its fastest takes as long as the fastest baseline
    assert found.sentences == (
        "At equal latency the front is better than its 3 baselines: +2.0 points in the mean over 2 to 8 ms (95 % "
        "interval +2.0 to +2.0, 3,000 test images).",
        "At equal accuracy the front is faster than its 3 baselines: it needs 0.88 of the milliseconds in the mean "
        "over 50.0 to 70.0 %, 0.87 at least and 1.00 at most.",
    )


def test_a_front_that_is_worse_is_called_so() -> None:
    found = gain([(3.0, 0.45), (8.0, 0.66)])
    assert found.equal_latency is not None
    assert found.equal_accuracy is not None
    assert found.equal_latency.points < found.equal_latency.most < 0
    assert found.equal_latency.left_out == 1
    assert found.equal_accuracy.share > 1
    assert found.equal_accuracy.left_out == 1
    latency, accuracy = found.sentences
    assert latency.startswith("At equal latency the front is worse than its 3 baselines: -")
    assert "in the mean over 3 to 8 ms" in latency
    assert latency.endswith("; 1 baseline is faster than all of the front.")
    assert accuracy.startswith("At equal accuracy the front is slower than its 3 baselines: it needs 1.")
    assert accuracy.endswith("; 1 baseline is more accurate than all of the front.")


def test_a_front_that_crosses_says_its_least_and_most() -> None:
    found = gain([(2.0, 0.4), (8.0, 0.8)])
    assert found.equal_latency is not None
    assert (found.equal_latency.points, found.equal_latency.least, found.equal_latency.most) == pytest.approx(
        (0, -10, 10)
    )
    assert found.sentences[0].endswith("3,000 test images), -10.0 at least and +10.0 at most.")


def test_a_faster_front_is_level_beyond_its_end() -> None:
    found = gain([(1.0, 0.7)], [(2.0, 0.5), (8.0, 0.7)])
    assert found.equal_latency is not None
    assert found.equal_accuracy is not None
    assert found.equal_latency.points == pytest.approx(10.0)
    assert (found.equal_accuracy.least, found.equal_accuracy.most) == pytest.approx((1 / 8, 1 / 2))


@pytest.mark.parametrize(
    ("front", "baselines"),
    [
        ([(2.5, 0.55), (5.0, 0.72)], BASELINES),
        ([(1.0, 0.3), (3.0, 0.62), (9.0, 0.65)], BASELINES),
        ([(2.0, 0.6), (6.0, 0.8)], [*BASELINES, (5.0, 0.4), (12.0, 0.65)]),  # two baselines that others beat
        ([(2.0, 0.6), (2.0, 0.5), (6.0, 0.8), (7.0, 0.7)], BASELINES),
    ],
)
def test_means_are_those_of_sums(front: Points, baselines: Points) -> None:
    found = gain(front, baselines)
    assert found.equal_latency is not None
    assert found.equal_accuracy is not None
    points, share = by_sum(front, baselines)
    assert found.equal_latency.points == pytest.approx(points, abs=2e-3)
    assert found.equal_accuracy.share == pytest.approx(share, abs=1e-3)
    assert found.equal_latency.least <= found.equal_latency.points <= found.equal_latency.most
    assert found.equal_accuracy.least <= found.equal_accuracy.share <= found.equal_accuracy.most


def test_the_same_networks_gain_nothing() -> None:
    found = gain(BASELINES, BASELINES, half=0.01)
    assert found.equal_latency is not None
    assert found.equal_accuracy is not None
    assert (found.equal_latency.points, found.equal_accuracy.share) == pytest.approx((0, 1))
    assert found.sentences[0].startswith("At equal latency the front is as good as its 3 baselines: +0.0 points in")
    assert found.sentences[1].startswith("At equal accuracy the front is as fast as its 3 baselines: it needs 1.00 of")


def test_ranges_that_do_not_meet_are_told() -> None:
    found = gain([(9.0, 0.45), (10.0, 0.48)])
    assert (found.baselines, found.equal_latency, found.equal_accuracy) == (3, None, None)
    assert found.sentences == (
        "At equal latency there is nothing to compare: the front begins at 9 ms, and the slowest of its 3 baselines "
        "takes 8 ms.",
        "At equal accuracy there is nothing to compare: the front ends at 48.0 %, and the fastest of its 3 baselines "
        "has 50.0 %.",
    )
    assert gain([(9.0, 0.9)]).equal_accuracy is not None


def test_one_baseline_is_compared_where_it_stands() -> None:
    found = gain([(2.0, 0.5), (4.0, 0.7)], [(4.0, 0.6)])
    assert found.sentences == (
        "At equal latency the front is better than its only baseline: +10.0 points at 4 ms (95 % interval +10.0 to "
        "+10.0, 3,000 test images).",
        "At equal accuracy the front is faster than its only baseline: it needs 0.71 of the milliseconds at 60.0 %.",
    )
    assert "its only baseline takes 1 ms." in gain([(2.0, 0.5)], [(1.0, 0.6)]).sentences[0]


def test_without_baselines_or_members_there_is_nothing_to_compare() -> None:
    assert gain(BASELINES, []) == Gain(
        0, None, None, ("No baseline was trained, so there is none to compare the front with.",)
    )
    assert gain([]) == Gain(3, None, None, ())


def test_of_equal_latencies_the_most_accurate_counts() -> None:
    found = gain([(4.0, 0.7), (4.0, 0.5)], [(4.0, 0.65), (4.0, 0.4)])
    assert found.equal_latency is not None
    assert found.equal_latency.points == pytest.approx(5.0)
    assert "+5.0 points at 4 ms" in found.sentences[0]


def test_members_that_a_faster_one_beats_do_not_count() -> None:
    front = best(curve(networks([(1.0, 0.5), (2.0, 0.4), (3.0, 0.6)])))
    assert front[:, 1] == pytest.approx([50.0, 60.0])


def test_the_interval_is_that_of_the_accuracies_it_is_made_of() -> None:
    alone = gain([(4.0, 0.7)], [(4.0, 0.6)], half=0.03).equal_latency
    assert alone is not None
    assert (alone.low, alone.high) == pytest.approx((10 - 3 * math.sqrt(2), 10 + 3 * math.sqrt(2)))
    front = [(2.0, 0.55), (5.0, 0.66), (8.0, 0.72)]
    found, rng = gain(front, BASELINES, half=0.01).equal_latency, np.random.default_rng(0)
    assert found is not None
    drawn = []
    for _ in range(400):
        ours, theirs = ([(ms, share + rng.normal(0, 0.01 / 1.96)) for ms, share in each] for each in (front, BASELINES))
        again = gain(ours, theirs).equal_latency
        assert again is not None
        drawn.append(again.points)
    assert found.high - found.points == pytest.approx(1.96 * np.std(drawn), rel=0.1)


@pytest.mark.parametrize("half", [0.0, 0.05])
def test_luck_is_named_where_it_may_explain_the_gain(half: float) -> None:
    said = gain([(2.0, 0.52), (8.0, 0.72)], [(2.0, 0.5), (8.0, 0.7)], half).sentences[0]
    assert ("by no more than luck explains" in said) == bool(half)
    worse = gain([(2.0, 0.48), (8.0, 0.68)], [(2.0, 0.5), (8.0, 0.7)], half).sentences[0]
    assert re.match(r"At equal latency the front is worse than its 2 baselines(, by no more.*)?: -2\.0 points", worse)
    assert ("by no more than luck explains" in worse) == bool(half)


def test_the_front_against_each_baseline_alone() -> None:
    front = [(2.0, 0.55), (4.0, 0.62), (8.0, 0.66)]
    found = gain(front, [(1.0, 0.3), (4.0, 0.6), (8.0, 0.7)], half=0.01)
    fast, middle, best_of_all = found.each
    members = networks(front, 0.01)
    assert (fast.member, fast.points) == (None, None)  # no member is as fast
    assert fast.share == pytest.approx(2.0)  # the fastest member takes twice its milliseconds
    assert middle.member == members[1].key
    assert middle.points == pytest.approx(2.0)
    assert middle.low is not None
    assert middle.high is not None
    assert middle.high - middle.low == pytest.approx(2 * math.hypot(1, 1))
    expected = math.exp(np.interp(60, [55, 62], np.log([2, 4]))) / 4
    assert middle.share == pytest.approx(expected)
    assert middle.share_low is not None
    assert middle.share_high is not None
    assert middle.share_low < middle.share < middle.share_high
    assert (best_of_all.member, best_of_all.share, best_of_all.share_high) == (None, None, None)
    assert best_of_all.points == pytest.approx(-4.0)


def test_how_far_the_front_is_behind_may_be_open() -> None:
    (found,) = gain([(2.0, 0.5), (8.0, 0.7)], [(8.0, 0.695)], half=0.02).each
    assert found.share is not None
    assert found.share_low is not None
    assert found.share_low < found.share
    assert found.share_high is None
