"""Training-free scores: what an untrained network tells of its accuracy, in about a second.

Each is of one random initialisation, or counts the graph; more is taken to be better. They have no unit: they rank
networks, at best those of one search space. Over a population they are joined by `combine`, one by one against a
fixed `Reference`.
"""

from nas.training.scores.calibrated import calibrated
from nas.training.scores.evaluate import SCORES, Scores, TrainingFree, Unscorable, combine
from nas.training.scores.reference import Reference

__all__ = ["SCORES", "Reference", "Scores", "TrainingFree", "Unscorable", "calibrated", "combine"]
