"""What a search on several devices adds to front.json, and the same result as one device sees it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from nas.results.codec import Count, Finite
from nas.results.costs import on_devices
from nas.results.gain import Gain
from nas.results.hardware import Hardware
from nas.results.member import Baseline, Member

Network = TypeVar("Network", Member, Baseline)


@dataclass(frozen=True, slots=True)
class Trainings:
    """How many networks were trained, each training counted."""

    search: Count
    """networks that the search began, cheaply judged"""
    confirmation: Count
    """long trainings of candidates, one a seed"""
    baselines: Count
    """long trainings of baselines"""

    @property
    def all(self) -> int:
        """All together."""
        return self.search + self.confirmation + self.baselines

    def times(self, searches: int) -> "Trainings":
        """Of as many such searches."""
        return Trainings(self.search * searches, self.confirmation * searches, self.baselines * searches)


@dataclass(frozen=True, slots=True)
class OneDevice:
    """One of several devices."""

    name: str
    """as members and budget call it"""
    hardware: Hardware
    """the device, and how well it is predicted"""
    budget: Mapping[str, Finite]
    """its own limits, by the field of the measure"""
    front: tuple[str, ...]
    """keys of the members that no other beats in accuracy and in this device's latency, from fast to slow"""
    gain: Gain
    """what these gain over the baselines on this device"""


@dataclass(frozen=True, slots=True)
class Several:
    """A search on several devices: `hardware` and all figures outside of this are those of the first."""

    combine: str
    """`each`: accuracy against each device's figures; `worst`: against the worst share of each device's limits"""
    devices: tuple[OneDevice, ...]
    """in the order of `hardware=`"""
    trainings: Trainings
    """of this search, for all devices"""
    separate: Trainings
    """of a search like this one for each device"""


def seen_on(network: Network, device: str) -> Network:
    """The network with what it costs on that one of several devices, as if it were the only one."""
    return replace(network, costs={**network.costs, **on_devices(network.costs)[device]})


def own_front(members: Sequence[Member], device: str) -> tuple[Member, ...]:
    """The members that no other beats in accuracy and in the latency of `device`, from fast to slow."""
    ordered = sorted(
        (seen_on(member, device) for member in members),
        key=lambda each: (each.latency_ms.value, -each.accuracy.value),
    )
    found: list[Member] = []
    for member in ordered:
        if not found or member.accuracy.value > found[-1].accuracy.value:
            found.append(member)
    return tuple(found)
