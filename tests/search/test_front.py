"""Fronts: who is on them, how much they cover, which candidates are confirmed."""

import math
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.search.front import choose_to_confirm, hypervolume, hypervolume_history, nondominated, ranks
from tests.helpers.search import (
    REFERENCE,
)

DIRECTIONS = ("maximize", "minimize")


@st.composite
def clouds(draw: st.DrawFn, most: int = 8) -> tuple[list[list[float]], list[str]]:
    """Points on a coarse grid, so that ties and equal points are common, and a direction for each column."""
    columns = draw(st.integers(1, 4))
    value = st.integers(0, 4).map(float)
    points = draw(st.lists(st.lists(value, min_size=columns, max_size=columns), min_size=1, max_size=most))
    return points, draw(st.lists(st.sampled_from(DIRECTIONS), min_size=columns, max_size=columns))


def better(a: list[float], b: list[float], directions: list[str]) -> bool:
    """Whether `a` dominates `b`: as good everywhere, and better somewhere."""
    signs = [1 if direction == "maximize" else -1 for direction in directions]
    gains = [sign * (x - y) for sign, x, y in zip(signs, a, b, strict=True)]
    return min(gains) >= 0 and max(gains) > 0


@given(clouds())
def test_nondominated_equals_brute_force(cloud: tuple[list[list[float]], list[str]]) -> None:
    points, directions = cloud
    expected = [
        index
        for index, point in enumerate(points)
        if not any(better(other, point, directions) for other in points) and point not in points[:index]
    ]
    assert nondominated(points, directions) == expected


@given(clouds())
def test_ranks_equal_brute_force(cloud: tuple[list[list[float]], list[str]]) -> None:
    points, directions = cloud
    left, expected, rank = set(range(len(points))), [-1] * len(points), 0
    while left:
        front = {i for i in left if not any(better(points[j], points[i], directions) for j in left)}
        for index in front:
            expected[index] = rank
        left, rank = left - front, rank + 1
    assert ranks(points, directions) == expected


def test_an_empty_front() -> None:
    assert nondominated([], ["maximize"]) == ranks([], ["maximize"]) == []
    assert hypervolume([], ("accuracy", "macs"), REFERENCE) == 0


@given(st.data(), st.sampled_from([("accuracy",), ("accuracy", "macs"), ("latency", "accuracy", "memory")]))
def test_hypervolume_equals_inclusion_and_exclusion(data: st.DataObject, objectives: tuple[str, ...]) -> None:
    share = st.floats(0, 1.2)
    points = data.draw(st.lists(st.tuples(*[share] * len(objectives)), max_size=5))
    scaled = [
        [1 - p if name == "accuracy" else p * REFERENCE[name] for name, p in zip(objectives, point, strict=True)]
        for point in points
    ]  # p is the loss where the reference accuracy is 0
    losses = [point for point in points if max(point) < 1]
    expected = 0.0
    for size in range(1, len(losses) + 1):
        for some in combinations(losses, size):
            expected -= (-1) ** size * math.prod(1 - max(column) for column in zip(*some, strict=True))
    assert hypervolume(scaled, objectives, {**REFERENCE, "accuracy": 0}) == pytest.approx(expected, abs=1e-9)


def test_hypervolume_by_hand() -> None:
    reference = {"accuracy": 0.5, "latency": 10.0}
    assert hypervolume([[0.75, 5]], ("accuracy", "latency"), reference) == pytest.approx(0.25)
    assert hypervolume([[0.75, 5], [1.0, 8]], ("accuracy", "latency"), reference) == pytest.approx(0.25 + 0.2 * 0.5 + 0)
    assert hypervolume([[0.5, 1], [0.9, 10]], ("accuracy", "latency"), reference) == 0


def test_hypervolume_history_never_falls_and_ends_at_the_whole() -> None:
    rng = np.random.default_rng(0)
    points = np.stack([rng.random(30), 2 * rng.random(30)], axis=1).tolist()
    history = hypervolume_history(points, ("accuracy", "latency"), REFERENCE)
    assert len(history) == 30
    assert all(a <= b for a, b in pairwise(history))
    assert history[-1] == hypervolume(points, ("accuracy", "latency"), REFERENCE) > history[0]


def test_hypervolume_history_is_that_of_each_beginning() -> None:
    rng = np.random.default_rng(1)
    points = np.stack([rng.random(60), 3 * rng.random(60)], axis=1).tolist()  # some beyond the reference
    objectives = ("accuracy", "latency")
    expected = [hypervolume(points[: n + 1], objectives, REFERENCE) for n in range(60)]
    assert hypervolume_history(points, objectives, REFERENCE) == pytest.approx(expected, abs=1e-12)


@given(clouds(), st.integers(1, 10))
def test_candidates_to_confirm_take_front_after_front(cloud: tuple[list[list[float]], list[str]], n: int) -> None:
    points, directions = cloud
    chosen = choose_to_confirm(points, directions, n)
    assert len(chosen) == len(set(chosen)) == min(n, len(points))
    order = [ranks(points, directions)[index] for index in chosen]
    assert order == sorted(order)
    for rank in set(order) - {max(order)}:  # only the last front may be cut
        assert order.count(rank) == ranks(points, directions).count(rank)


def test_candidates_to_confirm_take_ends_and_middle_before_neighbours() -> None:
    points = [[0.1, 1], [0.5, 3], [0.51, 3.1], [0.52, 3.2], [0.9, 9], [0.2, 8]]
    chosen = choose_to_confirm(points, ["maximize", "minimize"], 3)
    assert len({0, 4} & set(chosen)) == 2
    assert len({1, 2, 3} & set(chosen)) == 1
