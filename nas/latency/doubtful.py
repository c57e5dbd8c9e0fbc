"""Measured times that can hardly be meant: all alike, of an impossible size, or longer where less is computed.

They are fitted all the same, since only who measured knows; but what is chosen by them is said to rest on them.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from nas.latency.profile import HardwareProfile
from nas.spaces.cost import cost

SHORTEST, LONGEST = 1e-4, 1e6
"""Milliseconds: no clock tells less than a tenth of a microsecond, and nobody waits a quarter of an hour."""

ALIKE = 1.02
"""Largest over smallest time below which networks of very different sizes count as alike."""

ENOUGH = 8
"""Of fewer networks nothing is said about their order."""


def doubtful_times(profile: HardwareProfile) -> list[str]:
    """What is doubtful about the networks measured for `profile`, in sentences."""
    return [f"the times of {profile.label} are doubtful: {why}" for why in _reasons(profile)]


def _reasons(profile: HardwareProfile) -> Iterator[str]:
    rows = profile.measurements
    times = [row.ms for row in rows]
    for row in (min(rows, key=lambda each: each.ms), max(rows, key=lambda each: each.ms)):
        if not SHORTEST <= row.ms <= LONGEST:
            yield f"{row.name} is given {row.ms:g} ms; the unit is the millisecond"
            break
    macs = [cost(row.architecture).macs for row in rows]
    if max(times) < ALIKE * min(times):
        if max(macs) > 2 * min(macs):
            yield (
                f"all {len(rows)} networks take {min(times):g} to {max(times):g} ms, though the largest computes "
                f"{max(macs) / min(macs):.0f} times as much as the smallest; measure again"
            )
    elif len(rows) >= ENOUGH and _concordance(macs, times) < 0:
        from scipy import stats  # 0.4 s of import, for a rare case

        tau = float(stats.kendalltau(macs, times).statistic)
        yield (
            f"the more a network computes, the less time it takes (Kendall tau {tau:.2f} over "
            f"{len(rows)} networks); measure again"
        )


def _concordance(macs: Sequence[float], times: Sequence[float]) -> float:
    """Of the sign of Kendall's tau: pairs in the same order less those in opposite ones."""
    (first, second), (third, fourth) = (np.meshgrid(values, values) for values in (macs, times))
    return float((np.sign(first - second) * np.sign(third - fourth)).sum())
