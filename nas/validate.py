"""`python -m nas.validate hardware=pixel4`: a profile's error on networks left out of its fit."""

import json
from dataclasses import dataclass
from typing import Literal

from nas.commandline import Invocation, command, warn
from nas.errors import ConfigError
from nas.latency.doubtful import doubtful_times
from nas.latency.energy import energy_profile
from nas.latency.profile import HardwareProfile, Measurement, load_profile, profile_folder, zip_of
from nas.latency.validation import Validation, predictable, validate_kept_back, validate_left_out
from nas.recording.remeasure import discard, plan_remeasure, remeasure
from nas.recording.validation_file import COLUMNS
from nas.report.measuring import last_line, note
from nas.report.profiles.validation import print_energy, print_validation, store_validation


@dataclass(frozen=True, slots=True)
class ValidateSettings:
    """What `nas.validate` can be told."""

    hardware: str
    """A profile's name, name:configuration such as pixel4:1large_int8, or a folder."""
    remeasure: int
    """Networks to draw and measure now, such as 20, on the host that the profile was recorded on; 20 take a minute."""
    seed: int
    """Of that draw."""
    search_space: str | None
    """Of that draw, such as separable; null: the one the profile was recorded for."""
    store: bool
    """Write validation.json and validation.png into the profile's folder; false: only print."""
    format: Literal["text", "json"]
    """text, or json."""

    def __post_init__(self) -> None:
        for key, value, most in (("remeasure", self.remeasure, 1000), ("seed", self.seed, 10**9)):
            if not 0 <= value <= most:
                raise ConfigError(f"{key} must be from 0 to {most}, got {value}")
        if self.search_space is not None and not self.remeasure:
            raise ConfigError("search_space goes with remeasure=20, the networks to draw from it")


def main(settings: ValidateSettings, _: Invocation) -> None:
    """Print the error tables, beside what counting alone would give, and store them in the profile's folder."""
    profile, folder = load_profile(settings.hardware), profile_folder(settings.hardware)[0]
    for doubt in doubtful_times(profile):
        warn(doubt)
    fresh, plan = None, None
    if settings.remeasure:
        plan = plan_remeasure(profile, folder, settings.remeasure, settings.seed, settings.search_space)
        if plan.runtime_version != profile.runtime_version:
            note(f"measured with {profile.runtime} {plan.runtime_version}, recorded with {profile.runtime_version}")
        with last_line() as report:
            fresh = remeasure(plan, report)
    found = {"left_out": validate_left_out(profile)}
    for role, rows in (("kept_back", profile.held_out), ("measured_now", fresh.rows if fresh else ())):
        found |= _unseen(profile, role, rows)
    energy = _energy(profile)
    if settings.format == "json":
        tables = {role: found[role].table.to_json() if role in found else None for role in COLUMNS}
        joules = {"energy": {role: each.table.to_json() for role, each in energy.items()}} if energy else {}
        print(json.dumps({"hardware": profile.label, **tables, **joules}))
    else:
        print_validation(profile, found, fresh)
        if energy:
            print_energy(energy)
    if settings.store and zip_of(settings.hardware):
        note("a zip is never written into; nothing is stored")
    elif settings.store:
        store_validation(profile, folder, found, fresh, energy)
    if plan:
        discard(plan)


def _energy(profile: HardwareProfile) -> dict[str, Validation]:
    """The validation of the profile's millijoules by role; empty where it has none."""
    joules = energy_profile(profile)
    if joules is None:
        return {}
    return {"left_out": validate_left_out(joules), **_unseen(joules, "kept_back", joules.held_out)}


def _unseen(profile: HardwareProfile, role: str, rows: tuple[Measurement, ...]) -> dict[str, Validation]:
    """The validation on `rows`, as the role; those with a kind of layer that nobody measured are left out, and told."""
    known = predictable(profile, rows)
    if len(known) < len(rows):
        note(
            f"{COLUMNS[role]}: {len(rows) - len(known)} of {len(rows)} networks have a kind of layer that "
            f"{profile.label} has not measured, and are left out"
        )
    return {role: validate_kept_back(profile, known)} if known else {}


if __name__ == "__main__":
    command("validate", ValidateSettings, main)
