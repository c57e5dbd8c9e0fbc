"""Measures the models of a bundle with ONNX Runtime; needs Python 3.9, numpy and onnxruntime, nothing else.

    python runner.py [FOLDER]

FOLDER (default: where this file is) holds `plan.json` and `models/`; rows go to `results.jsonl` there. It
can be stopped at any instant: every finished row is in the file, and the same command goes on from there.

How a model is timed. Models come in chunks. As many chunks as take half of the time are measured together, in passes
that time every model once: a model's figures are spread over minutes, so that drift averages out. A pass of a model
is a burst: a new session (its memory lies elsewhere each time), a warm-up, then runs for `burst_s` seconds, and at
least `LEAST_RUNS`. Runs that something disturbed are set aside: those whose threads waited for a core (Linux says so)
for more than `LOST` of their time, and those before or after which a short loop took over `DISTURBED` times its least
time, since a virtual machine's neighbour on the same physical core slows it down without any wait. A burst with fewer
than `LEAST_RUNS` others has no figure. Its figure is the lower quartile of its runs; a model's is the median of its
bursts' figures, and its spread is 1.4826 times their median absolute deviation, which is a standard deviation where
they are normal. Models with fewer than `PASSES` figures, or whose median's standard error is above `SETTLED`, get
further passes, up to twice as many. Last comes a session with ONNX Runtime's profiler, which splits the time over its
fused kernels.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import re
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

SCHEMA = 1
PASSES = {"network": 16, "layer": 4}
LEAST_RUNS, PROFILED_RUNS = 3, 12
PATIENCE = 4  # how many times as long a burst may last until it has runs enough
LOST = 0.01  # share of a run that its threads may have waited for a core
PROBE_WARMUP, PROBE_LOOPS = 500, 3000  # of the short loop: some 20 to 200 microseconds
DISTURBED = 1.4  # how many times its least time the short loop may take; a shared core takes 1.6 times as long
GROUPS = 2  # of chunks, measured one after the other
LAYER_SHARE = 0.4  # a layer's burst, relative to a network's
SETTLED = 0.012
"""Largest standard error of a settled model, relative to its milliseconds."""
MEDIAN_ERROR = 1.2533  # of n normal figures the median's standard error is this times their deviation / sqrt(n)
CLOCK_MS = 0.001
"""A spread up to this is the clock's, and settled."""

Row = dict[str, Any]


def main() -> None:
    """Measure what the command line names."""
    parser = argparse.ArgumentParser(description="Measure the models of a bundle of nas.record.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).resolve().parent)
    parser.add_argument("--parent", type=int, help="stop when this process is no longer the parent")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        plan = json.loads((arguments.folder / "plan.json").read_text(encoding="utf-8"))
        measure(plan, arguments.folder, arguments.parent)
    except (OSError, ValueError, KeyError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        print("interrupted; finished rows are kept, and the same command goes on from there", file=sys.stderr)
        sys.exit(130)


def measure(plan: Row, folder: Path, parent: int | None = None) -> None:
    """Time the plan's models, for each configuration until its minutes are used up or no model is left."""
    results = Results(folder / "results.jsonl", plan)
    for configuration in plan["configurations"]:
        cores = pin(configuration["cores"])
        bench = Bench(plan, configuration, folder / "models", results, parent)
        if not bench.next_models():
            bench.report()
            continue
        about = {**configuration, "cores": cores}
        results.append({"type": "begin", "configuration": configuration["name"], **about, **environment()})
        while models := bench.next_models():
            bench.measure(models)
        results.append({"type": "end", "configuration": configuration["name"], **about, **environment()})


class Bench:
    """One configuration (threads, precision, cores) of this machine."""

    def __init__(self, plan: Row, configuration: Row, models: Path, results: Results, parent: int | None) -> None:
        self._name = configuration["name"]
        self._options = {key: configuration[key] for key in ("threads", "optimization", "spinning")}
        self._models: Path = models / configuration["precision"]
        self._chunks: list[list[Row]] = plan["chunks"]
        self._budget_s, self._burst_s = 60 * plan["minutes"], plan["burst_s"]
        self._results, self._parent = results, parent
        self._bursts: dict[str, list[Row]] = {}
        self._profiled: set[str] = set()
        self._used_s = 0.0
        self._pace = Pace()
        for row in results.rows:
            if row.get("configuration") == self._name:
                self._count(row)

    def next_models(self) -> list[Row]:
        """The models under way, else those of the next chunks that there is time for; none when all is done."""
        done = [all(model["id"] in self._profiled for model in chunk) for chunk in self._chunks]
        waiting = [chunk for chunk, finished in zip(self._chunks, done) if not finished]  # noqa: B905 (Python 3.9)
        begun = [chunk for chunk in waiting if any(model["id"] in self._bursts for model in chunk)]
        if not begun:
            chunk_s = self._used_s / max(sum(done), 1)
            left_s = self._budget_s - self._used_s
            most = min(left_s, self._budget_s / GROUPS) / chunk_s if any(done) else 1
            begun = waiting[: max(1, round(most))] if left_s > chunk_s / 2 else []
        return [model for chunk in begun for model in chunk]

    def measure(self, models: Sequence[Row]) -> None:
        """Time `models`, but for what the results already hold."""
        self._pace.learn()
        while waiting := [model for model in models if not finished(self._bursts.get(model["id"], ()), model["kind"])]:
            fewest = min(len(self._bursts.get(model["id"], ())) for model in waiting)
            for model in waiting:
                if len(self._bursts.get(model["id"], ())) == fewest:
                    self._burst(model)
            self.report()
        for model in models:
            if model["id"] not in self._profiled:
                self._profile(model)

    def report(self) -> None:
        """Print one line of progress."""
        kinds = {model["id"]: model["kind"] for chunk in self._chunks for model in chunk}
        bursts = {model: bursts for model, bursts in self._bursts.items() if model in kinds}
        measured = {model: found for model, found in bursts.items() if finished(found, kinds[model])}
        networks = sum(kinds[model] == "network" for model in measured)
        unsettled = sum(not settled(found, kinds[model]) for model, found in measured.items())
        counts = f"{networks} networks, {len(measured) - networks} layers, {unsettled} not settled"
        print(f"{self._name}: {self._used_s:.0f} of {self._budget_s:.0f} s: {counts}", flush=True)

    def _burst(self, model: Row) -> None:
        begun = time.perf_counter()
        session = open_session(self._path(model), **self._options)
        share = 1 if model["kind"] == "network" else LAYER_SHARE
        runs, kept = burst(session, feeds(session), share * self._burst_s, self._pace)
        quantiles = [round(float(value), 5) for value in np.percentile(kept or runs, [0, 25, 50, 75])]
        counts = {"runs": len(runs), "kept": len(kept), "probe_us": round(self._pace.least_us, 2)}
        self._append("burst", model, begun, {"ms": quantiles, **counts})

    def _profile(self, model: Row) -> None:
        begun = time.perf_counter()
        kernels = profile(self._path(model), PROFILED_RUNS, self._pace, **self._options)
        self._append("profile", model, begun, {"model": model, "kernels": kernels})

    def _append(self, kind: str, model: Row, begun: float, fields: Row) -> None:
        seconds = round(time.perf_counter() - begun, 3)
        row = {"type": kind, "configuration": self._name, "id": model["id"], **fields, "seconds": seconds}
        self._results.append(row)
        self._count(row)
        if self._parent is not None and os.getppid() != self._parent:
            raise KeyboardInterrupt

    def _count(self, row: Row) -> None:
        if row["type"] == "burst":
            self._bursts.setdefault(row["id"], []).append(row)
            self._pace.least_us = min(self._pace.least_us, row["probe_us"])
        elif row["type"] == "profile":
            self._profiled.add(row["id"])
        self._used_s += row.get("seconds", 0.0)

    def _path(self, model: Row) -> Path:
        return self._models / f"{model['id']}.onnx"


# Figures


def finished(bursts: Sequence[Row], kind: str) -> bool:
    """Whether a network or layer with these bursts needs no further one."""
    return len(bursts) >= 2 * PASSES[kind] or settled(bursts, kind)


def settled(bursts: Sequence[Row], kind: str) -> bool:
    """Whether enough bursts have a figure, and those agree."""
    count = len(figures(bursts))
    if count < PASSES[kind]:
        return False
    ms, spread_ms = estimate(bursts)
    return spread_ms <= CLOCK_MS or MEDIAN_ERROR * spread_ms / count**0.5 <= SETTLED * ms


def estimate(bursts: Sequence[Row]) -> tuple[float, float]:
    """A model's milliseconds and their spread; one of its bursts at least must have a figure."""
    values = np.array(figures(bursts))
    ms = float(np.median(values))
    return ms, 1.4826 * float(np.median(np.abs(values - ms)))


def figures(bursts: Sequence[Row]) -> list[float]:
    """The figures of the bursts that have one."""
    return [row["ms"][1] for row in bursts if row["kept"] >= LEAST_RUNS]


# ONNX Runtime


def open_session(
    path: Path, *, threads: int, optimization: str = "all", spinning: bool = True, profiles: str = ""
) -> Any:
    """A session on the CPU; `profiles` is the prefix of a file to profile to."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    level = f"ORT_ENABLE_{optimization.upper()}"
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, level)
    options.add_session_config_entry("session.intra_op.allow_spinning", str(int(spinning)))
    if profiles:
        options.enable_profiling = True
        options.profile_file_prefix = profiles
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def feeds(session: Any, size: int = 1) -> dict[str, Any]:
    """One image (or whatever it takes) for `session`; dimensions left open are 1 for the batch, else `size`."""
    rng, feed = np.random.default_rng(0), {}
    for entry in session.get_inputs():
        shape = [n if isinstance(n, int) else (size if axis else 1) for axis, n in enumerate(entry.shape)]
        feed[entry.name] = rng.standard_normal(shape, dtype=np.float32)
    return feed


def burst(session: Any, feed: Mapping[str, Any], seconds: float, pace: Pace) -> tuple[list[float], list[float]]:
    """Milliseconds of runs for `seconds` or more, after a warm-up: all of them, and those nothing disturbed."""
    begun = time.perf_counter()
    session.run(None, feed)
    while time.perf_counter() - begun < 0.2 * seconds:
        session.run(None, feed)
    runs: list[float] = []
    kept: list[float] = []
    with Waiting() as waiting:
        begun = time.perf_counter()
        waited_ms = waiting.ms()
        before_us = pace.probe()
        while _unfinished(runs, kept, time.perf_counter() - begun, seconds):
            before = time.perf_counter()
            session.run(None, feed)
            runs.append(1e3 * (time.perf_counter() - before))
            after_us = pace.probe()
            if not pace.disturbed(before_us, after_us):
                kept.append(runs[-1])
            before_us = after_us
            previous_ms, waited_ms = waited_ms, waiting.ms()
            lost_ms = waited_ms - previous_ms
            while kept and lost_ms > LOST * kept[-1]:  # a wait is told when it ends: it may span several runs
                lost_ms -= kept.pop()
    return runs, kept


def _unfinished(runs: Sequence[float], kept: Sequence[float], elapsed_s: float, seconds: float) -> bool:
    short = len(runs) < LEAST_RUNS or elapsed_s < seconds
    return short or (len(kept) < LEAST_RUNS and elapsed_s < PATIENCE * seconds)


class Pace:
    """How fast the core goes, by a short loop whose least time is that of a core with nothing else to do."""

    def __init__(self) -> None:
        self.least_us = math.inf

    def probe(self) -> float:
        """Microseconds of the loop, now."""
        for _ in range(PROBE_WARMUP):
            pass
        begun = time.perf_counter()
        for _ in range(PROBE_LOOPS):
            pass
        found_us = 1e6 * (time.perf_counter() - begun)
        self.least_us = min(self.least_us, found_us)
        return found_us

    def learn(self, seconds: float = 0.3) -> None:
        """Probe for a while."""
        begun = time.perf_counter()
        while time.perf_counter() - begun < seconds:
            self.probe()

    def disturbed(self, *probes_us: float) -> bool:
        """Whether one of these probes was slow."""
        return max(probes_us) > DISTURBED * self.least_us


class Waiting:
    """How long the threads of this process have waited for a core; always 0 where the system does not say."""

    def __enter__(self) -> Waiting:
        self._files = []
        for path in Path("/proc/self/task").glob("*/schedstat"):
            with suppress(OSError):  # a thread that has ended
                self._files.append(os.open(path, os.O_RDONLY))
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files:
            os.close(file)

    def ms(self) -> float:
        """Milliseconds, of all threads together."""
        total_ns = 0
        for file in self._files:
            with suppress(OSError):
                total_ns += int(os.pread(file, 64, 0).split()[1])
        return total_ns / 1e6


def profile(path: Path, runs: int, pace: Pace, **options: Any) -> list[tuple[str, str, float]]:
    """(node, op, ms) of every kernel of the model in the order it runs: lower quartiles over `runs` runs.

    Runs that something disturbed are left out, unless `PATIENCE` times as many have too few others.
    """
    calm: list[int] = []
    with tempfile.TemporaryDirectory() as folder:
        session = open_session(path, profiles=os.path.join(folder, "profile"), **options)
        feed = feeds(session)
        for number in range(2 + PATIENCE * runs):
            before_us = pace.probe()
            session.run(None, feed)
            if number >= 2 and not pace.disturbed(before_us, pace.probe()):
                calm.append(number)
            if len(calm) == runs:
                break
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    times: dict[tuple[str, str], list[float]] = {}
    for event in (event for event in events if event.get("cat") == "Node"):
        name, _, kind = event["name"].rpartition("_kernel_")
        if kind == "time":
            times.setdefault((name, event["args"]["op_name"]), []).append(event["dur"] / 1e3)
    chosen = calm if len(calm) >= LEAST_RUNS else slice(2, None)
    return [(*key, round(float(np.percentile(np.array(ms)[chosen], 25)), 4)) for key, ms in times.items()]


# The machine


def pin(cores: Sequence[int] | None) -> list[int]:
    """Keep this process, and threads it starts from now on, to `cores` (None: all it may use); the cores it has."""
    if not hasattr(os, "sched_setaffinity"):
        if cores is not None:
            raise ValueError("this system cannot pin a process to cores; leave cores out")
        return list(range(os.cpu_count() or 1))
    if cores is not None:
        try:
            os.sched_setaffinity(0, cores)
        except OSError:
            raise ValueError(
                f"cannot run on cores {list(cores)}; there are {sorted(os.sched_getaffinity(0))}"
            ) from None
    return sorted(os.sched_getaffinity(0))


def environment() -> Row:
    """What a reader must know of the machine and its state; None where the system does not say."""
    return {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),  # noqa: UP017 (Python 3.9)
        "cpu": cpu_model(),
        "machine": platform.machine(),
        "logical_cores": os.cpu_count(),
        "os": platform.platform(),
        "python": platform.python_version(),
        "runtime": "ONNX Runtime",
        "runtime_version": onnxruntime.__version__,
        "governor": _first("/sys/devices/system/cpu", "cpu*/cpufreq/scaling_governor"),
        "celsius": _celsius(),
        "load": [round(load, 2) for load in os.getloadavg()] if hasattr(os, "getloadavg") else None,
    }


def cpu_model() -> str:
    """The CPU's name as the system gives it."""
    with suppress(OSError):
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
        for key in ("model name", "Hardware", "Model"):
            if found := re.search(rf"^{key}\s*:\s*(\S.*)$", text, re.MULTILINE):
                return found[1].strip()
    return _first("/proc/device-tree", "model") or platform.processor() or platform.machine()


def _first(folder: str, pattern: str) -> str | None:
    """The content of the first readable file that matches."""
    for path in sorted(Path(folder).glob(pattern)):
        with suppress(OSError):
            return path.read_text(encoding="utf-8", errors="replace").strip("\0\n ")
    return None


def _celsius() -> float | None:
    """The hottest sensor."""
    readings = [_first(str(zone), "temp") or "" for zone in Path("/sys/class/thermal").glob("thermal_zone*")]
    return max((int(text) / 1000 for text in readings if text.lstrip("-").isdecimal()), default=None)


# The file of results


class Results:
    """results.jsonl: one JSON object a line, the first naming the plan. A line is written in one call."""

    def __init__(self, path: Path, plan: Row) -> None:
        self._path = path
        header = {"type": "plan", "schema": SCHEMA, **{key: plan[key] for key in ("search_space", "seed", "burst_s")}}
        self.rows: list[Row] = []
        if path.exists():
            content = path.read_bytes()
            whole = content[: content.rfind(b"\n") + 1]
            self.rows = list(read_rows(whole, str(path)))
            if whole != content:  # the last line was cut short
                os.truncate(path, len(whole))
        if not self.rows:
            self.append(header)
        elif self.rows[0] != header:
            key = next(key for key in header if self.rows[0].get(key) != header[key])
            raise ValueError(f"{path} has {key} {self.rows[0].get(key)}, not {header[key]}; move it away")

    def append(self, row: Row) -> None:
        """Add `row` to the file."""
        line = json.dumps(row, separators=(",", ":")).encode() + b"\n"
        with self._path.open("ab", buffering=0) as stream:
            stream.write(line)
            os.fsync(stream.fileno())


def read_rows(content: bytes, where: str) -> Iterator[Row]:
    """The rows of a results file; a last line that was cut short is left out.

    Raises:
        ValueError: a line is not a row; the message names it.
    """
    *lines, _ = content.split(b"\n")
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
            known = row["type"] in ("plan", "begin", "end", "burst", "profile")
        except (ValueError, KeyError, TypeError):
            known = False
        if not known or (number == 1) != (row["type"] == "plan"):
            raise ValueError(f"{where}:{number}: not a row of nas.record's results")
        yield row


if __name__ == "__main__":
    main()
