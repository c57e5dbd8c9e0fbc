"""`python -m nas.record hardware=my_box`: write the profile of a device, measured here or elsewhere."""

import math
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Literal

from nas.commandline import Invocation, command, warn
from nas.errors import ConfigError, ProfileError
from nas.latency.doubtful import doubtful_times
from nas.latency.few_shot import few_shot, read_rows, write_few_shot
from nas.latency.profile import MOST_BATCH, load_profile
from nas.latency.profile_zip import pack
from nas.reading.numbers import decimal
from nas.reading.words import cut, short
from nas.recording.bundle import configuration, locked, plan, write_bundle
from nas.recording.busy import busy_warning
from nas.recording.devices import DEVICES, Kind
from nas.recording.devices.base import Reach, Report
from nas.recording.devices.target import Target, open_device
from nas.recording.profile_writer import make_folder, profile_to_write, recorded_profile, write_profile
from nas.recording.quality import Judging, good_enough, stages
from nas.recording.recordings import Recording, read_results
from nas.report.measuring import WRITING, bars
from nas.report.profiles.recorded import adapted, advice, counts, quality
from nas.spaces.load import load_space

Precision = Literal["fp32", "int8"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordSettings(Reach):
    """What `nas.record` can be told; how a device of ssh or adb is reached is among it."""

    hardware: str
    """The profile: a name such as my_box (a folder in ./hardware_profiles) or a path."""
    device: Kind
    """host: this machine; ssh, adb: another one; bundle: a zip to run by hand anywhere."""
    search_space: str
    """Whose layers and networks: a shipped space such as mobilenet_v2, or a YAML file."""
    minutes: float
    """Of measuring, for each combination of threads, precision and batch."""
    threads: int | list[int]
    """Of one inference; a list such as [1,2] measures both."""
    precision: Precision | list[Precision] | None
    """fp32, int8, or a list such as [fp32,int8]; null: fp32, or in few-shot that of like."""
    batch: int | list[int]
    """Images of an inference; a list such as [1,8] measures both."""
    cores: list[int] | None
    """Keep to these, such as [4,5,6,7]; null: all."""
    seed: int
    """Of the choice of networks."""
    until: str | float | None
    """Stop before the minutes are over once the mean error is this, such as 5%, each network predicted from the
    others; null: use all minutes."""
    import_: str | None
    """No measuring, only the profile: of a file such as results.jsonl of a bundle; few-shot: a table .csv, arch,ms."""
    like: str | None
    """Few-shot: the known profile to adapt, such as pixel4; null: the most alike."""
    export: str | None
    """Write the profile into this file too, such as my_box.zip, which `hardware=NAME.zip` uses anywhere; null: do
    not."""

    def __post_init__(self) -> None:
        if not 0 < self.minutes < 10_000:
            raise ConfigError(f"minutes must be above 0, got {self.minutes:g}")
        if self.until is not None:
            _ = self.until_percent
        if self.seed < 0:
            raise ConfigError(f"seed must be 0 or above, got {self.seed}")
        if not _listed(self.threads) or min(_listed(self.threads)) < 1:
            raise ConfigError(f"threads must be 1 or more, or a list of such numbers, got {short(self.threads)}")
        if not _listed(self.batch) or not all(1 <= batch <= MOST_BATCH for batch in _listed(self.batch)):
            raise ConfigError(
                f"batch must be from 1 to {MOST_BATCH}, or a list of such numbers, got {short(self.batch)}"
            )
        if self.precision == []:
            raise ConfigError("precision must be fp32, int8, or a list of them, got []")
        if self.cores is not None and (not self.cores or min(self.cores) < 0):
            raise ConfigError(f"cores must be a list of cores' numbers, or null for all, got {short(self.cores)}")
        if self.few_shot:
            self._check_few_shot()
        elif self.like is not None:
            given = "none" if self.import_ is None else f"import={cut(self.import_)}"
            raise ConfigError(f"like goes with a table of measured networks, import=NAME.csv; got {given}")
        if self.hardware.lower().endswith(".zip"):
            raise ConfigError(f"hardware: a zip is never written into, got {short(self.hardware)}; give a name")
        if self.export is not None:
            self._check_export(self.export)
        if self.import_ is None:
            self.target()
            if self.device == "host":
                self._check_host()

    @property
    def few_shot(self) -> bool:
        """Whether whole networks, timed by hand, are all there is."""
        return self.import_ is not None and self.import_.lower().endswith(".csv")

    @property
    def until_percent(self) -> float | None:
        """`until` as a number.

        Raises:
            ConfigError: it is none, or not from 0.1 to 100 percent.
        """
        if self.until is None:
            return None
        try:
            found = decimal(str(self.until).strip().removesuffix("%").strip())
        except ValueError:
            found = math.nan
        if not 0.1 <= found <= 100:
            raise ConfigError(f"until must be from 0.1% to 100%, such as 5%, got {short(self.until)}")
        return found

    def target(self) -> Target:
        """The device to measure on."""
        return Target(self.device, self)

    def plan(self) -> dict[str, Any]:
        """What to measure there."""
        space = load_space(self.search_space)
        cores = None if self.cores is None else tuple(self.cores)
        combinations = product(_listed(self.threads), _listed(self.precision or "fp32"), _listed(self.batch))
        configurations = [configuration(threads, precision, cores, batch) for threads, precision, batch in combinations]
        return plan(space, self.seed, self.minutes, configurations)

    def _check_export(self, export: str) -> None:
        file = Path(os.path.expanduser(export))
        if not export.lower().endswith(".zip") or os.path.isdir(file):
            raise ConfigError(f"export must be a file NAME.zip, got {short(export)}")
        if not os.path.isdir(file.parent):
            raise ConfigError(f"export: there is no folder {short(str(file.parent))}; make it first")
        if self.device == "bundle" and self.import_ is None:
            raise ConfigError("export goes with a profile, and device=bundle writes none; give it with import=")

    def _check_few_shot(self) -> None:
        if self.batch != 1:
            raise ConfigError(f"batch: a table of measured networks is of batch 1, got {short(self.batch)}")
        for key in ("threads", "precision"):
            if isinstance(value := getattr(self, key), list):
                raise ConfigError(f"{key}: a table of measured networks is of one configuration, got {short(value)}")

    def _check_host(self) -> None:
        here = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
        if self.cores is not None and not set(self.cores) <= set(here):
            raise ConfigError(f"cores must be among those of this host, {list(here)}, got {short(self.cores)}")
        if max(_listed(self.threads)) > len(self.cores or here):
            raise ConfigError(
                f"threads must be at most {len(self.cores or here)}, the cores here, got {short(self.threads)}"
            )


def main(settings: RecordSettings, _: Invocation) -> None:
    """Measure, or take what was measured elsewhere, and write the profile."""
    folder = profile_to_write(settings.hardware)
    _make(folder, settings)
    if settings.export is not None:
        file = Path(os.path.expanduser(settings.export))
        if os.sep in (like := load_profile(folder).like):
            raise ProfileError(f"export: the profile is like {cut(like, 200)}, which stays here; adapt one that ships")
        pack(folder, file)
        print(f"{cut(str(file), 200)} holds it; hardware={cut(str(file), 200)} uses it anywhere")


def _make(folder: Path, settings: RecordSettings) -> None:
    """The profile in `folder`, or the bundle that measures it."""
    if settings.few_shot:
        _adapt(folder, settings)
        return
    recorded_profile(folder)  # refuse a folder that is not ours before anything is measured
    if settings.import_ is not None:
        _write(folder, read_results(Path(os.path.expanduser(settings.import_))))
    elif DEVICES[settings.device].by_hand:
        _hand_over(folder.name, settings)
    else:
        _record(folder, settings)


def _adapt(folder: Path, settings: RecordSettings) -> None:
    """Write the few-shot profile of a table of measured networks."""
    assert settings.import_ is not None
    assert not isinstance(settings.threads, list)
    assert not isinstance(settings.precision, list)
    rows = read_rows(Path(os.path.expanduser(settings.import_)))
    about = {} if settings.cores is None else {"cores": ", ".join(map(str, settings.cores))}
    profile = few_shot(folder.name, rows, settings.like, settings.precision, settings.threads, about)
    write_few_shot(folder, profile)
    for doubt in doubtful_times(profile):
        warn(doubt)
    print(adapted(folder, profile, chosen=settings.like is None))
    print(advice(folder))


def _hand_over(name: str, settings: RecordSettings) -> None:
    """Write the bundle for a device where the user runs it."""
    planned = settings.plan()
    with tempfile.TemporaryDirectory() as folder:
        write_bundle(Path(folder), planned)
        open_device(settings.target(), name)(Path(folder), print)


def _record(folder: Path, settings: RecordSettings) -> None:
    """Measure on the device, going on from what was measured before, and write the profile."""
    planned, work = settings.plan(), Path("runs", f"record-{folder.name}")
    if settings.device == "host" and (busy := busy_warning(max(_listed(settings.threads)))):
        warn(busy)
    make_folder(folder)
    with locked(work, "nas.record"):
        print(WRITING, flush=True)
        with bars(planned) as report:
            _measure(settings, planned, work, Judging(report, work / "results.jsonl", settings.minutes))
        shutil.rmtree(work / "models")  # the plan makes them again, should more be measured
        found = read_results(work / "results.jsonl")
        _write(folder, {entry["name"]: found[entry["name"]] for entry in planned["configurations"]})


def _measure(settings: RecordSettings, planned: dict[str, Any], work: Path, report: Report) -> None:
    """Measure for the plan's minutes, or, with `until`, for as many of them as it takes."""
    names = [entry["name"] for entry in planned["configurations"]]
    for minutes in stages(settings.minutes) if settings.until_percent else [settings.minutes]:
        write_bundle(work, {**planned, "minutes": minutes})
        open_device(settings.target(), profile_to_write(settings.hardware).name)(work, report)
        if settings.until_percent and good_enough(work / "results.jsonl", names, settings.until_percent):
            return


def _write(folder: Path, recordings: Mapping[str, Recording]) -> None:
    for recording in recordings.values():
        print(counts(folder, recording))
    write_profile(folder, recordings)
    for name in recordings:
        print(quality(folder, name))
    print(advice(folder))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


if __name__ == "__main__":
    command("record", RecordSettings, main)
