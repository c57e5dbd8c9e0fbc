"""What the table of a front beside its baselines says, checked by hand-made cases."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from benchmarks.front_gain import at, mean_gain, report
from nas.results.gain import curve, gain_over
from tests.helpers.run_sample import networks, sample_front


def row(points: list[tuple[float, float]]) -> Any:
    return curve(networks(points))


def test_a_front_that_is_two_points_better_everywhere_gains_two_points() -> None:
    reference = row([(2.0, 0.5), (4.0, 0.6), (8.0, 0.7)])
    front = row([(8.0, 0.72), (2.0, 0.52), (4.0, 0.62)])
    assert mean_gain(front, reference) == pytest.approx(2.0)
    assert at(front, reference[:, 0]) - reference[:, 1] == pytest.approx([2.0, 2.0, 2.0])


def test_a_front_gains_by_being_faster_and_is_level_beyond_its_end() -> None:
    assert mean_gain(row([(1.0, 0.7)]), row([(2.0, 0.5), (8.0, 0.7)])) == pytest.approx(10.0)


def test_all_networks_of_a_family_count() -> None:
    family = row([(1.0, 0.5), (math.e, 0.4), (math.e**2, 0.6)])
    assert mean_gain(row([(1.0, 0.5)]), family) == pytest.approx(50 - (45 + 50) / 2)


def test_nothing_is_said_where_all_members_are_slower() -> None:
    reference, front = row([(2.0, 0.5), (4.0, 0.6)]), row([(5.0, 0.9)])
    assert math.isnan(mean_gain(front, reference))
    assert np.isnan(at(front, reference[:, 0])).all()
    members = tuple(networks([(5.0, 0.9)]))
    one, other = networks([(2.0, 0.5), (6.0, 0.8)], kind="baselines")
    one, other = replace(one, name="mobilenet_v1_w0.5_r224"), replace(other, name="mobilenet_v1_w1_r224")
    text = report(replace(sample_front(), front=members, baselines=(one,)))
    assert "mobilenet_v1: no member of the front is as fast" in text
    gain = gain_over((one, other), members, 3000)
    text = report(replace(sample_front(), front=members, baselines=(one, other), gain=gain))
    assert "mobilenet_v1: +10.0 points at its networks' latencies (1)" in text
    assert text.endswith("\n".join(gain.sentences))


def test_networks_of_several_resolutions_are_one_family() -> None:
    one, other = networks([(2.0, 0.5), (4.0, 0.6)], kind="baselines")
    named = (replace(one, name="efficientnet_lite0_r64"), replace(other, name="efficientnet_lite0_r96"))
    text = report(replace(sample_front(), front=tuple(networks([(2.0, 0.7)])), baselines=named))
    assert "efficientnet_lite0: +15.0 points at its networks' latencies (2), +15.0 in the mean over its range" in text
