"""`python -m nas.record hardware=my_box`: write the profile of a device, measured here or elsewhere."""

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Literal

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from nas.commandline import Invocation, command
from nas.errors import ConfigError
from nas.latency.few_shot import few_shot, read_rows, write_few_shot
from nas.latency.validation import leave_one_out
from nas.recording.bundle import configuration, locked, plan, write_bundle, zip_bundle
from nas.recording.devices.reach import Target, device
from nas.recording.writer import Recording, make_folder, read_results, recorded_profile, write_profile
from nas.spaces.load import load_space

Precision = Literal["fp32", "int8"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_PROGRESS = re.compile(r"(\w\S*): (\d+) of (\d+) s: (.*)")


@dataclass(frozen=True, slots=True)
class RecordSettings:
    """What `nas.record` can be told."""

    hardware: str
    device: Literal["host", "ssh", "adb", "bundle"]
    host: str | None
    port: int | None
    identity: str | None
    serial: str | None
    python: str | None
    perf_test: str | None
    remote: str | None
    search_space: str
    minutes: float
    threads: int | list[int]
    precision: Precision | list[Precision] | None
    cores: list[int] | None
    seed: int
    import_: str | None
    like: str | None

    def __post_init__(self) -> None:
        if not 0 < self.minutes < 10_000:
            raise ConfigError(f"minutes must be above 0, got {self.minutes:g}")
        if self.seed < 0:
            raise ConfigError(f"seed must be 0 or above, got {self.seed}")
        if not _listed(self.threads) or min(_listed(self.threads)) < 1:
            raise ConfigError(f"threads must be 1 or more, or a list of such numbers, got {self.threads}")
        if self.precision == []:
            raise ConfigError("precision must be fp32, int8, or a list of them, got []")
        if self.cores is not None and (not self.cores or min(self.cores) < 0):
            raise ConfigError(f"cores must be a list of cores' numbers, or null for all, got {self.cores}")
        if self.few_shot:
            self._check_few_shot()
        elif self.like is not None:
            given = "none" if self.import_ is None else f"import={self.import_}"
            raise ConfigError(f"like goes with a table of measured networks, import=NAME.csv; got {given}")
        if self.import_ is None:
            self.target()
            if self.device == "host":
                self._check_host()

    @property
    def few_shot(self) -> bool:
        """Whether whole networks, timed by hand, are all there is."""
        return self.import_ is not None and self.import_.lower().endswith(".csv")

    def target(self) -> Target:
        """The device to measure on."""
        return Target(
            self.device, self.host, self.port, self.identity, self.serial, self.python, self.perf_test, self.remote
        )

    def _check_few_shot(self) -> None:
        for key in ("threads", "precision"):
            if isinstance(value := getattr(self, key), list):
                raise ConfigError(f"{key}: a table of measured networks is of one configuration, got {value}")

    def _check_host(self) -> None:
        here = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
        if self.cores is not None and not set(self.cores) <= set(here):
            raise ConfigError(f"cores must be among those of this host, {list(here)}, got {self.cores}")
        if max(_listed(self.threads)) > len(self.cores or here):
            raise ConfigError(f"threads must be at most {len(self.cores or here)}, the cores here, got {self.threads}")


def main(settings: RecordSettings, _: Invocation) -> None:
    """Measure, or take what was measured elsewhere, and write the profile."""
    folder = _folder(settings.hardware)
    if settings.few_shot:
        _adapt(folder, settings)
        return
    recorded_profile(folder)  # refuse a folder that is not ours before anything is measured
    if settings.import_ is not None:
        _finish(folder, read_results(Path(settings.import_).expanduser()))
        return
    planned = _plan(settings)
    if settings.device == "bundle":
        _bundle(folder.name, planned)
        return
    make_folder(folder)
    work = Path("runs", f"record-{folder.name}")
    with locked(work, "nas.record"):
        console = Console()
        console.print("writing the networks to measure …")
        write_bundle(work, planned)
        with _progress(console, planned) as report:
            device(settings.target(), folder.name)(work, report)
        shutil.rmtree(work / "models")  # the plan makes them again, should more be measured
        _finish(folder, _chosen(read_results(work / "results.jsonl"), planned))


def _folder(hardware: str) -> Path:
    if os.sep in hardware or hardware.startswith(("~", ".")):
        return Path(hardware).expanduser()
    if not _NAME.fullmatch(hardware):
        raise ConfigError(f"hardware must be a name of letters, digits and -_. or a path, got {hardware!r}")
    return Path("hardware_profiles", hardware)


def _plan(settings: RecordSettings) -> dict[str, Any]:
    space = load_space(settings.search_space)
    cores = None if settings.cores is None else tuple(settings.cores)
    combinations = product(_listed(settings.threads), _listed(settings.precision or "fp32"))
    configurations = [configuration(threads, precision, cores) for threads, precision in combinations]
    return plan(space, settings.seed, settings.minutes, configurations)


def _bundle(name: str, planned: dict[str, Any]) -> None:
    archive = Path(f"{name}.bundle.zip")
    with tempfile.TemporaryDirectory() as folder:
        write_bundle(Path(folder), planned)
        zip_bundle(Path(folder), archive, name)
    total = planned["minutes"] * len(planned["configurations"])
    Console().print(
        f"{archive} ({archive.stat().st_size / 1e6:.1f} MB) measures for about {total:g} minutes.\n"
        "Unpack it on the device and run it (Python 3.9 or newer, numpy, onnxruntime):\n"
        "  python runner.py\n"
        f"Bring results.jsonl back:\n  python -m nas.record hardware={name} import=results.jsonl",
        highlight=False,
    )


def _adapt(folder: Path, settings: RecordSettings) -> None:
    """Write the few-shot profile of a table of measured networks."""
    assert settings.import_ is not None
    assert not isinstance(settings.threads, list)
    assert not isinstance(settings.precision, list)
    rows = read_rows(Path(settings.import_).expanduser())
    about = {} if settings.cores is None else {"cores": ", ".join(map(str, settings.cores))}
    profile = few_shot(folder.name, rows, settings.like, settings.precision, settings.threads, about)
    write_few_shot(folder, profile)
    chosen = "" if settings.like else ", the most alike of the known ones"
    errors = leave_one_out(profile)
    print(
        f"{folder}:{profile.configuration}: {len(rows)} networks adapt {profile.like}{chosen}; each predicted from the "
        f"others errs by {errors.mape_percent:.1f} % in the mean, {errors.max_percent:.1f} % at most"
    )
    _advise(folder)


def _finish(folder: Path, recordings: Mapping[str, Recording]) -> None:
    for name, recording in recordings.items():
        layers = len(recording.tables["layers.csv"])
        print(
            f"{folder}:{name}: {recording.count('fit')} networks to fit, {recording.count('validate')} to validate, "
            f"{layers} layers; {recording.unsettled} did not settle and are left out"
        )
    write_profile(folder, recordings)
    _advise(folder)


def _advise(folder: Path) -> None:
    where = folder if folder.is_absolute() or str(folder).startswith(("~", "..")) else f".{os.sep}{folder}"
    print(f"predict with it:\n  python -m nas.predict hardware={where} arch=mobilenet_v2")


def _chosen(recordings: Mapping[str, Recording], planned: dict[str, Any]) -> dict[str, Recording]:
    """Those of `recordings` that this command asked for."""
    return {entry["name"]: recordings[entry["name"]] for entry in planned["configurations"]}


@contextmanager
def _progress(console: Console, planned: dict[str, Any]) -> Iterator[Callable[[str], None]]:
    """A bar per configuration on a terminal, the lines themselves elsewhere."""
    if not console.is_terminal:
        yield print
        return
    seconds = TextColumn("{task.completed:.0f} of {task.total:.0f} s")
    columns = (TextColumn("{task.description}"), BarColumn(), seconds, TextColumn("{task.fields[counts]}"))
    with Progress(*columns, console=console) as progress:
        tasks = {
            entry["name"]: progress.add_task(entry["name"], total=60 * planned["minutes"], counts="")
            for entry in planned["configurations"]
        }

        def report(line: str) -> None:
            if match := _PROGRESS.fullmatch(line):
                name, used, _, counts = match.groups()
                progress.update(tasks[name], completed=float(used), counts=counts)

        yield report


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


if __name__ == "__main__":
    command("record", RecordSettings, main)
