"""Evaluators that rank a network by where it stands in a population of its space, score by score."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from nas.proxies.base import Evaluation
from nas.proxies.scores.evaluate import TrainingFree
from nas.proxies.scores.population import ScorePopulation
from nas.spaces.architecture import Architecture

SHARED = "supernet"
"""The name in a `ScorePopulation` of what shared weights say of a network."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """No training: the joined share of a reference population that a network's scores beat."""

    scores: TrainingFree
    reference: ScorePopulation

    def __call__(self, arch: Architecture) -> Evaluation:
        """A worth in 0..1 (`ScorePopulation.worth`) in place of an accuracy; it ranks, and is no share of images.

        Raises:
            Unscorable: a score of `arch` is not finite.
        """
        found = self.scores(arch)
        worth = self.reference.worth(found.values)
        return Evaluation(worth, worth, worth, "score", sum(found.seconds.values()), 1, self.scores.scale(arch))


@dataclass(frozen=True, slots=True)
class SharedRanked:
    """The accuracy with `shared` weights; its worth joins their ranking, by `SHARED`, with that of `scores`.

    The two err for different reasons, so together they rank better than either.
    """

    shared: Callable[[Architecture], Evaluation]
    scores: TrainingFree
    reference: ScorePopulation

    def __call__(self, arch: Architecture) -> Evaluation:
        """What `shared` says, with a worth in 0..1 (`ScorePopulation.worth`).

        Raises:
            Unscorable: a score of `arch` is not finite.
        """
        return self.joint(self.shared(arch), arch)

    def joint(self, found: Evaluation, arch: Architecture) -> Evaluation:
        """What `shared` has `found` of `arch`, with the worth."""
        free = self.scores(arch)
        worth = self.reference.worth({**free.values, SHARED: found.rank_value})
        return replace(found, worth=worth, seconds=found.seconds + sum(free.seconds.values()))
