"""Whether a network may be evaluated."""

from optuna.trial import Trial

from nas.search.context import Run
from nas.search.parameters import decode
from nas.search.record.trial import read_trial, reject, write_candidate


def is_inside(run: Run, trial: Trial) -> bool:
    """Whether the network of `trial` is inside the budget; if not, the trial ends as rejected."""
    measures = read_trial(trial).measures
    if not measures:  # a resumed trial has them already
        candidate = run.problem.candidate(decode(run.problem.space, trial.params))
        measures = candidate.measures()
        if not trial.constraints:  # Optuna warns of a second time
            trial.set_constraint("budget", run.problem.budget.excess(measures) - 1)
        write_candidate(trial, measures)
    violation = run.problem.budget.violation(measures)
    if violation is None:
        return True
    reject(run.study, trial, violation)
    return False
