"""What a search on several devices adds to its result."""

from collections.abc import Sequence

from nas.measures import WORST_SHARE
from nas.problem import Problem
from nas.results.front import Counts
from nas.results.gain import gain_over
from nas.results.member import Baseline, Member
from nas.results.several import OneDevice, Several, Trainings, own_front, seen_on
from nas.search.confirm.network import Confirmed
from nas.search.result.hardware import hardware


def several(
    problem: Problem, members: Sequence[Member], compared: Sequence[Baseline], trainings: Trainings, images: int
) -> Several | None:
    """What to say of `members`, the front, and the baselines on each device; None for a single device."""
    devices = problem.devices
    if not devices:
        return None
    found = []
    for name, profile in devices.items():
        best = own_front(members, name)
        gain = gain_over([seen_on(each, name) for each in compared], best, images)
        limits = problem.budget.of_device(name)
        found.append(OneDevice(name, hardware(profile), limits, tuple(each.key for each in best), gain))
    combine = "worst" if WORST_SHARE.name in problem.objectives else "each"
    return Several(combine, tuple(found), trainings, trainings.times(len(devices)))


def trainings_of(counts: Counts, confirmed: Sequence[Confirmed], baselines: Sequence[Confirmed]) -> Trainings:
    """What a run trained."""
    return Trainings(
        counts.evaluated + counts.stopped + counts.failed,
        sum(len(network.trainings) for network in confirmed),
        sum(len(network.trainings) for network in baselines),
    )
