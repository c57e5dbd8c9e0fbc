"""The published networks that a search is compared with, and may begin with."""

from collections.abc import Mapping
from contextlib import suppress
from math import prod

from nas.errors import ProfileError
from nas.problem import Problem
from nas.proxies.base import Failed
from nas.search.confirm.candidates import train_longer
from nas.search.confirm.network import Confirmed
from nas.search.context import Run
from nas.search.evaluations import Trainings
from nas.spaces.architecture import Architecture
from nas.spaces.baselines import BASELINES, STRIDES, baseline
from nas.spaces.cost import cost


def baseline_networks(problem: Problem, widths: tuple[float, ...], pixels: int) -> dict[str, Architecture]:
    """MobileNet v1 and v2 at each width, by name: for images of so many `pixels`, with the total stride of the space.

    Their resolution is the smallest of the space that is not below the images', or its largest. Those over the budget,
    and those that cost more than any network of the space, are left out.
    """
    space = problem.space
    size = min((each for each in space.resolution if each >= pixels), default=max(space.resolution))
    stride = prod(space.strides[0])
    own = f"_s{stride}" if stride in STRIDES[:-1] else ""
    most = cost(space.smallest(lambda arch: -cost(arch).macs)).macs
    networks: dict[str, Architecture] = {}
    for family in BASELINES:
        for width in widths:
            name = f"{family}_w{width:g}{own}_r{size}"
            arch = baseline(name, space.in_channels, space.classes)
            with suppress(ProfileError):  # a device that was never measured on such layers has no such curve
                if cost(arch).macs <= most and problem.excess(arch) <= 1:
                    networks[name] = arch
    return networks


def train_baselines(
    run: Run, trainings: Trainings, networks: Mapping[str, Architecture], seeds: int
) -> dict[str, Confirmed]:
    """The networks by name, trained as long as the confirmed ones; one of which a training failed is left out."""
    wanted = [(arch, trainings.first_seed + n) for arch in networks.values() for n in range(seeds)]
    results = iter(train_longer(run, trainings.baseline, "baselines", wanted))
    trained = {}
    for name, arch in networks.items():
        own = [next(results) for _ in range(seeds)]
        good = tuple(result for result in own if not isinstance(result, Failed))
        if len(good) == seeds:
            trained[name] = Confirmed(arch, good)
    return trained
