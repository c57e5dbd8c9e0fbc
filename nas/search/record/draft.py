"""Trials that are drafted in memory, beside those of the study, before each is written as one."""

from copy import copy
from datetime import datetime
from typing import Any, cast

from optuna.distributions import BaseDistribution
from optuna.storages import BaseStorage
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState


class DraftStorage:
    """A study's storage with trials more, which have ids below 0 and the numbers that follow.

    What is asked of it for these stays in memory, all else goes to the storage itself.
    """

    def __init__(self, storage: BaseStorage) -> None:
        self._storage = storage
        self.drafts: list[FrozenTrial] = []
        self.ends: dict[int, TrialState] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        """A draft, of which nothing is known yet."""
        number = len(self._storage.get_all_trials(study_id, deepcopy=False)) + len(self.drafts)
        self.drafts.append(_new(number, -1 - len(self.drafts)))
        return self.drafts[-1]._trial_id

    def get_trial(self, trial_id: int) -> FrozenTrial:
        """The trial or draft of that id."""
        return self.drafts[-1 - trial_id] if trial_id < 0 else self._storage.get_trial(trial_id)

    def get_all_trials(self, study_id: int, deepcopy: bool = True, states: Any = None) -> list[FrozenTrial]:
        """Those of the study, and the drafts."""
        drafts = [draft for draft in self.drafts if states is None or draft.state in states]
        return [*self._storage.get_all_trials(study_id, deepcopy, states), *drafts]

    def set_trial_param(self, trial_id: int, name: str, internal: float, distribution: BaseDistribution) -> None:
        """Note a parameter of a draft."""
        draft = self.drafts[-1 - trial_id]
        draft.params = {**draft.params, name: distribution.to_external_repr(internal)}
        draft.distributions = {**draft.distributions, name: distribution}

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Note an attribute of a draft."""
        self.drafts[-1 - trial_id].set_user_attr(key, value)

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Note what samplers and constraints keep of a draft."""
        self.drafts[-1 - trial_id].system_attrs[key] = value

    def set_trial_state_values(self, trial_id: int, state: TrialState, values: Any = None) -> bool:
        """Note how a draft is to end when it is written; until then it counts as running."""
        self.ends[trial_id] = state
        return True

    def get_trial_system_attrs(self, trial_id: int) -> dict[str, Any]:
        """What samplers and constraints keep of the trial or draft."""
        return self.get_trial(trial_id).system_attrs

    def clear(self, keep: int = 0) -> None:
        """Forget the drafts after the first `keep`."""
        del self.drafts[keep:]

    def written(self) -> list[FrozenTrial]:
        """The drafts as they are to be written; they are no drafts any more."""
        drafts, ends = self.drafts, self.ends
        self.drafts, self.ends = [], {}
        for draft in drafts:
            if (end := ends.get(draft._trial_id)) is not None:
                draft.state, draft.datetime_complete = end, datetime.now()
        return drafts


def _new(number: int, trial_id: int) -> FrozenTrial:
    return FrozenTrial(
        number=number,
        trial_id=trial_id,
        state=TrialState.RUNNING,
        value=None,
        datetime_start=datetime.now(),
        datetime_complete=None,
        params={},
        distributions={},
        user_attrs={},
        system_attrs={},
        intermediate_values={},
    )


def drafting(study: Study) -> tuple[Study, DraftStorage]:
    """`study` as one in whose storage new trials are drafts, and that storage."""
    storage = DraftStorage(study._storage)
    view = copy(study)
    view._storage = cast(BaseStorage, storage)
    return view, storage
