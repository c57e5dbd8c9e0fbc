"""nas.search.result.learning: when networks are said to have learned nothing."""

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest

from nas.results.front import DataFacts
from nas.search.result.learning import guessing, learned, learning_warnings
from tests.helpers.run_sample import sample_front


def images(*counts: int) -> DataFacts:
    """A data set with so many validation images of each class."""
    val = {f"class {number}": count for number, count in enumerate(counts)}
    return replace(sample_front().data, classes=tuple(val), val=sum(counts), counts={"val": val})


@pytest.mark.parametrize(
    ("counts", "best", "networks", "found"),
    [
        ((100, 100), 0.74, 28, True),  # two balanced classes
        ((30, 30), 0.74, 28, True),
        ((10, 10), 0.75, 1, True),
        ((100, 100), 0.53, 1, False),
        ((290, 10), 0.967, 28, False),  # one class is 96.7 % of the images
        ((290, 10), 0.97, 1, False),
        ((290, 10), 1.0, 28, True),
        ((29,) * 10, 0.11, 28, False),
        ((29,) * 10, 0.13, 28, False),  # the best of many that guess
        ((29,) * 10, 0.2, 28, True),
        ((10,) * 100, 0.03, 28, True),
        ((60, 20, 20), 0.55, 3, False),
    ],
)
def test_the_best_is_beside_the_commonest_class(counts: Sequence[int], best: float, networks: int, found: bool) -> None:
    assert learned([best] + [0.0] * (networks - 1), images(*counts)) is found


def test_networks_that_guess_are_seldom_said_to_have_learned() -> None:
    rng, data, wrong = random.Random(0), images(*[29] * 10), 0
    for _ in range(200):
        guesses = [sum(rng.random() < 0.1 for _ in range(290)) / 290 for _ in range(20)]
        wrong += bool(learned(guesses, data))
    assert wrong <= 20


def test_nothing_is_said_of_no_network() -> None:
    assert learned([], images(5, 5)) is None
    assert learning_warnings([], [], images(5, 5)) == []


def test_the_commonest_class_is_named_with_its_share() -> None:
    assert guessing(images(290, 10)) == ("class 0", 290 / 300)
    [said] = learning_warnings([0.95], [0.967], images(290, 10))
    assert said.startswith("no network learned: the best accuracy is 96.7% of 300 validation images, and always ")
    assert "answering 'class 0' is right for 96.7%" in said
    assert "confirm.epochs" in said
    assert "proxy.epochs" in said


def test_says_which_trainings_learned_nothing() -> None:
    data = images(100, 100)
    assert learning_warnings([0.9], [0.95], data) == []
    [cheap] = learning_warnings([0.5], [0.95], data)
    assert cheap.startswith("the cheap accuracies say nothing: the best accuracy is 50.0%")
    [alone] = learning_warnings([0.5], [], data)
    assert alone.startswith("no network learned: ")
    [confirmed] = learning_warnings([0.9], [0.5], data)
    assert confirmed.startswith("no network learned: ")
    assert "proxy" not in confirmed
