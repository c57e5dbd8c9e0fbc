"""What the project itself reads back from a study: Optuna's system attributes, each under a name.

User attributes are for people: Optuna's own tools show them all, so there are few, and nothing reads them.
"""

from collections.abc import Mapping
from typing import Any

from optuna.study import Study
from optuna.trial import FrozenTrial, Trial

# Optuna offers no public way to write system attributes, nor one to read those of a trial that runs.


def study_notes(study: Study) -> Mapping[str, Any]:
    """What is noted of the whole study."""
    return study._storage.get_study_system_attrs(study._study_id)


def note_study(study: Study, name: str, value: Any) -> None:
    """Note `value`, which is plain JSON."""
    study._storage.set_study_system_attr(study._study_id, name, value)


def trial_notes(trial: Trial | FrozenTrial) -> Mapping[str, Any]:
    """What is noted of a trial."""
    return trial.system_attrs if isinstance(trial, FrozenTrial) else trial._cached_frozen_trial.system_attrs


def note_trial(trial: Trial, name: str, value: Any) -> None:
    """Note `value`, which is plain JSON."""
    trial.storage.set_trial_system_attr(trial._trial_id, name, value)
    trial._cached_frozen_trial.system_attrs[name] = value
