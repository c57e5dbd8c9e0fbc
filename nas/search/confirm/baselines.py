"""The published networks that a search is compared with, and may begin with."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from math import prod
from pathlib import Path

from nas.errors import ArchitectureError, ConfigError, ProfileError
from nas.nets.pretrained import NONE, family, load
from nas.nets.slices.cut import require_cut
from nas.problem import Problem
from nas.proxies.base import Failed
from nas.reading.words import short
from nas.search.confirm.candidates import train_longer
from nas.search.confirm.network import Confirmed
from nas.search.context import Run
from nas.search.evaluations import Trainings
from nas.search.settings import BaselineSettings
from nas.spaces.architecture import Architecture
from nas.spaces.baselines import STRIDES, baseline, load_architecture, with_sizes
from nas.spaces.cost import cost

FAMILIES = ("mobilenet_v1", "mobilenet_v2")


def networks_to_compare(
    problem: Problem, settings: BaselineSettings, init: str, pixels: int
) -> dict[str, Architecture]:
    """The networks that a search is compared with, by name: those asked for, and of pretrained weights their own.

    `pixels` are those of the images.

    Raises:
        ConfigError: the weights of one are not there, or it cannot be cut out of those that the front starts from.
    """
    named = named_networks(problem, settings.networks, pixels)
    if init == NONE:
        return {**baseline_networks(problem, settings.widths, pixels), **named}
    for name, arch in named.items():
        try:
            require_cut(arch, load(init))
        except ConfigError as error:
            raise ConfigError(
                f"baselines.networks: {short(name)} cannot start from the weights that the front starts from: {error}"
            ) from None
    return {**pretrained_networks(problem, init, settings.resolutions), **named}


def named_networks(problem: Problem, names: Sequence[str], pixels: int) -> dict[str, Architecture]:
    """The networks that were asked for, by name, for the images and classes of the problem, over the budget or not.

    Raises:
        ConfigError: there is none of that name, two have one name, or the device never measured such layers.
    """
    space, found = problem.space, dict[str, Architecture]()
    for name in names:
        sized = with_sizes(name, prod(space.strides[0]), resolution_for(problem, pixels))
        try:
            arch = replace(load_architecture(sized), in_channels=space.in_channels, classes=space.classes)
            problem.excess(arch)
        except (ArchitectureError, ProfileError) as error:
            raise ConfigError(f"baselines.networks: {error}") from None
        label = Path(name).stem if name.endswith(".json") else arch.key if " " in name else sized
        if label in found:
            raise ConfigError(
                f"baselines.networks: two are called {short(label)}; give each once, under a name of its own"
            )
        found[label] = arch
    return found


def resolution_for(problem: Problem, pixels: int) -> int:
    """The smallest resolution of the space that is not below the images', or its largest."""
    resolutions = problem.space.resolution
    return min((each for each in resolutions if each >= pixels), default=max(resolutions))


def pretrained_networks(problem: Problem, init: str, resolutions: tuple[int, ...] | None) -> dict[str, Architecture]:
    """The network of the weights `init`, and those of its family, at each resolution that is inside the budget."""
    space = problem.space
    sizes = sorted(set(space.resolution))
    networks: dict[str, Architecture] = {}
    for name in family(init) if resolutions != () else ():
        weights = load(name)
        arch = replace(weights.arch, in_channels=space.in_channels, classes=space.classes)
        for size in sorted({sizes[0], sizes[len(sizes) // 2], sizes[-1]} if resolutions is None else resolutions):
            sized = replace(arch, resolution=size)
            with suppress(ProfileError):
                if problem.excess(sized) <= 1:
                    networks[f"{weights.name}_r{size}"] = sized
    return networks


def baseline_networks(problem: Problem, widths: tuple[float, ...], pixels: int) -> dict[str, Architecture]:
    """MobileNet v1 and v2 at each width, by name: for images of so many `pixels`, with the total stride of the space.

    Their resolution is the smallest of the space that is not below the images', or its largest. Those over the budget,
    and those that cost more than any network of the space, are left out.
    """
    space = problem.space
    size = resolution_for(problem, pixels)
    stride = prod(space.strides[0])
    own = f"_s{stride}" if stride in STRIDES[:-1] else ""
    most = cost(space.smallest(lambda arch: -cost(arch).macs)).macs
    networks: dict[str, Architecture] = {}
    for name in FAMILIES:
        for width in widths:
            sized = f"{name}_w{width:g}{own}_r{size}"
            arch = baseline(sized, space.in_channels, space.classes)
            with suppress(ProfileError):  # a device that was never measured on such layers has no such curve
                if cost(arch).macs <= most and problem.excess(arch) <= 1:
                    networks[sized] = arch
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
