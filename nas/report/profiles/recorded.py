"""What `nas.record` says of a profile that it has written."""

import os
from pathlib import Path

from nas.latency.profile import HardwareProfile, known_profiles, load_profile
from nas.latency.validation import kept_back, leave_one_out, predictable
from nas.recording.recordings import Recording


def counts(folder: Path, recording: Recording) -> str:
    """How many models a recording has."""
    pace = recording.settings["recorded"]["pace"]
    drift = f"; pace {pace[0]:.2f} to {pace[1]:.2f} of its median" if pace else ""
    return (
        f"{folder}:{recording.name}: {recording.count('fit')} networks to fit, {recording.count('validate')} to "
        f"validate, {len(recording.tables['layers.csv'])} layers; {recording.unsettled} did not settle and are left out"
        f"{drift}"
    )


def quality(folder: Path, name: str) -> str:
    """How far the profile that was written is off on networks it was not fitted to."""
    profile = load_profile(f"{folder}:{name}")
    errors = leave_one_out(profile)
    kept = predictable(profile, profile.held_out)
    unseen = kept_back(profile, kept) if kept else None
    back = f"; on {unseen.n} kept back by {unseen.mape_percent:.1f} %" if unseen else ""
    return (
        f"{folder}:{name}: each of {errors.n} networks, predicted from the others, errs by {errors.mape_percent:.1f} % "
        f"in the mean, {errors.max_percent:.1f} % at most{back}"
    )


def adapted(folder: Path, profile: HardwareProfile, *, chosen: bool) -> str:
    """What a few-shot profile adapts, which was `chosen` among the known ones or named, and its error."""
    how, errors = ", the most alike of the known ones" if chosen else "", leave_one_out(profile)
    return (
        f"{folder}:{profile.configuration}: {len(profile.measurements)} networks adapt {profile.like}{how}; each "
        f"predicted from the others errs by {errors.mape_percent:.1f} % in the mean, {errors.max_percent:.1f} % at most"
    )


def advice(folder: Path) -> str:
    """How to predict and to search with the profile, by its name where that means it."""
    named = folder.parent == Path("hardware_profiles") and folder.name not in known_profiles()
    is_path = folder.is_absolute() or str(folder).startswith(("~", ".."))
    where = folder.name if named else folder if is_path else f".{os.sep}{folder}"
    return (
        f"predict or search with it:\n  python -m nas.predict hardware={where} arch=mobilenet_v2\n"
        f"  python -m nas.search hardware={where} budget=300M"
    )
