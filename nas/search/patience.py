"""When a search has nothing more to gain: the hypervolume that the next networks are expected to add."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from optuna.study import Study

from nas.problem import Problem
from nas.search.front import hypervolume
from nas.search.record.trial import records


@dataclass(frozen=True, slots=True)
class Patience:
    """Enough is when the next `trials` networks are expected to add less than the share `gain` of the hypervolume."""

    trials: int
    gain: float

    def enough(self, problem: Problem, study: Study, reference: Mapping[str, float]) -> str:
        """Why the search should end, in words; empty while it should go on. A function of the record alone."""
        expected = expected_gain(problem, study, reference, self.trials)
        if expected is None or expected >= self.gain:
            return ""
        return f"{self.trials} more networks are expected to raise the hypervolume by {expected:.2%}"


def expected_gain(problem: Problem, study: Study, reference: Mapping[str, float], trials: int) -> float | None:
    """The hypervolume that `trials` more networks are expected to add, as a share of the present one.

    The larger of two estimates, so that neither a model too sure of itself nor luck alone ends a search: what the
    last `trials` finished networks did add (gains diminish, so the next add less on average), and what the sampler
    expected of them, where it noted that.
    None while no network was complete before those.
    """
    finished = [trial for trial in records(study) if trial.state in ("complete", "stopped", "failed")]
    points = [[trial.values(problem)] if trial.state == "complete" else [] for trial in finished]
    before, now = (
        hypervolume([point for found in some for point in found], problem.objectives, reference)
        for some in (points[:-trials], points)
    )
    if before == 0:
        return None
    hoped = [trial.expected_gain for trial in finished[-trials:] if trial.expected_gain is not None]
    return max(now - before, trials * float(np.mean(hoped)) if hoped else 0.0) / now
