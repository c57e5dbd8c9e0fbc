"""Training-free scores: what an untrained network tells of its accuracy, in about a second.

Each is of one random initialisation, or counts the graph; more is taken to be better. They have no unit: they rank
networks, at best those of one search space. Over a population they are joined by `combine`, one by one against a
fixed `ScorePopulation`.
"""

from nas.proxies.scores.evaluate import SCORES, ScoreValues, TrainingFree, Unscorable, combine
from nas.proxies.scores.population import ScorePopulation

__all__ = ["SCORES", "ScorePopulation", "ScoreValues", "TrainingFree", "Unscorable", "combine"]
