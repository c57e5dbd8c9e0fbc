"""Training-free scores: what an untrained network tells of its accuracy, in about a second.

Each is of one random initialisation; more is taken to be better. They have no unit: they rank networks,
at best those of one search space.
"""

from nas.training.scores.evaluate import SCORES, Scores, TrainingFree, Unscorable, combine

__all__ = ["SCORES", "Scores", "TrainingFree", "Unscorable", "combine"]
