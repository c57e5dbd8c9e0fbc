"""A trial as the study keeps it. Here alone are the names of its notes and attributes, and Optuna's private fields.

The notes of a trial are `candidate` (what is known before training), `rungs` (what each evaluation gave) or `error`,
and `state` where Optuna's own says too little. A trial with an `error` that is not finished failed for a reason that
may pass: it is evaluated again when the run is resumed. Of what it proposes, the sampler notes `drawn` and may note
`expected_gain`. What the search was given to begin with has neither. Where several processes work on a study, a trial
holds its `driver`.

A trial is written as one, its network with it, so that the order of trials says whose network it is: of several trials
with one network the first has it, and the others are `yielded`, which no list of networks shows.

For people there are user attributes: `network` and `macs`, then its raw `accuracy` (what it is ranked by is its value),
or `why` it was rejected or failed. Each is written before the note that it goes with, so that a kill leaves no trace.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, cast
from weakref import WeakKeyDictionary

from optuna.distributions import BaseDistribution
from optuna.exceptions import UpdateFinishedTrialError
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState

from nas.measures import find_limit
from nas.problem import Problem
from nas.proxies.base import Failed
from nas.results.costs import TRIAL_COSTS
from nas.results.trials import TrialRow
from nas.search.record.notes import note_trial, trial_notes

State = Literal["running", "complete", "stopped", "failed", "rejected", "yielded"]
Drawn = Literal["random", "start", "model"]
"""How a proposal came about: uniformly; for networks spread over the cost before there is a model; or by one."""

_STATES: Mapping[TrialState, State] = {
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "stopped",
    TrialState.FAIL: "failed",
}


@dataclass(frozen=True, slots=True)
class RungRecord:
    """What a trial keeps of a rung: its name is `how`.

    A training gave an `accuracy` with its bounds, and a `worth` where networks are not ranked by the accuracy;
    training-free scores gave `scores` by name. `goes_on` says whether another rung follows, None at the top.
    """

    how: str
    seconds: float
    accuracy: float | None = None
    low: float | None = None
    high: float | None = None
    seeds: int | None = None
    resolution: int | None = None
    scores: Mapping[str, float] | None = None
    worth: float | None = None
    goes_on: bool | None = None

    @property
    def rank_value(self) -> float:
        """What a training's network is ranked by: its worth, or its accuracy where it has none."""
        value = self.accuracy if self.worth is None else self.worth
        if value is None:
            raise ValueError(f"the rung {self.how} gave scores; they rank networks only together")
        return value


@dataclass(frozen=True, slots=True)
class TrialRecord:
    """One network proposed: `measures` are what is known of it before training, by field, none before it is drawn.

    `expected_gain` is of hypervolume, as a share of the box.
    """

    number: int
    state: State
    params: Mapping[str, Any]
    key: str | None
    notation: str | None
    measures: Mapping[str, Any]
    rungs: tuple[RungRecord, ...]
    error: str | None
    drawn: Drawn | None
    expected_gain: float | None
    driver: str | None = None

    def values(self, problem: Problem) -> list[float]:
        """Its objective values by the last rung it finished, the accuracy being what it is ranked by."""
        return problem.values({**self.measures, "accuracy": self.rungs[-1].rank_value})

    def row(self) -> TrialRow:
        """As a row of trials.csv: `accuracy` and `how` of the last rung it finished, `seconds` of all."""
        last = self.rungs[-1] if self.rungs else _NO_RUNG
        return TrialRow(
            number=self.number,
            state=self.state,
            key=self.key,
            notation=self.notation,
            accuracy=last.accuracy,
            how=last.how or None,
            seconds=sum(rung.seconds for rung in self.rungs) if self.rungs else None,
            error=self.error if self.state in ("failed", "rejected") else None,
            rungs={rung.how: _gave(rung) for rung in self.rungs} or None,
            worth=last.worth,
            costs={name: self.measures[name] for name in TRIAL_COSTS.names if name in self.measures},
            on_devices={name: value for name, value in self.measures.items() if ":" in name and find_limit(name)},
        )


_NO_RUNG = RungRecord("", 0.0)


def accuracies(trials: Iterable[TrialRecord]) -> list[float]:
    """Those of the last rung of each; what training-free scores give is none, but a share of networks."""
    last = [trial.rungs[-1] for trial in trials if trial.rungs]
    return [rung.accuracy for rung in last if rung.accuracy is not None and rung.how != "score"]


def read_trial(trial: Trial | FrozenTrial) -> TrialRecord:
    """All that is known of a trial; one that this process asked for is `running`."""
    attributes = trial_notes(trial)
    known = dict(attributes.get("candidate", {}))
    state: State = "failed" if attributes.get("error") else "running"
    if isinstance(trial, FrozenTrial):
        state = _STATES.get(trial.state, state)
    return TrialRecord(
        number=trial.number,
        state=attributes.get("state") or state,
        params=trial.params,
        key=known.pop("key", None),
        notation=known.pop("notation", None),
        measures=known,
        rungs=tuple(RungRecord(**rung) for rung in attributes.get("rungs", ())),
        error=attributes.get("error"),
        drawn=attributes.get("drawn"),
        expected_gain=attributes.get("expected_gain"),
        driver=attributes.get("driver"),
    )


_FINISHED: WeakKeyDictionary[Study, dict[int, TrialRecord]] = WeakKeyDictionary()
"""By number, the finished trials of the studies in use: they no longer change, and so are read once."""


def trials(study: Study) -> list[TrialRecord]:
    """All trials as they stand now, by number."""
    finished = _FINISHED.setdefault(study, {})
    found = []
    for number, trial in enumerate(study.get_trials(deepcopy=False)):
        known = finished.get(number)
        if known is None:
            known = read_trial(trial)
            if trial.state.is_finished():
                finished[number] = known
        found.append(known)
    return found


def records(study: Study) -> list[TrialRecord]:
    """The trials whose network is known and theirs, by number."""
    return [record for record in trials(study) if record.measures and record.state != "yielded"]


def record(study: Study, number: int) -> TrialRecord:
    """The trial of that number, as it stands now."""
    return read_trial(study.get_trials(deepcopy=False)[number])


def rows(study: Study) -> list[TrialRow]:
    """A row per trial whose network is known."""
    return [each.row() for each in records(study)]


def write_candidate(trial: Trial, measures: Mapping[str, Any]) -> None:
    """Note what is known of the trial's network before training, `Candidate.measures()`."""
    for shown, name in (("network", "notation"), ("macs", "macs")):
        if name in measures:
            trial.set_user_attr(shown, measures[name])
    note_trial(trial, "candidate", dict(measures))


def write_rungs(trial: Trial, rungs: Sequence[RungRecord]) -> None:
    """Note what the rungs gave that the trial has finished, the first one first."""
    kept = [{name: value for name, value in asdict(rung).items() if value is not None} for rung in rungs]
    if (accuracy := rungs[-1].accuracy) is not None:
        trial.set_user_attr("accuracy", accuracy)
    note_trial(trial, "rungs", kept)


def reject(study: Study, trial: Trial, why: str) -> None:
    """End a trial whose network is over the budget."""
    trial.set_user_attr("why", why)
    note_trial(trial, "error", why)
    note_trial(trial, "state", "rejected")
    tell(study, trial, state=TrialState.PRUNED)


def fail(study: Study, trial: Trial, why: Failed) -> None:
    """Note why a trial's evaluation failed; unless that may pass, the trial ends."""
    if not why.may_pass:
        trial.set_user_attr("why", why.error)
    note_trial(trial, "error", why.error)
    if not why.may_pass:
        tell(study, trial, state=TrialState.FAIL)


def tell(study: Study, trial: Trial, values: Sequence[float] | None = None, state: TrialState | None = None) -> None:
    """End a trial; as `Study.tell`.

    Raises:
        UpdateFinishedTrialError: another driver has ended it.
    """
    try:
        study.tell(trial, values, state)
    except ValueError as error:  # Optuna's where it knows before it writes
        if study._storage.get_trial(trial._trial_id).state.is_finished():
            raise UpdateFinishedTrialError(str(error)) from None
        raise


def ask(study: Study, space: Mapping[str, BaseDistribution]) -> Trial:
    """A trial of what the study's sampler proposes; as `Study.ask`, but none that waits in the queue.

    Raises:
        Exhausted: there is no network left to propose.
    """
    study._thread_local.cached_all_trials = None
    trial = Trial(study, study._storage.create_new_trial(study._study_id))
    for name, distribution in space.items():
        trial._suggest(name, distribution)
    _ = trial.relative_params  # asks the sampler, which drawing parameters does, but a space of one network has none
    return trial


def reopen(trial: Trial) -> None:
    """Forget that an evaluation failed, since it is tried again."""
    if trial_notes(trial).get("error"):
        note_trial(trial, "error", None)


def note_proposal(study: Study, trial: FrozenTrial, drawn: Drawn, expected_gain: float | None = None) -> None:
    """Note how a sampler came to what it proposes for `trial`, which it is being asked about."""
    noted = live(study, trial)
    note_trial(noted, "drawn", drawn)
    if expected_gain is not None:
        note_trial(noted, "expected_gain", expected_gain)


def left_running(study: Study, driver: str | None) -> list[Trial]:
    """The trials that an earlier process of this driver was evaluating, or that failed there for a passing reason."""
    left = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
    return [live(study, trial) for trial in left if trial_notes(trial).get("driver") == driver]


def running(study: Study) -> list[TrialRecord]:
    """The trials that are being evaluated, by whomever."""
    return [read_trial(trial) for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))]


def live(study: Study, trial: FrozenTrial) -> Trial:
    """A trial that can be written."""
    # Optuna offers no public way from a frozen trial, which samplers and resumed runs get, to one that can be written
    return Trial(study, trial._trial_id)


def _gave(rung: RungRecord) -> float | Mapping[str, float]:
    return cast(float, rung.accuracy) if rung.scores is None else rung.scores
