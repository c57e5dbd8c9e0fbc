"""How long a stage will still take: what its steps took, and how far apart they were.

A step that ended `HALVES` steps ago counts half of the last. Steps are taken for independent, so n of them take n times
the mean, with a variance of n + n^2/k times theirs, where k steps tell the mean; one whose share of the work is known
counts as so many. Networks differ in size by a hundred times, so the first steps say little: a single figure is given
where 8 of 10 should be within 30 % of it, else a range that should hold 8 of 10.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

HALVES = 16
SINGLE = 0.3
_EIGHTY = 1.2816
"""Standard deviations to both sides of a normal distribution's mean that hold 80 % of it."""
_FEWEST = 3


@dataclass(frozen=True, slots=True)
class Left:
    """Seconds, from `low` to `high`."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return self.said(clock)

    def said(self, text: Callable[[float], str]) -> str:
        """Such as 12:30, or 9:00 to 15:00 where a single figure would say too much; `text` says seconds."""
        low, high = text(self.low), text(self.high)
        is_single = low == high or self.high - self.value <= SINGLE * self.value
        return text(self.value) if is_single else f"{low} to {high}"


class TimeLeft:
    """Told of a stage and its steps as they end, it says what is left."""

    def __init__(self, now: Callable[[], float] | None = None) -> None:
        self._now = now or time.monotonic
        self.begin(0)

    def begin(self, steps: int, seconds: float | None = None) -> None:
        """A stage of so many `steps`, which ends after so many `seconds` at the latest."""
        self._steps, self._took, self._worth = steps, list[float](), list[float]()
        self._last = self._began = self._now()
        self._limit = math.inf if seconds is None else seconds

    def step(self, share: float | None = None) -> None:
        """One of them has ended, which was that `share` of the work; None: as much as any."""
        now = self._now()
        self._took.append(now - self._last)
        self._worth.append(1.0 if share is None else share * self._steps)
        self._last = now

    def left(self) -> Left | None:
        """From now on; None before three steps tell how long one takes."""
        known = len(self._took)
        n = max(0.0, self._steps - sum(self._worth))
        until_limit = self._limit - (self._now() - self._began)
        if known >= self._steps:
            return Left(0, 0, 0)
        if known < _FEWEST:
            return None
        weights = [0.5 ** ((known - 1 - index) / HALVES) for index in range(known)]
        total = sum(weights)
        steps = list(zip(weights, self._took, self._worth, strict=True))
        mean = sum(w * took for w, took, _ in steps) / sum(w * worth for w, _, worth in steps)
        tell = total**2 / sum(w * w for w in weights)
        variance = sum(w * (took - mean * worth) ** 2 for w, took, worth in steps) / total
        variance *= tell / (tell - 1)
        error = _EIGHTY * math.sqrt(variance * (n + n * n / tell))
        gone = self._now() - self._last
        ends = (n * mean - gone, n * mean - error - gone, n * mean + error - gone)
        return Left(*(min(max(end, 0.0), until_limit) for end in ends))


def clock(seconds: float) -> str:
    """Such as 0:07, 12:30 or 1:02:03."""
    minutes, rest = divmod(round(max(seconds, 0.0)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
