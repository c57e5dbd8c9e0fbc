"""Millijoules of an inference, predicted as milliseconds are: the same model, intervals and validation.

A profile may hold them of some of its networks (energy_table.py); where the runtime's own split over layers was
recorded, that is of milliseconds alone, so energy is a sum of features (linear.py) for every profile.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from nas.errors import ProfileError
from nas.latency.predictor import LatencyPredictor, predictor
from nas.latency.profile import FEWEST, HardwareProfile, Measurement


def energy_profile(profile: HardwareProfile) -> HardwareProfile | None:
    """`profile` with millijoules in place of milliseconds, of the networks that have them; None where none has.

    Raises:
        ProfileError: too few have them for a fit.
    """
    rows, held_out = _millijoules(profile.measurements), _millijoules(profile.held_out)
    if not rows and not held_out:
        return None
    if len(rows) < FEWEST:
        raise ProfileError(f"{profile.label} has the energy of {len(rows)} networks; a fit needs {FEWEST} or more")
    return replace(profile, measurements=rows, held_out=held_out, layer_times=())


@lru_cache(maxsize=32)
def energy_predictor(profile: HardwareProfile) -> LatencyPredictor | None:
    """What predicts millijoules; None where the profile holds none.

    Raises:
        ProfileError: too few networks have them for a fit.
    """
    found = energy_profile(profile)
    return None if found is None else predictor(found)


def _millijoules(rows: Sequence[Measurement]) -> tuple[Measurement, ...]:
    return tuple(
        replace(row, ms=row.mj, spread_ms=row.spread_mj, layers_ms=(), other_ms=0.0) for row in rows if row.mj > 0
    )
