"""How sure a mean over seeds is."""

from collections.abc import Sequence

from scipy import stats


def half_width(values: Sequence[float]) -> float:
    """Half of the mean's 95 % interval by Student's t; not a number for fewer than two values."""
    return float(stats.t.ppf(0.975, len(values) - 1) * stats.sem(values)) if len(values) > 1 else float("nan")
