"""How much memory the trainings of a search take, and how many of them at a time this machine has room for."""

from dataclasses import dataclass, replace

import numpy as np

from nas.data.views import TrainingResolution
from nas.nets.device import device_of
from nas.nets.pretrained import absolute
from nas.search.checks import Checked
from nas.search.confirm.baselines import networks_to_compare
from nas.search.executors.local import LocalSettings
from nas.search.executors.machine import usable_cores, usable_memory
from nas.search.settings import SearchSettings
from nas.training.memory import training_bytes

_DRAWN = 64
_SEARCH = 1.5e9
"""Bytes of the process that searches, and of whatever else runs."""


@dataclass(frozen=True, slots=True)
class WorkerCount:
    """How many evaluations to ask the executor for; `said`: of the memory they take; `doubtful`: too little."""

    count: int | None
    said: str = ""
    doubtful: bool = False


def workers_for(settings: SearchSettings, checked: Checked) -> WorkerCount:
    """As many as the settings say; where it is left open, no more than trainings have room at the same time.

    That is asked where they run on the CPUs of this machine, of the largest of the networks to compare with and of some
    drawn from the space. The budget can be met.
    """
    here = isinstance(settings.executor, LocalSettings) and device_of(settings.accelerator).type == "cpu"
    if not here or (memory := usable_memory()) is None:
        return WorkerCount(settings.workers)
    each = _largest_training(settings, checked)
    wanted, room = settings.workers or usable_cores(), max(0, int((memory - _SEARCH) / each))
    if wanted <= room:
        return WorkerCount(settings.workers)
    said = f"a training takes up to {each / 1e9:.1f} GB of memory, and there are {memory / 1e9:.1f} GB"
    if not room:
        return WorkerCount(
            settings.workers or 1, f"{said}; lower confirm.batch_size, or take smaller images", doubtful=True
        )
    if settings.workers:
        return WorkerCount(wanted, f"{said}; workers={room} fit, and workers={wanted} may run out of it", doubtful=True)
    return WorkerCount(room, f"{said}: so {room} of {wanted} cores work at a time; workers=N takes N")


def _largest_training(settings: SearchSettings, checked: Checked) -> float:
    problem, confirm = checked.problem, settings.confirm
    compared = networks_to_compare(problem, settings.baselines, absolute(settings.init), checked.pixels).values()
    drawn = map(problem.space.architecture, problem.draw(np.random.default_rng(0), _DRAWN))
    largest = max(problem.space.resolution)
    pixels = TrainingResolution(min(confirm.resolution or largest, largest), largest)
    return max(
        training_bytes(replace(arch, resolution=pixels(arch)), confirm.batch_size) for arch in (*compared, *drawn)
    )
