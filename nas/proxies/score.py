"""proxy=score: no training at all; where a network's scores stand among those of other networks of its space."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from nas.errors import ConfigError
from nas.identity import digest
from nas.proxies.base import Evaluation, Failed, Preparation, Prepared
from nas.proxies.scores.evaluate import ScoreValues, TrainingFree
from nas.proxies.scores.population import FEWEST, ScorePopulation
from nas.spaces.architecture import Architecture
from nas.training.settings import Pixels

RUNG = {"score": "training-free score"}
"""The rung that other proxies offer too."""


@dataclass(frozen=True, slots=True)
class ScoreProxy:
    """No training: the scores of `ScoreSettings` against those of other networks of the space."""

    rungs: ClassVar[Mapping[str, str]] = RUNG

    name: Literal["score"]
    resolution: Pixels | None
    """Pixels at the space's largest resolution, such as 32, others in proportion; null: each network's own."""

    def prepare(self, preparation: Preparation) -> Prepared:
        """Score the population."""
        return Prepared({"score": rank_in_population(preparation)})


@dataclass(frozen=True, slots=True)
class RankedByScores:
    """No training: the joined share of a population that a network's scores beat."""

    scores: TrainingFree
    population: ScorePopulation

    def __call__(self, arch: Architecture) -> Evaluation:
        """A worth in 0..1 (`ScorePopulation.worth`) in place of an accuracy; it ranks, and is no share of images.

        Raises:
            Unscorable: a score of `arch` is not finite.
        """
        found = self.scores(arch)
        worth = self.population.worth(found.values)
        return Evaluation(worth, worth, worth, "score", sum(found.seconds.values()), 1, self.scores.scale(arch))


def rank_in_population(preparation: Preparation) -> RankedByScores:
    """The training-free scores against those of networks inside the budget.

    Raises:
        ConfigError: fewer than `FEWEST` networks of the budget can be scored, though it leaves as many.
    """
    rows = score_networks(preparation, draw_population(preparation))
    return RankedByScores(preparation.training_free, population_of(rows))


def draw_population(preparation: Preparation) -> list[Architecture]:
    """As many networks inside the budget as `ScoreSettings.population` says, spread over MACs."""
    problem, rng = preparation.problem, np.random.default_rng(preparation.seed)
    return [problem.space.architecture(row) for row in problem.draw(rng, preparation.scores.population, evenly="macs")]


def score_networks(preparation: Preparation, networks: Sequence[Architecture]) -> list[Mapping[str, float] | Failed]:
    """The training-free scores of each of `networks` by name."""
    scores = preparation.training_free
    name = f"scored:{digest((scores.scores, scores.scale, scores.images), version=1, size=4)}"
    found = preparation.evaluate("scores of the space", name, ScoreValues, scores, networks)
    return [result if isinstance(result, Failed) else result.values for result in found]


def population_of(rows: Sequence[Mapping[str, float] | Failed]) -> ScorePopulation:
    """The population of those networks whose scores are all there; all there are, where those are few.

    Raises:
        ConfigError: they are fewer than `FEWEST`, since others cannot be scored.
    """
    whole = [row for row in rows if not isinstance(row, Failed)]
    if len(whole) < min(FEWEST, len(rows)):
        first = min(row.error for row in rows if isinstance(row, Failed))
        raise ConfigError(
            f"training-free scores rank among at least {min(FEWEST, len(rows))} networks inside the budget, "
            f"got {len(whole)}; the first error: {first}"
        )
    return ScorePopulation.of({name: [row[name] for row in whole] for name in whole[0]})
