"""What `nas.record` says of a profile that it has written."""

import os
from pathlib import Path

from nas.latency.profile import HardwareProfile
from nas.latency.validation import leave_one_out
from nas.recording.recordings import Recording


def counts(folder: Path, recording: Recording) -> str:
    """How many models a recording has."""
    return (
        f"{folder}:{recording.name}: {recording.count('fit')} networks to fit, {recording.count('validate')} to "
        f"validate, {len(recording.tables['layers.csv'])} layers; {recording.unsettled} did not settle and are left out"
    )


def adapted(folder: Path, profile: HardwareProfile, *, chosen: bool) -> str:
    """What a few-shot profile adapts, which was `chosen` among the known ones or named, and its error."""
    how, errors = ", the most alike of the known ones" if chosen else "", leave_one_out(profile)
    return (
        f"{folder}:{profile.configuration}: {len(profile.measurements)} networks adapt {profile.like}{how}; each "
        f"predicted from the others errs by {errors.mape_percent:.1f} % in the mean, {errors.max_percent:.1f} % at most"
    )


def advice(folder: Path) -> str:
    """How to predict with the profile."""
    where = folder if folder.is_absolute() or str(folder).startswith(("~", "..")) else f".{os.sep}{folder}"
    return f"predict with it:\n  python -m nas.predict hardware={where} arch=mobilenet_v2"
