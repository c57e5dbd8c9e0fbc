"""How good a search was, and how far its cheap accuracies and its predictions can be trusted."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from nas.results.codec import Count, Finite, MeasureName, Share


@dataclass(frozen=True, slots=True)
class WithoutModel:
    """What a search without a model would have reached, estimated from this run's networks drawn without one.

    `mean`, `low` and `high` have a value for each number of networks, from 1 on.
    """

    drawn: str
    """how they were drawn: at `random`, or as a `start`, spread over the cost"""
    draws: Count
    """networks drawn so; beyond them the curves are extrapolated"""
    mean: tuple[Finite, ...]
    """the hypervolume expected"""
    low: tuple[Finite, ...]
    """lower end of what 90 % of single searches reach"""
    high: tuple[Finite, ...]
    """upper end of what 90 % of single searches reach"""

    def __post_init__(self) -> None:
        if not len(self.mean) == len(self.low) == len(self.high):
            raise ValueError("mean, low and high must have a value each for the same numbers of networks")


@dataclass(frozen=True, slots=True)
class Hypervolume:
    """The share of the box between a reference point and the ideal that the evaluated networks dominate."""

    value: Share
    """of all evaluated networks"""
    reference: Mapping[MeasureName, Finite]
    """the reference point, by objective"""
    history: tuple[Share, ...]
    """after each evaluated network"""
    random: WithoutModel | None
    """what a search without a model would have reached; null with fewer than four such networks"""


@dataclass(frozen=True, slots=True)
class RankFidelity:
    """How well a cheap evaluation ranked networks that an expensive one judged too, by validation images."""

    kendall_tau: Finite | None
    """Kendall's tau of the two; null with too few networks"""
    low: Finite | None
    """lower end of its bootstrap 95 % interval"""
    high: Finite | None
    """upper end of that interval"""
    n: Count
    """networks that both judged"""
    macs_kendall_tau: Finite | None
    """what counting multiply-accumulates gives on the same networks"""
    verdict: str
    """`better than MACs`, `no better than MACs` or `cannot be told`"""
    warning: str | None
    """a sentence, where it ranked no better than MACs"""


@dataclass(frozen=True, slots=True)
class RungFidelity(RankFidelity):
    """How well one rung ranked the next, over the networks that went on."""

    lower: Annotated[str, Field(alias="from")]
    """the cheaper rung"""
    upper: Annotated[str, Field(alias="to")]
    """the rung after it"""
    reached: Count
    """networks that finished the cheaper one"""


@dataclass(frozen=True, slots=True)
class ProxyFidelity(RankFidelity):
    """How well the accuracies of the last rung ranked the confirmed ones, and each rung the next."""

    rungs: tuple[RungFidelity, ...] = ()
    """each rung against the next, if there are several"""


@dataclass(frozen=True, slots=True)
class PredictionErrors:
    """How far the predictions of the confirmed networks were from what was measured in the end."""

    n: Count
    """networks measured"""
    mape_percent: Finite
    """mean absolute error in percent"""
    max_percent: Finite
    """the largest error in percent"""
    inside_interval: Count
    """networks measured inside the 90 % interval of their prediction"""


@dataclass(frozen=True, slots=True)
class Importance:
    """Which choices of the search space matter for one objective, over the networks evaluated to the end."""

    objective: MeasureName
    """the objective"""
    n: Count
    """networks"""
    shares: Mapping[str, Share]
    """the share of the objective's variance that each choice alone explains, the largest first; what chance explains is
    taken off, and choices of which nothing is left are not listed"""
