"""Networks that a profile has never seen, drawn from its space and measured on the host it was recorded on.

Among them some networks of the profile are measured again, since the host itself may be slower or faster now than when
it was recorded (another virtual machine on its caches, another temperature): no model of layers can know that.
"""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nas.errors import ProfileError
from nas.latency.profile import HardwareProfile, Measurement, read_profile_yaml
from nas.reading.checks import checked
from nas.reading.words import cut
from nas.recording.bundle import configuration, locked, recorded_cores, validation_chunk, write_bundle
from nas.recording.design import burst_seconds
from nas.recording.devices.host import measure_here
from nas.recording.profile_writer import SOURCE
from nas.recording.recordings import read_results
from nas.recording.rows import Recorded
from nas.recording.runner.figures import PASSES
from nas.recording.runner.machine import environment
from nas.spaces.architecture import Architecture
from nas.spaces.load import load_space
from nas.spaces.space import SearchSpace

_DRAWS = 100  # of networks drawn at the most, for each that is wanted
_KNOWN = 10  # networks of the profile that are measured again
_WARM_UP = 1.3  # seconds of measuring, for each of bursts


@dataclass(frozen=True, slots=True)
class Remeasured:
    """Fresh networks and their times. `drawn` counts those that did not settle, too, which `rows` lacks.

    `pace`: the median of milliseconds now over those recorded, of `known` networks of the profile measured among them.
    """

    rows: tuple[Measurement, ...]
    drawn: int
    search_space: str
    seed: int
    date: str
    runtime_version: str
    pace: float
    known: int


@dataclass(frozen=True, slots=True)
class RemeasurePlan:
    """What is to be measured: `planned` is a plan as nas.record's, `work` the folder in which it is resumed.

    `known`: recorded milliseconds, by name, of the planned networks that the profile holds.
    """

    planned: dict[str, Any]
    known: dict[str, float]
    work: Path
    runtime_version: str


def plan_remeasure(
    profile: HardwareProfile, folder: Path, count: int, seed: int, search_space: str | None
) -> RemeasurePlan:
    """Plan `count` networks for the profile in `folder`; `search_space`: None is the one it was recorded for.

    Raises:
        ProfileError: it was not recorded on this host, or its space has too few networks that it lacks.
        SpaceError: there is no such space.
    """
    here = environment()
    recorded = recorded_facts(folder, profile.configuration)
    if profile.source != SOURCE or not recorded:
        raise ProfileError(
            f"{profile.label} was not recorded by nas.record but is known from elsewhere ({cut(profile.device)}): "
            "remeasure needs a profile recorded on this host"
        )
    where = f"{cut(str(folder / 'profile.yaml'), 200)}: configurations.{profile.configuration}.recorded"
    checked(Recorded, recorded, where, ProfileError)
    if (profile.soc, recorded["logical_cores"]) != (here["cpu"], here["logical_cores"]):
        raise ProfileError(
            f"{profile.label} was recorded on {cut(profile.device)}; this host is {here['cpu']}, "
            f"{here['logical_cores']} cores: remeasure on the host of the recording"
        )
    space = load_space(search_space or recorded["search_space"])
    burst_s = burst_seconds(max(float(recorded["minutes"]), 0.01))
    options = {key: recorded[key] for key in ("optimization", "spinning")}
    known = _spread(profile.measurements, min(_KNOWN, count))
    chunk = [*fresh_networks(profile, space, count, seed), *(row.architecture for row in known)]
    planned = {
        "search_space": space.name,
        "seed": seed,
        "minutes": len(chunk) * PASSES["network"] * _WARM_UP * burst_s / 60,
        "burst_s": burst_s,
        "configurations": [
            {**configuration(profile.threads, profile.precision, recorded_cores(profile), profile.batch), **options}
        ],
        "chunks": [validation_chunk(chunk)],
    }
    work = Path("runs", f"validate-{profile.name}-{profile.configuration}")
    return RemeasurePlan(planned, {row.architecture.key: row.ms for row in known}, work, here["runtime_version"])


def fresh_networks(profile: HardwareProfile, space: SearchSpace, count: int, seed: int) -> list[Architecture]:
    """Distinct networks of `space`, every choice uniform, that `profile` has not measured.

    Raises:
        ProfileError: there are not as many, or the draws did not come upon them.
    """
    known = {row.architecture for row in (*profile.measurements, *profile.held_out)}
    fresh: dict[Architecture, None] = {}
    for row in space.sample(np.random.default_rng(seed), _DRAWS * count):
        arch = space.architecture(row)
        if arch not in known:
            fresh[arch] = None
        if len(fresh) == count:
            return list(fresh)
    raise ProfileError(
        f"{_DRAWS * count} draws from {space.name} gave {len(fresh)} networks that {profile.label} lacks"
    )


def remeasure(plan: RemeasurePlan, report: Callable[[str], None]) -> Remeasured:
    """Measure on this host; `report` gets lines of progress. Stopped, it goes on from there.

    Raises:
        NasError: another command measures in the same folder, or the measuring failed.
        ProfileError: none of the networks settled.
    """
    (chunk,), (settings,) = plan.planned["chunks"], plan.planned["configurations"]
    with locked(plan.work, "nas.validate"):
        write_bundle(plan.work, plan.planned)
        measure_here(plan.work, report)
        recording = read_results(plan.work / "results.jsonl")[settings["name"]]
    times = {row["name"]: row for row in recording.tables["latency.csv"]}
    rows = tuple(
        Measurement(
            entry["id"],
            Architecture.from_notation(entry["notation"]),
            float(times[entry["id"]]["mean_ms"]),
            float(times[entry["id"]]["spread_ms"]),
        )
        for entry in chunk
        if entry["id"] in times and entry["id"] not in plan.known
    )
    known = [float(times[key]["mean_ms"]) / ms for key, ms in plan.known.items() if key in times]
    drawn = len(chunk) - len(plan.known)
    if not rows or not known:
        discard(plan)
        raise ProfileError(f"too few of {len(chunk)} networks settled: measure again, with less else running")
    facts = recording.settings["recorded"]
    about = (facts["search_space"], facts["seed"], facts["date"], facts["runtime_version"])
    return Remeasured(rows, drawn, *about, float(np.median(known)), len(known))


def discard(plan: RemeasurePlan) -> None:
    """Delete what was measured, so that the next time everything is measured again."""
    shutil.rmtree(plan.work)


def recorded_facts(folder: Path, configuration: str) -> dict[str, Any]:
    """What nas.record noted of a configuration; {} where it was not recorded."""
    return dict(read_profile_yaml(folder / "profile.yaml")["configurations"][configuration].get("recorded") or {})


def _spread(rows: Sequence[Measurement], count: int) -> list[Measurement]:
    """`count` of `rows`, from the fastest to the slowest in equal steps of rank."""
    ordered = sorted(rows, key=lambda row: row.ms)
    return [ordered[round(place)] for place in np.linspace(0, len(ordered) - 1, min(count, len(ordered)))]
