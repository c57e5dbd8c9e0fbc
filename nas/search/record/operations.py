"""The lines of an Optuna journal, an operation each: their schema, and what each takes for granted."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any, Literal

from annotated_types import Ge, Le, Len, Predicate
from optuna.distributions import json_to_distribution
from optuna.storages.journal._storage import JournalOperation
from optuna.trial import TrialState

from nas.errors import RunError
from nas.reading.checks import Number, Whole, checked
from nas.reading.words import short
from nas.results.costs import TRIAL_COSTS
from nas.search.record.trial import Drawn, RungRecord

_NEEDED: Mapping[int, tuple[str, ...]] = {
    JournalOperation.CREATE_STUDY: ("study_name", "directions"),
    JournalOperation.DELETE_STUDY: ("study_id",),
    JournalOperation.SET_STUDY_USER_ATTR: ("study_id", "user_attr"),
    JournalOperation.SET_STUDY_SYSTEM_ATTR: ("study_id", "system_attr"),
    JournalOperation.CREATE_TRIAL: ("study_id", "datetime_start"),
    JournalOperation.SET_TRIAL_PARAM: ("trial_id", "param_name", "param_value_internal", "distribution"),
    JournalOperation.SET_TRIAL_STATE_VALUES: ("trial_id", "state", "values"),
    JournalOperation.SET_TRIAL_INTERMEDIATE_VALUE: ("trial_id", "step", "intermediate_value"),
    JournalOperation.SET_TRIAL_USER_ATTR: ("trial_id", "user_attr"),
    JournalOperation.SET_TRIAL_SYSTEM_ATTR: ("trial_id", "system_attr"),
}
_MAY_BE_NULL = ("datetime_start", "values")


@lru_cache(maxsize=4096)
def distribution(text: str) -> Any:
    """The distribution that Optuna writes as `text`; the same object for equal texts, of which a space has a few."""
    return json_to_distribution(text)


def _is_distribution(text: str) -> bool:
    try:
        distribution(text)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return False
    return True


def _is_time(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


_Id = Annotated[Whole, Ge(0)]
_State = Annotated[Whole, Ge(0), Le(4)]
_One = Annotated[dict[str, Any], Len(1, 1)]
_Time = Annotated[str, Predicate(_is_time)]
_Distribution = Annotated[str, Predicate(_is_distribution)]


@dataclass(frozen=True, slots=True)
class Operation:
    """A line of the journal; which keys it must have depends on `op_code`."""

    op_code: Annotated[Whole, Ge(0), Le(9)]
    worker_id: str
    study_id: _Id | None = None
    study_name: str | None = None
    directions: Annotated[list[Literal[1, 2]], Len(1)] | None = None
    trial_id: _Id | None = None
    user_attr: _One | None = None
    system_attr: _One | None = None
    datetime_start: _Time | None = None
    datetime_complete: _Time | None = None
    state: _State | None = None
    values: list[Number] | None = None
    param_name: str | None = None
    param_value_internal: Number | None = None
    distribution: _Distribution | None = None
    step: Whole | None = None
    intermediate_value: Number | None = None
    user_attrs: dict[str, Any] = field(default_factory=dict)
    system_attrs: dict[str, Any] = field(default_factory=dict)
    params: dict[str, Number] = field(default_factory=dict)
    distributions: dict[str, _Distribution] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Notes:
    """What is noted of a study or a trial; the results of jobs are checked when they are asked for."""

    settings: dict[str, Any] | None = None
    candidate: Annotated[dict[str, Any], TRIAL_COSTS] | None = None
    rungs: list[RungRecord] | None = None
    error: str | None = None
    state: Literal["rejected", "yielded"] | None = None
    driver: str | None = None
    finisher: str | None = None
    drawn: Drawn | None = None
    expected_gain: Number | None = None


@dataclass(slots=True)
class _Trial:
    study: int
    parameters: set[str] = field(default_factory=set)
    notes: set[str] = field(default_factory=set)


class Sequel:
    """What the operations so far have made, which those that follow must fit."""

    def __init__(self) -> None:
        self._objectives: list[int] = []
        self._trials: list[_Trial] = []
        self._parameters: set[str] = set()

    def add(self, line: Any) -> None:
        """Check the next operation.

        Raises:
            RunError: it is none, names a study or a trial that is not there, or tells a trial of which a part is
                missing.
        """
        found = checked(Operation, line, "an operation", RunError)
        for key in _NEEDED[found.op_code]:
            if key not in line or (line[key] is None and key not in _MAY_BE_NULL):
                raise RunError(f"{key} is missing in an operation {found.op_code}")
        if notes := found.system_attr or found.system_attrs:
            checked(_Notes, notes, "a note", RunError)
        if found.directions is not None:
            self._objectives.append(len(found.directions))
        if found.study_id is not None:
            if found.study_id >= len(self._objectives):
                raise RunError(f"there is no study {short(found.study_id)} before it")
            if found.op_code == JournalOperation.CREATE_TRIAL:
                self._trials.append(_Trial(found.study_id))
                self._change(self._trials[-1], found)
        if found.trial_id is not None:
            if found.trial_id >= len(self._trials):
                raise RunError(f"there is no trial {short(found.trial_id)} before it")
            self._change(self._trials[found.trial_id], found)

    def _change(self, trial: _Trial, found: Operation) -> None:
        trial.notes |= (found.system_attr or found.system_attrs).keys()
        values, distributions = dict(found.params), dict(found.distributions)
        if found.param_name is not None and found.distribution is not None and found.param_value_internal is not None:
            values[found.param_name], distributions[found.param_name] = found.param_value_internal, found.distribution
        for name, value in values.items():
            if name not in distributions:
                raise RunError(f"distributions: {short(name)} is missing")
            if not distribution(distributions[name])._contains(value):
                raise RunError(f"param_value_internal: {short(value)} is outside the distribution")
            trial.parameters.add(name)
        if found.state == TrialState.COMPLETE:
            wanted = self._objectives[trial.study]
            if len(found.values or ()) != wanted:
                raise RunError(f"values: {wanted} are needed, got {short(found.values)}")
            self._parameters = self._parameters or trial.parameters
            if trial.parameters != self._parameters or not {"candidate", "rungs"} <= trial.notes:
                raise RunError("a line before it is missing, of what its trial proposed or gave")
