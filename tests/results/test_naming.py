"""What networks are called, and which of a front is recommended."""

from dataclasses import replace

import pytest

from nas.measures import COSTS
from nas.results.choice import is_wide, knee, near_best, recommended, within
from nas.results.named import find_member
from nas.results.naming import cost_text, member_labels, member_names
from nas.results.ordering import ordered
from tests.helpers.run_sample import Points, budget, networks, sample_front

LATENCY = COSTS["latency"]


def test_members_are_named_by_number_accuracy_and_cost() -> None:
    front = sample_front()
    names = member_names(front)
    assert set(names) == {member.key for member in front.confirmed}
    assert list(names.values())[:3] == ["m1 · 90.5 % · 5.2 ms", "m2 · 93.4 % · 7.3 ms", "m3 · 94.8 % · 10.4 ms"]
    assert list(names.values())[6] == "c1 · 90.4 % · 9.1 ms"
    by_macs = member_names(replace(front, objectives=("accuracy", "macs")))
    assert by_macs[front.front[0].key] == "m1 · 90.5 % · 38M MACs"


def test_a_name_is_what_commands_take() -> None:
    front = sample_front()
    for key, label in list(member_labels(front).items())[: len(front.front)]:
        assert find_member(front, label, "RUN").key == key
        assert find_member(front, int(label[1:]), "RUN").key == key


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0312, "0.031 ms"), (2.2, "2.2 ms"), (9.94, "9.9 ms"), (9.96, "9.96 ms"), (22.25, "22.2 ms"), (312.4, "312 ms")],
)
def test_costs_have_two_or_three_figures(value: float, text: str) -> None:
    assert cost_text(value, LATENCY) == text


KNEED: Points = [(2.0, 0.80), (4.0, 0.95), (8.0, 0.96), (16.0, 0.97)]


@pytest.mark.parametrize(("points", "expected"), [(KNEED, 4.0), ([(2.0, 0.8), (4.0, 0.9)], None), ([(3.0, 0.9)], None)])
def test_the_knee_is_farthest_above_the_line(points: Points, expected: float | None) -> None:
    found = knee(networks(points), LATENCY)
    assert (found and found.latency_ms.value) == expected


def test_the_knee_is_by_ratio_where_costs_span_much() -> None:
    straight: Points = [(1.0, 0.6), (10.0, 0.7), (100.0, 0.8)]
    assert knee(networks(straight), LATENCY) is None
    narrow: Points = [(10.0, 0.6), (14.0, 0.65), (20.0, 0.66)]
    assert knee(networks(narrow), LATENCY).latency_ms.value == 14.0
    assert not is_wide([10, 20])
    assert is_wide([1, 100])
    assert not is_wide([0, 100])
    assert not is_wide([])


def test_recommends_by_the_limit_or_near_the_best() -> None:
    front = replace(sample_front(), front=tuple(networks(KNEED)), budget=budget(("300M",), macs=3e8))
    found = recommended(front)
    assert found
    assert (found.member.latency_ms.value, found.why) == (8.0, "near")
    for limit, expected, why in ((10.0, 8.0, "limit"), (1.0, 2.0, "over"), (30.0, 16.0, "limit")):
        limited = replace(front, budget=budget((f"{limit}ms",), latency_ms=limit))
        found = recommended(limited)
        assert found
        assert (found.member.latency_ms.value, found.why) == (expected, why)
    only = recommended(replace(front, front=front.front[:1]))
    assert only
    assert only.why == "only"
    assert recommended(replace(front, front=())) is None
    assert recommended(replace(front, learned=False)) is None


def test_near_the_best_gives_up_at_most_what_it_may() -> None:
    members = networks(KNEED)
    for near, expected in ((0.0, 16.0), (0.01, 8.0), (0.02, 4.0), (0.5, 2.0)):
        assert near_best(members, LATENCY, near).latency_ms.value == expected
    assert ordered(members, LATENCY) == members
    assert len(within(members, LATENCY, 8.0)) == 3
