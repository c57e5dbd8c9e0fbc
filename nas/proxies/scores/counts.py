"""What the graph alone tells, as scores: for spaces on which counting ranks best, and to compare with."""

from nas.proxies.scores.score_input import ScoreInput
from nas.spaces.graph_counts import graph_counts


def macs(given: ScoreInput) -> float:
    """Natural logarithm of the multiply-accumulates at the architecture's own resolution."""
    return graph_counts(given.arch)["log_macs"]


def params(given: ScoreInput) -> float:
    """Natural logarithm of the trainable weights."""
    return graph_counts(given.arch)["log_params"]


def depth(given: ScoreInput) -> float:
    """Convolutions, those of gates left out."""
    return graph_counts(given.arch)["depth"]
