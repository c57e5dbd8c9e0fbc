"""What the graph alone tells, as scores: for spaces on which counting ranks best, and to compare with."""

from nas.spaces.counts import graph_counts
from nas.training.scores.subject import Subject


def macs(subject: Subject) -> float:
    """Natural logarithm of the multiply-accumulates at the architecture's own resolution."""
    return graph_counts(subject.arch)["log_macs"]


def params(subject: Subject) -> float:
    """Natural logarithm of the trainable weights."""
    return graph_counts(subject.arch)["log_params"]


def depth(subject: Subject) -> float:
    """Convolutions, those of gates left out."""
    return graph_counts(subject.arch)["depth"]
