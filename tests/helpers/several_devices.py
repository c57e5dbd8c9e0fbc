"""The made-up run of run_sample.py as a search on several devices."""

from dataclasses import replace
from typing import Any

from nas.results.costs import DEVICES
from nas.results.front import Front
from nas.results.gain import gain_over
from nas.results.several import OneDevice, Several, Trainings, own_front, seen_on
from tests.helpers.run_sample import sample_front

BUDGET = {"pixel4": 20.0, "slow_board": 90.0}


def several_front() -> Front:
    """The sample on two devices; the second is four times slower, and slowest for every other network."""
    front = sample_front()
    confirmed = tuple(_on_both(each, index) for index, each in enumerate(front.confirmed))
    members, baselines = confirmed[: len(front.front)], tuple(_on_both(each, 0) for each in front.baselines)
    trainings = Trainings(search=32, confirmation=16, baselines=8)
    devices = tuple(_device(front, name, members, baselines) for name in BUDGET)
    limits = dict.fromkeys(front.budget.limits)
    text = tuple(f"{limit:g} ms on {name}" for name, limit in BUDGET.items())
    return replace(
        front,
        objectives=("accuracy", "latency:pixel4", "latency:slow_board"),
        budget=replace(front.budget, limits=limits, text=text),
        front=members,
        confirmed=confirmed,
        baselines=baselines,
        several=Several("each", devices, trainings, trainings.times(len(BUDGET))),
    )


def _on_both(network: Any, index: int) -> Any:
    """A network of the sample with what it takes on each device."""
    fast = network.latency_ms
    times = 4.0 + 2.5 * (index % 2)
    slow = replace(fast, value=times * fast.value, low=times * fast.low, high=times * fast.high)
    found = {"pixel4": {"latency_ms": fast}, "slow_board": {"latency_ms": slow}}
    return replace(network, costs={**network.costs, DEVICES: found})


def _device(front: Front, name: str, members: Any, baselines: Any) -> OneDevice:
    best = own_front(members, name)
    gain = gain_over([seen_on(each, name) for each in baselines], best, front.data.test)
    hardware = replace(front.hardware, name=name, device=front.hardware.device if name == "pixel4" else "Slow Board")
    return OneDevice(name, hardware, {"latency_ms": BUDGET[name]}, tuple(each.key for each in best), gain)
