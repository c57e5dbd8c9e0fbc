"""The rungs a network climbs, from cheap to dear, and who goes on from each.

A rung is an evaluator under a name. A network that has finished a rung goes on to the next or stops there, at once
(asynchronous successive halving of the stopping kind: Jamieson and Talwalkar 2016, https://arxiv.org/abs/1502.07943;
Li et al. 2020, https://arxiv.org/abs/1810.05934), so that nothing waits and every network ends in a definite state.
Costs are known beforehand, so networks are compared with others that cost about as much (their latency bin), and
one that none beats in both accuracy and costs always goes on. A decision depends on the study's record alone and is
written into it together with the result that led to it.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial

from nas.errors import ConfigError
from nas.problem import Problem, ranked_by
from nas.proxies.base import Evaluation
from nas.proxies.scores import ScoreValues, combine
from nas.resources import names
from nas.search.record.study import Record, reached
from nas.spaces.architecture import Architecture

AnyTrial = Trial | FrozenTrial

BINS = 4
"""A latency bin holds a quarter of the networks that reached the rung: those nearest in latency."""


def accuracies(records: Sequence[Record]) -> Sequence[float]:
    """The worth of trainings' records: their `worth`, or their accuracy."""
    return [ranked_by(record) for record in records]


def joined_scores(records: Sequence[Record]) -> Sequence[float]:
    """The worth of training-free scores' records: their combination by ranks."""
    table = {name: [record["scores"][name] for record in records] for name in records[0]["scores"]}
    return [float(value) for value in combine(table)]


def worth(records: Sequence[Record]) -> Sequence[float]:
    """The worth of the records of one rung, whichever it is."""
    return joined_scores(records) if "scores" in records[0] else accuracies(records)


@dataclass(frozen=True, slots=True)
class Rung:
    """One way to evaluate. `values` gives each record of a population its worth, more is better."""

    name: str
    evaluator: Callable[[Architecture], Evaluation | ScoreValues]
    values: Callable[[Sequence[Record]], Sequence[float]] = accuracies


@dataclass(frozen=True, slots=True)
class Ladder:
    """Rungs from cheap to dear; the last decides, and about `keep` of a latency bin go on from each other one."""

    rungs: tuple[Rung, ...]
    keep: float = 1 / 3

    def climb(self, problem: Problem, study: Study, trial: AnyTrial, result: Record) -> list[Record]:
        """The records of `trial` with `result`, the contents of what its next rung gave, and the decision."""
        records, step = reached(trial), len(reached(trial))
        record = {**result, "how": self.rungs[step].name}
        if step + 1 < len(self.rungs):
            others = [other for other in at_rung(study, step) if other.number != trial.number]
            values = self.rungs[step].values([*(reached(other)[step] for other in others), record])
            costs = np.array([problem.cost_values(climber.user_attrs["candidate"]) for climber in (*others, trial)])
            record["goes_on"] = goes_on(np.asarray(values, dtype=np.float64), costs, self.keep)
        return [*records, record]

    def has_ended(self, trial: AnyTrial) -> bool:
        """Whether `trial` has nothing more to climb, by its record: it was stopped, or is at the top."""
        records = reached(trial)
        return len(records) == len(self.rungs) or bool(records and not records[-1]["goes_on"])


def goes_on(values: npt.NDArray[np.float64], costs: npt.NDArray[np.float64], keep: float, bins: int = BINS) -> bool:
    """Whether the last of n networks goes on; `values` (n), `costs` (n, any number), all above 0.

    It does if no other is better and costs no more, or if it is among the best `keep` (rounded, at least one) of its
    bin: itself and the nearest by ratio of the first cost, together n / `bins`. Without costs all are one bin.
    """
    better = values > values[-1]
    if not (better & (costs <= costs[-1]).all(axis=1)).any():
        return True
    distances = np.abs(np.log(costs[:-1, 0] / costs[-1, 0])) if costs.shape[1] else np.zeros(len(values) - 1)
    size = max(1, round(len(values) / bins)) if costs.shape[1] else len(values)
    peers = np.argsort(distances, kind="stable")[: size - 1]
    return int(better[peers].sum()) < max(1, round(keep * size))


def contents(result: Evaluation | ScoreValues) -> Record:
    """What is kept of a result.

    Raises:
        ValueError: an accuracy or a score is not a finite number.
    """
    kept: dict[str, Any]
    if isinstance(result, Evaluation):
        kept = {name: value for name, value in asdict(result).items() if name != "worth" or value is not None}
        figures = {name: value for name, value in kept.items() if name in ("accuracy", "worth")}
    else:
        figures = {name: float(score) for name, score in result.values.items()}
        kept = {"scores": figures, "seconds": sum(result.seconds.values())}
    for name, value in figures.items():
        if not math.isfinite(value):
            raise ValueError(f"the {name} is {value}")
    return kept


def at_rung(study: Study, step: int) -> list[FrozenTrial]:
    """The trials that have finished the rung of this number, counted from 0."""
    return [trial for trial in study.get_trials(deepcopy=False) if len(reached(trial)) > step]


def check_rungs(chosen: Sequence[str], known: Sequence[str]) -> None:
    """Check that `chosen` are of `known`, in its order from cheap to dear, and end with a training where there is one.

    Raises:
        ConfigError: they are or do not.
    """
    if unknown := [name for name in chosen if name not in known]:
        raise ConfigError(f"unknown rung {unknown[0]!r}; known: {names(known)}")
    order = [known.index(name) for name in chosen]
    if order != sorted(set(order)):
        raise ConfigError(f"rungs must go from cheap to dear ({', '.join(known)}), each once, got {list(chosen)}")
    if not chosen or chosen[-1] == "score" != known[-1]:
        raise ConfigError(
            f"the last of rungs must be a training, since the front is made of accuracies, got {list(chosen)}"
        )
