"""What a search would take, from steps that were measured once: seconds and bytes."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """One kind of work: `seconds` of one network on one worker, as measured, and how many networks it is done for."""

    name: str
    seconds: float
    networks: float

    def wall(self, workers: int) -> float:
        """Seconds of all of it, on so many workers at once."""
        return self.seconds * math.ceil(max(self.networks, 1) / workers)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A search as it would be; `notation` and `macs` are of the network on which the steps were measured.

    `alone_s` is that of decoding images, by one process. `evaluations` are those of the search, one each rung;
    `trainings` the confirmations and baselines at their most.
    """

    notation: str
    macs: int
    workers: int
    alone_s: float
    preparations: tuple[Step, ...]
    evaluations: tuple[Step, ...]
    trainings: tuple[Step, ...]
    image_bytes: int
    file_bytes: int
    record_bytes: int
    time_limit: float | None

    @property
    def trial_s(self) -> float:
        """Seconds of one network that reaches the last rung."""
        return sum(step.seconds for step in self.evaluations)

    @property
    def search_s(self) -> float:
        """Of the networks that are looked at; at most the time limit, and the network that is then under way."""
        wall = sum(step.wall(self.workers) for step in self.evaluations)
        return wall if self.time_limit is None else min(wall, self.time_limit + self.trial_s)

    @property
    def preparation_s(self) -> float:
        """Before the first network."""
        return self.alone_s + sum(step.wall(self.workers) for step in self.preparations)

    @property
    def training_s(self) -> float:
        """Of confirmations and baselines, at their most."""
        return sum(step.wall(self.workers) for step in self.trainings)

    @property
    def total_s(self) -> float:
        """Of all that was measured; tests, files and timings of the confirmed networks come on top."""
        return self.preparation_s + self.search_s + self.training_s

    @property
    def total_bytes(self) -> int:
        """On disk in the end."""
        return self.image_bytes + self.file_bytes + self.record_bytes


def reaching(trials: int, keep: float, rungs: int) -> list[float]:
    """About how many of the networks reach each of the rungs."""
    return [trials * keep**step for step in range(rungs)]
