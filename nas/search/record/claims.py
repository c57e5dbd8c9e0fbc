"""Whose a network is, where several processes may propose it at once: the first trial's that was written with it.

A trial is written as one, its network with it, and storages number trials in the order in which they write them: a
row lock of the study in a database, the place in a journal. So whoever has written a trial sees every earlier one,
and of several trials with one network the first has it. The others are `yielded`, as is what a dead driver left.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.exceptions import UpdateFinishedTrialError
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial

from nas.search.record.draft import DraftStorage
from nas.search.record.notes import trial_notes
from nas.search.record.trial import live, read_trial, trials


def draft(
    storage: DraftStorage, study_id: int, space: Mapping[str, BaseDistribution], params: Mapping[str, Any]
) -> FrozenTrial:
    """A draft of these parameters, which nobody proposed."""
    trial = storage.get_trial(storage.create_new_trial(study_id))
    trial.params, trial.distributions = dict(params), dict(space)
    trial.system_attrs["fixed_params"] = dict(params)
    return trial


def begin(study: Study, drafted: FrozenTrial) -> Trial | None:
    """Write a drafted trial; None where it is over already, or another driver was first to take its network."""
    trial = Trial(study, study._storage.create_new_trial(study._study_id, drafted))
    if drafted.state.is_finished():
        return None
    key = read_trial(drafted).key
    first = next(each for each in trials(study) if each.key == key and each.state not in ("yielded", "rejected"))
    if first.number == trial.number:
        return trial
    with suppress(UpdateFinishedTrialError):  # by another driver, which took this one for dead
        give_up(study, trial)
    if first.state == "running" and first.driver == trial_notes(drafted).get("driver"):
        return live(study, study.get_trials(deepcopy=False)[first.number])  # a first answer got lost on its way here
    return None


def give_up(study: Study, trial: Trial | FrozenTrial) -> None:
    """Leave the network of a trial to another trial of it.

    Raises:
        UpdateFinishedTrialError: another driver has ended the trial.
    """
    study._storage.set_trial_system_attr(trial._trial_id, "state", "yielded")
    study._storage.set_trial_state_values(trial._trial_id, TrialState.PRUNED)


def take_over(study: Study, number: int, driver: str) -> Trial | None:
    """A trial for this driver, with all that trial `number` of a dead one had reached; None where another has it."""
    left = study.get_trials(deepcopy=False)[number]
    try:
        give_up(study, left)
    except UpdateFinishedTrialError:
        return None
    notes = {key: value for key, value in trial_notes(left).items() if key not in ("state", "error")}
    again = create_trial(
        state=TrialState.RUNNING,
        params=left.params,
        distributions=left.distributions,
        user_attrs=left.user_attrs,
        system_attrs={**notes, "driver": driver},
    )
    return begin(study, again)


def claim_finish(study: Study, driver: str) -> None:
    """Write that this driver would do what follows the search; the first that lives does it, see `finishers`."""
    notes = {"state": "yielded", "finisher": driver}
    study.add_trial(create_trial(state=TrialState.PRUNED, system_attrs=notes))


def finishers(study: Study) -> list[str]:
    """Who would do what follows the search, in the order in which they said so."""
    every = (trial_notes(trial).get("finisher") for trial in study.get_trials(deepcopy=False))
    return [driver for driver in every if driver is not None]
