"""The rungs a network climbs, from cheap to expensive, and who goes on from each.

A rung is an evaluator under a name. A network that has finished a rung goes on to the next or stops there, at once
(asynchronous successive halving of the stopping kind: Jamieson and Talwalkar 2016, https://arxiv.org/abs/1502.07943;
Li et al. 2020, https://arxiv.org/abs/1810.05934), so that nothing waits and every network ends in a definite state.
Costs are known beforehand, so networks are compared with others that cost about as much (their latency bin), and
one that none beats in both accuracy and costs always goes on. A decision depends on the study's record alone and is
written into it together with the result that led to it.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import numpy.typing as npt
from optuna.study import Study

from nas.errors import ConfigError
from nas.problem import Problem
from nas.proxies.base import Evaluation
from nas.proxies.scores.evaluate import ScoreValues, combine
from nas.resources import names
from nas.search.record.trial import RungRecord, TrialRecord, records
from nas.spaces.architecture import Architecture

BINS = 4
"""A latency bin holds a quarter of the networks that reached the rung: those nearest in latency."""


def rank_values(rungs: Sequence[RungRecord]) -> Sequence[float]:
    """What networks are ranked by, of what one rung gave of each: scores are combined by their ranks among these."""
    scores = [rung.scores for rung in rungs if rung.scores is not None]
    if not scores:
        return [rung.rank_value for rung in rungs]
    return [float(value) for value in combine({name: [each[name] for each in scores] for name in scores[0]})]


@dataclass(frozen=True, slots=True)
class Rung:
    """One way to evaluate, under a name."""

    name: str
    evaluator: Callable[[Architecture], Evaluation | ScoreValues]


@dataclass(frozen=True, slots=True)
class Ladder:
    """Rungs from cheap to expensive; the last decides, and about `keep` of a latency bin go on from each other one."""

    rungs: tuple[Rung, ...]
    keep: float = 1 / 3

    def climb(self, problem: Problem, study: Study, climber: TrialRecord, result: RungRecord) -> RungRecord:
        """`result`, what the next rung of the trial `climber` gave, with the decision whether another follows."""
        step = len(climber.rungs)
        if step + 1 == len(self.rungs):
            return result
        others = [trial for trial in at_rung(records(study), step) if trial.number != climber.number]
        values = rank_values([*(other.rungs[step] for other in others), result])
        costs = np.array([problem.cost_values(trial.measures) for trial in (*others, climber)])
        return replace(result, goes_on=goes_on(np.asarray(values, dtype=np.float64), costs, self.keep))

    def has_ended(self, trial: TrialRecord) -> bool:
        """Whether `trial` has nothing more to climb: it was stopped, or is at the top."""
        return len(trial.rungs) == len(self.rungs) or bool(trial.rungs and not trial.rungs[-1].goes_on)


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


def rung_record(how: str, result: Evaluation | ScoreValues) -> RungRecord:
    """What is kept of the result of the rung called `how`.

    Raises:
        ValueError: an accuracy or a score is not a finite number.
    """
    if isinstance(result, Evaluation):
        figures = {"accuracy": result.accuracy, "worth": result.rank_value}
        kept = RungRecord(**{**asdict(result), "how": how})
    else:
        figures = {name: float(score) for name, score in result.values.items()}
        kept = RungRecord(how, sum(result.seconds.values()), scores=figures)
    for name, value in figures.items():
        if not math.isfinite(value):
            raise ValueError(f"the {name} is {value}")
    return kept


def at_rung(trials: Sequence[TrialRecord], step: int) -> list[TrialRecord]:
    """The trials that have finished the rung of this number, counted from 0."""
    return [trial for trial in trials if len(trial.rungs) > step]


def check_rungs(chosen: Sequence[str], known: Sequence[str]) -> None:
    """Check that `chosen` are of `known`, in its order from cheap to expensive, and end with a training if it has one.

    Raises:
        ConfigError: they are or do not.
    """
    if unknown := [name for name in chosen if name not in known]:
        raise ConfigError(f"unknown rung {unknown[0]!r}; known: {names(known)}")
    order = [known.index(name) for name in chosen]
    if order != sorted(set(order)):
        raise ConfigError(f"rungs must go from cheap to expensive ({', '.join(known)}), each once, got {list(chosen)}")
    if not chosen or chosen[-1] == "score" != known[-1]:
        raise ConfigError(
            f"the last of rungs must be a training, since the front is made of accuracies, got {list(chosen)}"
        )
