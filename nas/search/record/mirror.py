"""A storage elsewhere as one driver sees it: its trials in memory, and an outage waited for.

What is written goes there at once, and is then changed here; what others write is fetched now and then. So a search
asks little of a database, and a server that is started anew or cannot be reached for a while costs that while alone.
"""

import threading
import time
from collections.abc import Callable, Container, Sequence
from copy import copy
from copy import deepcopy as copied
from datetime import datetime
from typing import Any, TypeVar

from optuna.distributions import BaseDistribution
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.study._frozen import FrozenStudy
from optuna.trial import FrozenTrial, TrialState

T = TypeVar("T")

OUTAGE_S = 600.0
"""A storage may be unreachable for so long."""
FRESH_S = 1.0
"""What others changed is known after this time at most."""
PAUSE_S = 2.0
"""Between two attempts to reach it."""


class Mirror(BaseStorage):
    """The one study that is used of `storage`.

    Args:
        storage: A `Database` or a `Proxy`.
        passes: Whether an error of it is an outage.
        shared: Whether others write to the study.
        tell: Told of an outage, and of its end.
    """

    def __init__(
        self, storage: Any, passes: Callable[[Exception], bool], shared: bool, tell: Callable[[str], None]
    ) -> None:
        self._storage: BaseStorage = storage
        self._remote = storage  # the same, for what is no method of every storage
        self._passes, self._shared, self._tell = passes, shared, tell
        self._lock = threading.RLock()
        self._trials: list[FrozenTrial] = []
        self._number: dict[int, int] = {}
        self._read = -float("inf")

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        """Of two that are created at once the lower number is there when the other one comes to know of its own."""
        with self._lock:
            new: FrozenTrial = self._patiently(self._remote._create_new_trial, study_id, template_trial)
            if new.number == len(self._trials):
                self._keep([new])
            else:
                self._fetch(study_id, set())
            return int(new._trial_id)

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """All trials; those of others as they were a moment ago."""
        with self._lock:
            age = time.monotonic() - self._read
            if age > FRESH_S if self._shared else age == float("inf"):
                self._fetch(study_id, {trial._trial_id for trial in self._trials if not trial.state.is_finished()})
                self._read = time.monotonic()
            found = [trial for trial in self._trials if states is None or trial.state in states]
        return copied(found) if deepcopy else found

    def get_trial(self, trial_id: int) -> FrozenTrial:
        """The trial of that id."""
        with self._lock:
            return self._trials[self._number[trial_id]]

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        """There, then here."""
        with self._lock:
            self._write(self._storage.set_trial_user_attr, trial_id, key, value)
            self._change(trial_id, lambda trial: setattr(trial, "user_attrs", {**trial.user_attrs, key: value}))

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        """There, then here."""
        with self._lock:
            self._write(self._storage.set_trial_system_attr, trial_id, key, value)
            self._change(trial_id, lambda trial: setattr(trial, "system_attrs", {**trial.system_attrs, key: value}))

    def set_trial_param(self, trial_id: int, param_name: str, param_value_internal: float, distribution: Any) -> None:
        """There, then here."""
        with self._lock:
            self._write(self._storage.set_trial_param, trial_id, param_name, param_value_internal, distribution)
            self._change(trial_id, lambda trial: _set_param(trial, param_name, param_value_internal, distribution))

    def set_trial_state_values(self, trial_id: int, state: TrialState, values: Sequence[float] | None = None) -> bool:
        """There, then here; an end that was written before the answer was lost is no other's."""

        def end(trial_id: int) -> bool:
            tried.append(True)
            try:
                return bool(self._storage.set_trial_state_values(trial_id, state, values))
            except UpdateFinishedTrialError:
                now = self._storage.get_trial(trial_id)
                if len(tried) > 1 and (now.state, now.values) == (state, None if values is None else list(values)):
                    return True
                raise

        tried: list[bool] = []
        with self._lock:
            done = self._write(end, trial_id)
            if done:
                self._change(trial_id, lambda trial: _end(trial, state, values))
            return done

    def set_trial_intermediate_value(self, trial_id: int, step: int, intermediate_value: float) -> None:
        """Unused: a search reports no values before the end."""
        raise NotImplementedError

    def create_new_study(self, directions: Sequence[StudyDirection], study_name: str | None = None) -> int:
        """Passed on."""
        return self._patiently(self._storage.create_new_study, directions, study_name)

    def delete_study(self, study_id: int) -> None:
        """Unused: a search deletes none."""
        raise NotImplementedError

    def set_study_user_attr(self, study_id: int, key: str, value: Any) -> None:
        """Passed on."""
        self._patiently(self._storage.set_study_user_attr, study_id, key, value)

    def set_study_system_attr(self, study_id: int, key: str, value: Any) -> None:
        """Passed on."""
        self._patiently(self._storage.set_study_system_attr, study_id, key, value)

    def get_study_id_from_name(self, study_name: str) -> int:
        """Passed on."""
        return self._patiently(self._storage.get_study_id_from_name, study_name)

    def get_study_name_from_id(self, study_id: int) -> str:
        """Passed on."""
        return self._patiently(self._storage.get_study_name_from_id, study_id)

    def get_study_directions(self, study_id: int) -> list[StudyDirection]:
        """Passed on."""
        return self._patiently(self._storage.get_study_directions, study_id)

    def get_study_user_attrs(self, study_id: int) -> dict[str, Any]:
        """Passed on."""
        return self._patiently(self._storage.get_study_user_attrs, study_id)

    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        """Passed on."""
        return self._patiently(self._storage.get_study_system_attrs, study_id)

    def get_all_studies(self) -> list[FrozenStudy]:
        """Passed on."""
        return self._patiently(self._storage.get_all_studies)

    def close(self) -> None:
        """End its connections."""
        self._remote.close()

    def _write(self, call: Callable[..., T], trial_id: int, *arguments: Any) -> T:
        """`call` changes that trial; where another one has ended it, what others did is looked at anew."""
        try:
            return self._patiently(call, trial_id, *arguments)
        except UpdateFinishedTrialError:
            self._read = -float("inf")
            raise

    def _patiently(self, call: Callable[..., T], *arguments: Any) -> T:
        give_up, told = time.monotonic() + OUTAGE_S, False
        while True:
            try:
                result = call(*arguments)
            except Exception as error:  # of whichever driver
                if not self._passes(error) or time.monotonic() > give_up:
                    raise
                if not told:
                    self._tell("the storage cannot be reached; what is evaluated meanwhile is written when it can")
                told = True
                time.sleep(PAUSE_S)
            else:
                if told:
                    self._tell("the storage is reached again")
                return result

    def _fetch(self, study_id: int, changing: set[int]) -> None:
        """Trials that are new, and those of these ids."""
        newest = max(self._number, default=-1)
        self._keep(self._patiently(self._remote._get_trials, study_id, None, changing, newest))

    def _keep(self, found: Sequence[FrozenTrial]) -> None:
        for trial in sorted(found, key=lambda trial: trial.number):
            self._number[trial._trial_id] = trial.number
            self._trials[trial.number : trial.number + 1] = [trial]

    def _change(self, trial_id: int, change: Callable[[FrozenTrial], None]) -> None:
        """Others hold the trial as it was, and are not to see it change."""
        number = self._number[trial_id]
        trial = copy(self._trials[number])
        change(trial)
        self._trials[number] = trial


def _set_param(trial: FrozenTrial, name: str, internal: float, distribution: BaseDistribution) -> None:
    trial.params = {**trial.params, name: distribution.to_external_repr(internal)}
    trial.distributions = {**trial.distributions, name: distribution}


def _end(trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
    trial.state, trial.datetime_complete = state, datetime.now()
    if values is not None:
        trial.values = list(values)
