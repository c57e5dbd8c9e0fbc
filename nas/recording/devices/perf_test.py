"""Measuring with onnxruntime_perf_test, ONNX Runtime's own binary, on a device that has no Python.

Its flags (onnxruntime/test/perftest/command_args_parser.cc): -I makes the inputs, -S seeds them, `-m times -r N` runs
N times after a first run that does not count, -x and -y are the threads within and between nodes, -o 99 is every
optimisation, -D keeps threads from spinning, -p profiles. The second argument is a file to which it adds a line a
run: model, seconds, memory, CPU, number.

Rows are as those of runner/, written here; but what disturbs a run there cannot be seen, so that every run counts.
"""

import hashlib
import json
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from shlex import quote
from typing import Any

import numpy as np

from nas.errors import NasError
from nas.reading.numbers import whole
from nas.recording.bundle import open_results
from nas.recording.devices.base import Report
from nas.recording.devices.link import Link, models, place, send
from nas.recording.rows import read_plan
from nas.recording.runner.figures import LAYER_SHARE, LEAST_RUNS, PROFILED_RUNS, Row, kernels, models_of
from nas.recording.runner.results import Results
from nas.recording.runner.schedule import Schedule

_BINARY = "onnxruntime_perf_test"
_LEVELS = {"disable_all": 0, "basic": 1, "extended": 2, "all": 99}
_WARMUP = 6  # a burst's first runs do not count, one in this many
_PROFILE_WARMUP = 3
_FACTS = {
    "soc": "getprop ro.soc.manufacturer; getprop ro.soc.model",
    "product": "getprop ro.product.model",
    "machine": "uname -m",
    "cores": "nproc",
    "kernel": "uname -sr",
    "android": "getprop ro.build.version.release",
    "governor": "cat /sys/devices/system/cpu/cpu0/cpufreq/scaling_governor",
    "load": "cat /proc/loadavg",
}


def measure_with(link: Link, binary: Path, remote: str, folder: Path, report: Report) -> None:
    """Measure the bundle of `folder` in the folder `remote` of the device with `binary`, which is sent there.

    Shared libraries beside the binary are sent with it.

    Raises:
        NasError: the device cannot be reached, the binary fails there, or the connection was lost.
    """
    plan = read_plan(folder)
    results = open_results(folder, plan)
    version = f"{_BINARY} {hashlib.blake2b(binary.read_bytes(), digest_size=4).hexdigest()}"
    libraries = {path.name: path for path in sorted(binary.parent.glob("*.so*"))}
    send(link, remote, {**models(folder), **libraries}, {_BINARY: binary}, report)
    link.ask(f"chmod 755 {place(remote)}/{_BINARY}")
    for configuration in plan["configurations"]:
        PerfTestRun(link, remote, plan, configuration, results).measure(version, report)


class PerfTestRun:
    """One configuration of the device; as that of runner/measure.py, but each burst is a run of the binary."""

    def __init__(self, link: Link, remote: str, plan: Row, configuration: Row, results: Results) -> None:
        self._link, self._remote, self._burst_s = link, remote, plan["burst_s"]
        self._configuration, self._results = configuration, results
        self._schedule = Schedule(plan, configuration, results.rows)

    def measure(self, version: str, report: Report) -> None:
        """Time models as long as there is one to be timed."""
        if not self._schedule.next_models():
            report(self._schedule.line())
            return
        self._append("begin", **self._about(version))
        self._schedule.follow(self._burst, self._profile, report)
        self._append("end", **self._about(version))

    def _burst(self, model: Row) -> None:
        before = self._schedule.bursts.get(model["id"])
        share = 1 if model["kind"] == "network" else LAYER_SHARE
        wanted = 1e3 * share * self._burst_s / before[-1]["ms"][1] if before else 0
        begun = time.perf_counter()
        lines = self._run(model, max(math.ceil(wanted), LEAST_RUNS) + 1, "times.csv", "").splitlines()
        with self._readable("binary's times.csv"):
            times = [1e3 * float(line.split(",")[1]) for line in lines]
        kept = times[math.ceil(len(times) / _WARMUP) :]
        quantiles = [round(float(value), 5) for value in np.percentile(kept, [0, 25, 50, 75])]
        counts = {"runs": len(kept), "kept": len(kept)}
        self._append("burst", id=model["id"], ms=quantiles, **counts, seconds=time.perf_counter() - begun)

    def _profile(self, model: Row) -> None:
        begun = time.perf_counter()
        runs = PROFILED_RUNS + _PROFILE_WARMUP
        events = self._run(model, runs, "profile_*.json", "-p profile")
        with self._readable("binary's profile"):
            found = kernels(json.loads(events), slice(_PROFILE_WARMUP, None))
        self._append("profile", id=model["id"], model=model, kernels=found, seconds=time.perf_counter() - begun)

    def _run(self, model: Row, runs: int, output: str, more: str) -> str:
        """Run a model there; what it writes to the file `output`."""
        chosen = self._configuration
        cores = f"taskset {sum(1 << core for core in chosen['cores']):x} " if chosen["cores"] else ""
        spinning = "" if chosen["spinning"] else "-D"
        path = f"models/{models_of(chosen)}/{model['id']}.onnx"
        line = (
            f"ORT_DISABLE_TELEMETRY=1 LD_LIBRARY_PATH=. {cores}./{_BINARY} -e cpu -I -S 1 -m times -r {runs} "
            f"-x {chosen['threads']} -y 1 "
            f"-o {_LEVELS[chosen['optimization']]} {spinning} {more} {quote(path)} times.csv"
        )
        failed = "{ tail -n 3 log.txt >&2; exit 1; }"
        place_there = f"cd {place(self._remote)} && rm -f times.csv profile_*.json"
        return self._link.ask(f"{place_there} && {line} >log.txt 2>&1 && cat {output} || {failed}").decode(
            errors="replace"
        )

    @contextmanager
    def _readable(self, what: str) -> Iterator[None]:
        """Where what the device says is read: another form is told in one line."""
        try:
            yield
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            raise NasError(f"{self._link.name}: cannot read the {what}: it has another form") from None

    def _about(self, version: str) -> Row:
        """The device and its state, as runner.machine.environment() has them."""
        lines = [f'echo {name} "$({{ {command}; }} 2>/dev/null | tr "\\n" " ")"' for name, command in _FACTS.items()]
        facts = self._link.ask("; ".join(lines)).decode(errors="replace").splitlines()
        found = {name: " ".join(fact.split()) for name, _, fact in (line.partition(" ") for line in facts)}
        with self._readable("answer to `nproc` or `cat /proc/loadavg`"):
            count, load = whole(found["cores"]), [float(value) for value in found["load"].split()[:3]]
        return {
            **self._configuration,
            "cores": self._configuration["cores"] or list(range(count)),
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "cpu": found["soc"] or found["product"] or found["machine"],
            "machine": found["machine"],
            "logical_cores": count,
            "os": f"{found['kernel']}, Android {found['android']}",
            "python": None,
            "runtime": "ONNX Runtime",
            "runtime_version": version,
            "governor": found["governor"] or None,
            "celsius": None,
            "load": load or None,
        }

    def _append(self, kind: str, **fields: Any) -> None:
        row = {"type": kind, "configuration": self._configuration["name"], **fields}
        if "seconds" in row:
            row["seconds"] = round(row["seconds"], 3)
        self._results.append(row)
        self._schedule.count(row)
