"""Learning rates over a training: from the share of it that is done, 0..1, to a share of the peak, 0..1."""

import math
from collections.abc import Callable, Mapping

Schedule = Callable[[float], float]

RISE = 0.3  # of the one cycle
WARM_UP = 0.05  # before the cosine
CYCLES = 4
SWING = 0.05  # of momentum, up and down, in the one cycle
_START = 1 / 25  # of the one cycle


def one_cycle(done: float) -> float:
    """Up from 1/25 along a cosine, then down to nothing (Smith & Topin 2018, arXiv:1708.07120)."""
    return _cosine(_START, 1, done / RISE) if done < RISE else _cosine(1, 0, (done - RISE) / (1 - RISE))


def cosine(done: float) -> float:
    """Up in a straight line, then down along a cosine (Loshchilov & Hutter 2017, arXiv:1608.03983, no restarts)."""
    return done / WARM_UP if done < WARM_UP else _cosine(1, 0, (done - WARM_UP) / (1 - WARM_UP))


def cyclical(done: float) -> float:
    """Triangles one after the other, each from nothing to the peak and back (Smith 2017, arXiv:1506.01186)."""
    return 1 - abs(1 - 2 * (done * CYCLES % 1))


def constant(done: float) -> float:
    """The peak all the time: what others are compared with."""
    return 1.0


SCHEDULES: Mapping[str, Schedule] = {
    "one_cycle": one_cycle,
    "cosine": cosine,
    "cyclical": cyclical,
    "constant": constant,
}


def rates(name: str, steps: int) -> Callable[[int], float]:
    """The share of the peak at each step of `steps`: that at the middle of the step."""
    schedule = SCHEDULES[name]
    return lambda step: schedule((min(step, steps - 1) + 0.5) / steps)


def _cosine(start: float, end: float, done: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * done)) / 2
