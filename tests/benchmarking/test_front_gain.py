"""What the small benchmarks compute from a run or a table, checked by hand-made cases."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from benchmarks.front_gain import at, best, curve, mean_gain, report
from tests.helpers.run_sample import sample_front


def at_point(network: Any, ms: float, accuracy: float, **changes: Any) -> Any:
    """A member or a baseline of that latency and accuracy."""
    latency = replace(network.latency_ms, value=ms, low=ms, high=ms)
    costs = {**network.costs, "latency_ms": latency}
    return replace(network, costs=costs, accuracy=replace(network.accuracy, value=accuracy), **changes)


def test_a_front_that_is_two_points_better_everywhere_gains_two_points() -> None:
    reference = curve([(2.0, 0.5), (4.0, 0.6), (8.0, 0.7)])
    front = curve([(8.0, 0.72), (2.0, 0.52), (4.0, 0.62)])
    assert mean_gain(front, reference) == pytest.approx(2.0)
    assert at(front, reference[:, 0]) - reference[:, 1] == pytest.approx([2.0, 2.0, 2.0])


def test_a_front_gains_by_being_faster_and_is_level_beyond_its_end() -> None:
    reference = curve([(2.0, 0.5), (8.0, 0.7)])
    front = curve([(1.0, 0.7)])
    assert mean_gain(front, reference) == pytest.approx(10.0, abs=0.01)


def test_members_that_a_faster_one_beats_do_not_count() -> None:
    front = best(curve([(1.0, 0.5), (2.0, 0.4), (3.0, 0.6)]))
    assert front[:, 1] == pytest.approx([50.0, 60.0])


def test_nothing_is_said_where_all_members_are_slower() -> None:
    reference, front = curve([(2.0, 0.5), (4.0, 0.6)]), curve([(5.0, 0.9)])
    assert math.isnan(mean_gain(front, reference))
    assert np.isnan(at(front, reference[:, 0])).all()
    sample = sample_front()
    members = (at_point(sample.front[0], 5.0, 0.9),)
    one = at_point(sample.baselines[0], 2.0, 0.5, name="mobilenet_v1_w0.5_r224")
    text = report(replace(sample, front=members, baselines=(one,)))
    assert "mobilenet_v1: no member of the front is as fast" in text
    other = at_point(sample.baselines[0], 6.0, 0.8, name="mobilenet_v1_w1_r224")
    text = report(replace(sample, front=members, baselines=(one, other)))
    assert "mobilenet_v1: +10.0 points at its networks' latencies (1)" in text
