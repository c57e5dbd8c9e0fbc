"""The evaluator of `proxy=score`: where a network's training-free scores stand in a population of its space."""

from dataclasses import dataclass

from nas.spaces.architecture import Architecture
from nas.training.proxies import Evaluation
from nas.training.scores.evaluate import TrainingFree
from nas.training.scores.reference import Reference


@dataclass(frozen=True, slots=True)
class Ranked:
    """No training: the joined share of a reference population that a network's scores beat."""

    scores: TrainingFree
    reference: Reference

    def __call__(self, arch: Architecture) -> Evaluation:
        """A worth in 0..1 (`Reference.worth`) in place of an accuracy; it ranks, and is no share of images.

        Raises:
            Unscorable: a score of `arch` is not finite.
        """
        found = self.scores(arch)
        worth = self.reference.worth(found.values)
        return Evaluation(worth, worth, worth, "score", sum(found.seconds.values()), 1, self.scores.scale(arch))
