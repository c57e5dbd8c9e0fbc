"""Evaluations that sleep, for `benchmarks.scaling`, in a module of their own since workers import them."""

import time

from benchmarks.load import evaluate
from nas.proxies.base import Evaluation
from nas.spaces.architecture import Architecture
from nas.spaces.cost import cost

SHORTEST_S, LONGEST_S = 0.5, 5.0


def seconds(arch: Architecture) -> float:
    """How long the evaluation of a network takes."""
    return SHORTEST_S + (LONGEST_S - SHORTEST_S) * int(arch.key[-6:], 16) / 16**6


def sleep(length: float) -> None:
    """In a worker, which has then imported what evaluations need."""
    time.sleep(length)


def sleeping(fraction: float, arch: Architecture) -> Evaluation:
    """A made-up evaluation that takes `fraction` of the network's time."""
    time.sleep(fraction * seconds(arch))
    return evaluate(arch, cost(arch).macs)
