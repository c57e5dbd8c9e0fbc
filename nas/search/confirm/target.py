"""The confirmed networks on the target itself, where it can be reached."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from nas.errors import ConfigError, NasError
from nas.latency.profile import HardwareProfile
from nas.measures import Interval
from nas.recording.bundle import configuration, recorded_cores, validation_chunk, write_bundle
from nas.recording.design import burst_seconds
from nas.recording.devices.target import Target, open_device
from nas.recording.graph import PRECISIONS
from nas.recording.profile_writer import SOURCE, device_words
from nas.recording.recordings import read_results
from nas.recording.runner.machine import environment
from nas.resources import names
from nas.search.confirm.files import Networks
from nas.search.confirm.network import Confirmed
from nas.search.context import Run
from nas.spaces.architecture import Architecture

_LONG = 60.0  # minutes: all networks are measured, however long that takes


@dataclass(frozen=True, slots=True)
class DeviceTiming:
    """Measures networks on `target`, as the profile says: threads, precision and, on its own device, cores."""

    profile: HardwareProfile
    target: Target

    def __post_init__(self) -> None:
        if self.profile.precision not in PRECISIONS:
            raise ConfigError(
                f"device={self.target.kind}: networks are measured at {names(PRECISIONS)}, and {self.profile.label} is "
                f"{self.profile.precision}; use device=none"
            )

    def __call__(
        self, networks: Mapping[str, Architecture], folder: Path, report: Callable[[str], None]
    ) -> dict[str, Interval]:
        """Milliseconds by name, without those whose bursts never agreed: the median of the bursts, and their range.

        Rows are kept in `folder`; what was measured is not measured again.

        Raises:
            NasError: the device cannot be reached or lacks something, or the measuring failed.
        """
        cores = recorded_cores(self.profile) if self.profile.source == SOURCE else None
        way = configuration(self.profile.threads, self.profile.precision, cores, self.profile.batch)
        planned = {
            "search_space": "confirmed networks",
            "seed": 0,
            "minutes": _LONG,
            "burst_s": burst_seconds(_LONG),
            "configurations": [way],
            "chunks": [validation_chunk(dict.fromkeys(networks.values()))],
        }
        write_bundle(folder, planned)
        open_device(self.target, f"search-{self.profile.name}")(folder, report)
        rows = read_results(folder / "results.jsonl")[way["name"]].tables["latency.csv"]
        found = {row["name"]: Interval(*(float(row[end]) for end in ("mean_ms", "low_ms", "high_ms"))) for row in rows}
        return {name: found[arch.key] for name, arch in networks.items() if arch.key in found}


def measure_on_target(run: Run, timing: DeviceTiming | None, networks: Networks) -> dict[str, Confirmed]:
    """The networks with their milliseconds on the target; as they are where there is none, or it is out of reach."""
    if timing is None or not networks:
        return dict(networks)
    run.display.stage("measuring", 1)
    try:
        architectures = {name: network.architecture for name, network in networks.items()}
        found = timing(architectures, run.folder / "measured", lambda line: None)
    except NasError as error:
        run.display.warning(f"the networks were not measured, their latencies are predicted: {error}")
        return dict(networks)
    run.display.advance()
    if unsettled := len(networks) - len(found):
        run.display.warning(f"{unsettled} of {len(networks)} networks did not settle, their latency is predicted")
    return {name: replace(network, measured=found.get(name)) for name, network in networks.items()}


def is_here(profile: HardwareProfile) -> bool:
    """Whether `profile` was recorded on this host, with the runtime that is installed here."""
    here = environment()
    alike = (profile.device, profile.runtime_version) == (device_words(here), here["runtime_version"])
    return profile.source == SOURCE and alike
