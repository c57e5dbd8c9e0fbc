"""What the graph alone tells, as scores: for spaces on which counting ranks best, and to compare with."""

from nas.proxies.scores.score_input import ScoreInput
from nas.spaces.graph_counts import graph_counts


def macs(subject: ScoreInput) -> float:
    """Natural logarithm of the multiply-accumulates at the architecture's own resolution."""
    return graph_counts(subject.arch)["log_macs"]


def params(subject: ScoreInput) -> float:
    """Natural logarithm of the trainable weights."""
    return graph_counts(subject.arch)["log_params"]


def depth(subject: ScoreInput) -> float:
    """Convolutions, those of gates left out."""
    return graph_counts(subject.arch)["depth"]
