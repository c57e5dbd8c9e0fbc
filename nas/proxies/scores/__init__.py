"""Training-free scores: what an untrained network tells of its accuracy, in about a second.

Each is of one random initialisation, or counts the graph; more is taken to be better. They have no unit: they rank
networks, at best those of one search space. Over a population they are joined by `evaluate.combine`, one by one
against a fixed `population.ScorePopulation`.
"""

from collections.abc import Mapping

from nas.proxies.scores.counts import depth, macs, params
from nas.proxies.scores.entropy import entropy
from nas.proxies.scores.naswot import naswot, naswot_layers
from nas.proxies.scores.score_input import Score
from nas.proxies.scores.synflow import synflow
from nas.proxies.scores.zen import zen
from nas.proxies.scores.zico import zico

SCORES: Mapping[str, Score] = {
    "naswot": naswot,
    "naswot_layers": naswot_layers,
    "entropy": entropy,
    "synflow": synflow,
    "zico": zico,
    "zen": zen,
    "macs": macs,
    "params": params,
    "depth": depth,
}
"""Scores by name."""
