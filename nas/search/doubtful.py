"""What a search is asked for that is allowed and hardly meant; said before it begins, and in its report."""

from collections.abc import Iterator

from nas.data.images import imbalance, unjudged
from nas.latency.doubtful import doubtful_times
from nas.nets.pretrained import NONE
from nas.problem import Problem
from nas.results.front import DataFacts
from nas.search.evaluations import rung_names
from nas.search.settings import SearchSettings
from nas.spaces.budget import Budget, show

_FEW = 1e-3
_BYTES = "weight_bytes"  # `300MB`, where `300M` was meant, limits these


def doubts(settings: SearchSettings, problem: Problem, data: DataFacts) -> list[str]:
    """What is doubtful about `settings`, the `problem` they state, and the images, in sentences."""
    of_images = (unjudged(data.counts), imbalance(data.counts["train"]))
    return [
        *(doubt for profile in problem.profiles for doubt in doubtful_times(profile)),
        *(
            f"{said}; for multiply-accumulates write {limit / 1e6:g}M"
            for field, limit, said in _loose(problem)
            if field == _BYTES
        ),
        *_confirmation(settings, data.train),
        *_pixels(settings, max(problem.space.resolution)),
        *(doubt for doubt in of_images if doubt),
    ]


def remarks(problem: Problem) -> list[str]:
    """What is no doubt, and worth knowing: the limits that exclude next to nothing, in a sentence each."""
    return [said for field, _, said in _loose(problem) if field != _BYTES]


def _loose(problem: Problem) -> Iterator[tuple[str, float, str]]:
    """The limits that exclude next to no network of the space, with a sentence that says so."""
    every = problem.space.count().high
    for field, limit in problem.budget.limits.items():
        alone = Budget(**{field: limit})
        inside = problem.space.count(alone, precision=problem.profile.precision, costs=problem.costs)
        if inside.low >= every * (1 - _FEW):
            few = "none" if inside.low == every else "fewer than one in a thousand"
            said = f"the limit of {show(field, limit)} excludes {few} of the networks of {problem.space.name}"
            yield field, limit, said


def _confirmation(settings: SearchSettings, images: int) -> Iterator[str]:
    """Where the search trains longer than the confirmation of what it found."""
    proxy, confirm = settings.proxy, settings.confirm
    if proxy.name != "short" or (top := rung_names(settings)[-1]) == "score":
        return
    name, epochs = ("long.epochs", settings.long.epochs) if top == "long" else ("proxy.epochs", proxy.epochs)
    seen = min(proxy.images or images, images)
    longest = confirm.passes(images, pretrained=settings.init != NONE)
    if longest * images < epochs * seen:
        yield (
            f"confirm.epochs={longest} is a shorter training than the search's own, {name}={epochs}: the "
            f"confirmed accuracies may be below the cheap ones; raise confirm.epochs to {epochs} or more"
        )


def _pixels(settings: SearchSettings, largest: int) -> Iterator[str]:
    """Where pretrained features are judged on images far smaller than those they are cut out for."""
    pixels = settings.proxy_pixels or largest
    if settings.init != NONE and 2 * pixels < largest:
        yield (
            f"proxy.resolution={pixels} shows networks of {largest} pixels little of what pretrained weights know; "
            "take proxy=probe, or proxy.resolution=null"
        )
