"""What a front gains over its baselines, at equal latency and at equal accuracy.

Networks are compared by their best: those that a faster and more accurate one of the same side beats do not count.
Between the best, accuracy is linear in the logarithm of the latency, for the front and the baselines alike. Beyond its
slowest network a side stays level, and a lower accuracy than that of its fastest network takes as long as that one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nas.results.codec import Count, Finite, Share
from nas.results.member import Baseline, Member

Floats = NDArray[np.float64]
Curve = Floats
"""Networks by latency: rows (ln ms, accuracy in points, half of its 95 % interval)."""


@dataclass(frozen=True, slots=True)
class EqualLatency:
    """How much more accurate the front is at equal latency, in percentage points; below 0 it is worse."""

    points: Finite
    """the mean over the latencies, all ratios of latency weighing alike"""
    low: Finite
    """lower end of the mean's 95 % interval, by those of the accuracies as if they were independent: networks judged on
    the same images are told apart rather better"""
    high: Finite
    """upper end of that interval"""
    least: Finite
    """the difference where it is smallest"""
    most: Finite
    """the difference where it is largest"""
    from_ms: Finite
    """of the fastest baseline, or of the front's fastest member if that is slower"""
    to_ms: Finite
    """of the slowest baseline"""
    left_out: Count
    """baselines that are faster than all of the front"""


@dataclass(frozen=True, slots=True)
class EqualAccuracy:
    """Which share of the baselines' milliseconds the front needs for equal accuracy; above 1 it is slower."""

    share: Finite
    """the geometric mean over the accuracies"""
    least: Finite
    """the share where it is smallest"""
    most: Finite
    """the share where it is largest"""
    from_accuracy: Share
    """of the fastest baseline"""
    to_accuracy: Share
    """of the most accurate baseline, or of the front's most accurate member if that is less"""
    left_out: Count
    """baselines that are more accurate than all of the front"""


@dataclass(frozen=True, slots=True)
class AgainstOne:
    """The front against one baseline; intervals are 95 %, of accuracies as if they were independent."""

    baseline: str
    """its name"""
    member: str | None
    """the key of the most accurate member among those that are no slower; null where none is as accurate"""
    points: Finite | None
    """percentage points that the front is more accurate at the baseline's latency; null where all of it is slower"""
    low: Finite | None
    """lower end of their interval"""
    high: Finite | None
    """upper end of their interval"""
    share: Finite | None
    """of the baseline's milliseconds that the front needs for its accuracy; null where all of it is less accurate"""
    share_low: Finite | None
    """lower end of its interval: where the front is as much better as the accuracies leave possible"""
    share_high: Finite | None
    """upper end of its interval; null where the accuracies leave open that all of the front is less accurate"""


@dataclass(frozen=True, slots=True)
class Gain:
    """What the front gains over the baselines, by accuracy on the test images."""

    baselines: Count
    """how many there are"""
    equal_latency: EqualLatency | None
    """null without baselines, or where every one is faster than all of the front"""
    equal_accuracy: EqualAccuracy | None
    """null without baselines, or where the fastest is more accurate than all of the front"""
    sentences: tuple[str, ...]
    """both as the report says them"""
    each: tuple[AgainstOne, ...] = ()
    """the front against every baseline alone"""


def gain_over(baselines: Sequence[Baseline], members: Sequence[Member], images: int) -> Gain:
    """What a front of `members` gains over `baselines`, all judged on so many test `images`."""
    if not members:
        return Gain(len(baselines), None, None, ())
    if not baselines:
        return Gain(0, None, None, ("No baseline was trained, so there is none to compare the front with.",))
    ours, theirs = curve(members), curve(baselines)
    latency, accuracy = equal_latency(ours, theirs), equal_accuracy(ours, theirs)
    sentences = (_at_equal_latency(latency, ours, theirs, images), _at_equal_accuracy(accuracy, ours, theirs))
    return Gain(len(baselines), latency, accuracy, sentences, tuple(against(each, members) for each in baselines))


def against(baseline: Baseline, members: Sequence[Member]) -> AgainstOne:
    """The front of `members` against `baseline` alone."""
    ours, theirs = curve(members), curve([baseline])
    ms, level, half = theirs[0]
    front = best(ours)
    better = [
        each
        for each in members
        if each.latency_ms.value <= baseline.latency_ms.value and each.accuracy.value >= baseline.accuracy.value
    ]
    beats = max(better, key=lambda each: each.accuracy.value, default=None)
    gained = equal_latency(ours, theirs)
    doubt = float(np.hypot(half, np.interp(level, front[:, 1], front[:, 2])))

    def share(accuracy: float) -> float | None:
        if accuracy > front[-1, 1]:
            return None
        return float(np.exp(np.interp(accuracy, front[:, 1], front[:, 0]) - ms))

    needed = share(level)
    return AgainstOne(
        baseline=baseline.name,
        member=beats.key if beats else None,
        points=gained.points if gained else None,
        low=gained.low if gained else None,
        high=gained.high if gained else None,
        share=needed,
        share_low=share(level - doubt) if needed is not None else None,
        share_high=share(level + doubt) if needed is not None else None,
    )


def curve(networks: Iterable[Member | Baseline]) -> Curve:
    """The networks as a curve; of those of equal latency the most accurate is first."""
    rows = [
        (np.log(each.latency_ms.value), 100 * found.value, 50 * (found.high - found.low))
        for each in networks
        for found in (each.accuracy,)
    ]
    return np.array(sorted(rows, key=lambda row: (row[0], -row[1])))


def best(networks: Curve) -> Curve:
    """The networks without those that another beats: accuracy rises along what is left."""
    accuracies = networks[:, 1]
    return networks[accuracies > np.concatenate([[-np.inf], np.maximum.accumulate(accuracies)[:-1]])]


def equal_latency(ours: Curve, theirs: Curve) -> EqualLatency | None:
    """The gain at equal latency; None where all of `ours` are slower than `theirs`."""
    low, high = max(theirs[0, 0], ours[0, 0]), theirs[-1, 0]
    if low > high:
        return None
    front, known = best(ours), best(theirs)
    where, points = difference(front[:, :2], known[:, :2], low, high)
    mean = mean_along(where, points)
    half = float(np.hypot(_doubt(where, front), _doubt(where, known)))
    ends = (float(np.exp(low)), float(np.exp(high)), int((theirs[:, 0] < low).sum()))
    return EqualLatency(mean, mean - half, mean + half, float(points.min()), float(points.max()), *ends)


def equal_accuracy(ours: Curve, theirs: Curve) -> EqualAccuracy | None:
    """The gain at equal accuracy; None where the fastest of `theirs` is more accurate than `ours`."""
    front, known = best(ours), best(theirs)
    low, high = known[0, 1], min(known[-1, 1], front[-1, 1])
    if low > high:
        return None
    where, ratio = difference(front[:, 1::-1], known[:, 1::-1], low, high)
    mean, least, most = map(float, np.exp([mean_along(where, ratio), ratio.min(), ratio.max()]))
    return EqualAccuracy(mean, least, most, float(low) / 100, float(high) / 100, int((theirs[:, 1] > high).sum()))


def difference(ours: Floats, theirs: Floats, low: float, high: float) -> tuple[Floats, Floats]:
    """`ours` minus `theirs`, both rows (x, y), from `low` to `high`: x and y of where it bends."""
    where = np.unique(np.clip(np.concatenate([ours[:, 0], theirs[:, 0], [low, high]]), low, high))
    return where, np.interp(where, *ours.T) - np.interp(where, *theirs.T)


def mean_along(where: Floats, values: Floats) -> float:
    """The mean of what is straight between these values at `where`."""
    return float(np.trapezoid(values, where) / (where[-1] - where[0]) if len(where) > 1 else values[0])


def _doubt(where: Floats, networks: Curve) -> float:
    """Half of the 95 % interval of the mean accuracy along `where`, a weighted sum of the networks' accuracies."""
    weights = [mean_along(where, np.interp(where, networks[:, 0], one)) for one in np.eye(len(networks))]
    return float(np.linalg.norm(np.array(weights) * networks[:, 2]))


def _at_equal_latency(found: EqualLatency | None, ours: Curve, theirs: Curve, images: int) -> str:
    if found is None:
        slowest, fastest = np.exp([theirs[-1, 0], ours[0, 0]])
        return (
            f"At equal latency there is nothing to compare: the front begins at {fastest:.3g} ms, and "
            f"{_baselines(theirs, 'the slowest of ')} takes {slowest:.3g} ms."
        )
    points, low, high, least, most = map(_signed, (found.points, found.low, found.high, found.least, found.most))
    verdict = "as good as" if points == "+0.0" else "better than" if found.points > 0 else "worse than"
    luck = ", by no more than luck explains" if found.low <= 0 <= found.high and points != "+0.0" else ""
    return (
        f"At equal latency the front is {verdict} {_baselines(theirs)}{luck}: {points} points "
        f"{_where(f'{found.from_ms:.3g}', f'{found.to_ms:.3g}', 'ms')} (95 % interval {low} to {high}, {images:,} test "
        f"images){_ends(least, most)}{_left_out(found.left_out, 'faster')}."
    )


def _at_equal_accuracy(found: EqualAccuracy | None, ours: Curve, theirs: Curve) -> str:
    if found is None:
        return (
            f"At equal accuracy there is nothing to compare: the front ends at {ours[:, 1].max():.1f} %, and "
            f"{_baselines(theirs, 'the fastest of ')} has {theirs[0, 1]:.1f} %."
        )
    low, high = (f"{100 * accuracy:.1f}" for accuracy in (found.from_accuracy, found.to_accuracy))
    share = f"{found.share:.2f}"
    verdict = "as fast as" if share == "1.00" else "faster than" if found.share < 1 else "slower than"
    return (
        f"At equal accuracy the front is {verdict} {_baselines(theirs)}: it needs {share} of the milliseconds "
        f"{_where(low, high, '%')}"
        f"{_ends(f'{found.least:.2f}', f'{found.most:.2f}')}{_left_out(found.left_out, 'more accurate')}."
    )


def _baselines(theirs: Curve, one_of: str = "") -> str:
    return "its only baseline" if len(theirs) == 1 else f"{one_of}its {len(theirs)} baselines"


def _signed(points: float) -> str:
    return f"{round(points, 1) + 0.0:+.1f}"  # no -0.0


def _where(low: str, high: str, unit: str) -> str:
    return f"at {low} {unit}" if low == high else f"in the mean over {low} to {high} {unit}"


def _ends(least: str, most: str) -> str:
    return "" if least == most else f", {least} at least and {most} at most"


def _left_out(count: int, how: str) -> str:
    return f"; {count} {'baseline is' if count == 1 else 'baselines are'} {how} than all of the front" if count else ""
