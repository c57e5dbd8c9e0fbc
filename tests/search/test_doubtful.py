"""nas.search.doubtful, nas.latency.doubtful: what is allowed and hardly meant is said before a search begins."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from nas.latency.doubtful import doubtful_times
from nas.latency.profile import HardwareProfile, known_labels, load_profile
from nas.problem import Problem
from nas.search.doubtful import doubts, remarks
from nas.spaces.budget import Budget
from nas.spaces.load import load_space
from tests.helpers.run_sample import sample_front
from tests.whole.test_run_folder import settings_of


def said(*overrides: str) -> list[str]:
    """What is doubtful about a search with these settings, of the sample's images."""
    settings = settings_of("hardware=pixel4", "search_space=tiny", "budget=null", *overrides)
    space = load_space(settings.search_space).with_data(1, 10)
    problem = Problem(space, load_profile(settings.devices[0]), Budget.parse(settings.budget), settings.objectives)
    return doubts(settings, problem, sample_front().data)


def parsed(budget: str) -> Budget:
    return Budget.parse(settings_of(f"budget={budget}").budget)


@pytest.mark.parametrize(
    ("budget", "expected"),
    [
        ("900G", "the limit of 9e+05M MACs excludes none of the networks of tiny"),
        ("60000ms", "the limit of 6e+04 ms excludes none of the networks of tiny"),
        ("[1M,9GB-ram]", "the limit of 9000 MB RAM excludes none of the networks of tiny"),
    ],
)
def test_a_limit_that_excludes_nothing_is_remarked_in_a_sentence(budget: str, expected: str) -> None:
    assert remarks(Problem(load_space("tiny").with_data(1, 10), load_profile("pixel4"), parsed(budget))) == [expected]
    assert said(f"budget={budget}") == []


def test_megabytes_where_multiply_accumulates_may_be_meant() -> None:
    expected = "the limit of 300 MB excludes none of the networks of tiny; for multiply-accumulates write 300M"
    assert said("budget=300Mb") == [expected]
    assert remarks(Problem(load_space("tiny").with_data(1, 10), load_profile("pixel4"), parsed("300Mb"))) == []


def test_nothing_is_said_of_limits_that_bind_and_of_usual_settings() -> None:
    assert said() == []
    assert said("budget=1M") == []
    assert said("proxy=supernet") == []


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (("proxy.epochs=9", "confirm.epochs=2", "proxy.images=null"), "proxy.epochs=9"),
        (("rungs=[short,long]", "long.epochs=20", "confirm.epochs=2"), "long.epochs=20"),
        (("rungs=[score]", "proxy.epochs=9", "confirm.epochs=2"), None),
        (("proxy.epochs=9", "confirm.epochs=2", "proxy.images=100"), None),  # sees fewer images, all together
    ],
)
def test_a_confirmation_shorter_than_the_search(overrides: tuple[str, ...], expected: str | None) -> None:
    found = said(*overrides)
    assert len(found) == (expected is not None)
    assert all(expected in each and "confirm.epochs=2 is a shorter training" in each for each in found if expected)


@pytest.mark.parametrize(
    ("overrides", "pixels"),
    [
        (("init=mine.pth", "proxy=short", "proxy.resolution=12"), 12),
        (("init=mine.pth", "proxy=score", "proxy.resolution=15"), 15),
        (("init=mine.pth", "proxy=probe"), None),
        (("init=mine.pth", "proxy=short", "proxy.resolution=null"), None),
        (("proxy=short", "proxy.resolution=12"), None),
    ],
)
def test_pretrained_features_that_see_few_pixels(overrides: tuple[str, ...], pixels: int | None) -> None:
    found = said(*overrides)
    assert len(found) == (pixels is not None)
    assert all(f"proxy.resolution={pixels} shows networks of 32 pixels little" in each for each in found)


def test_unbalanced_classes() -> None:
    data = replace(sample_front().data, counts={"train": {"a": 90, "b": 10}})
    settings = settings_of("hardware=pixel4", "search_space=tiny", "budget=null")
    problem = Problem(load_space("tiny").with_data(1, 2), load_profile("pixel4"), Budget())
    [found] = doubts(settings, problem, data)
    assert found.startswith("unbalanced classes: 90 training images of 'a'")


def timed(times: Callable[[int, float], float]) -> HardwareProfile:
    """pixel4 with other times, of the place of a network and its own."""
    profile = load_profile("pixel4")
    ordered = sorted(profile.measurements, key=lambda row: row.ms)
    return replace(
        profile, measurements=tuple(replace(row, ms=times(index, row.ms)) for index, row in enumerate(ordered))
    )


@pytest.mark.parametrize(
    ("times", "says"),
    [
        (lambda index, ms: 5.0, "all 18 networks take 5 to 5 ms"),
        (lambda index, ms: 5 + index / 1000, "all 18 networks take 5 to 5.017 ms"),
        (lambda index, ms: 1e9 * ms, "fdmobilenet_wd4 is given 1.995e+09 ms; the unit is the millisecond"),
        (lambda index, ms: 1e-9 * ms, "fdmobilenet_wd4 is given 1.995e-09 ms; the unit is the millisecond"),
        (lambda index, ms: 100 / ms, "the more a network computes, the less time it takes"),
    ],
)
def test_doubtful_times(times: Callable[[int, float], float], says: str) -> None:
    found = doubtful_times(timed(times))
    assert found
    assert all(each.startswith("the times of pixel4:1large_fp32 are doubtful: ") for each in found)
    assert any(says in each for each in found), found


@pytest.mark.parametrize("label", known_labels())
def test_the_times_of_shipped_profiles_are_not_doubtful(label: str) -> None:
    assert doubtful_times(load_profile(label)) == []
