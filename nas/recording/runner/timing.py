"""Runs of a model in ONNX Runtime: their milliseconds, what disturbed them, and the time of each kernel."""

from __future__ import annotations

import json
import math
import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from .figures import LEAST_RUNS, kernels
from .runtime import onnxruntime

PATIENCE = 4  # how many times as long a burst may last until it has runs enough
LOST = 0.01  # share of a run that its threads may have waited for a core
PROBE_WARMUP, PROBE_LOOPS = 500, 3000  # of the short loop: some 20 to 200 microseconds
SPINNING_S = 0.003  # ONNX Runtime's threads go on for less than that after a run
DISTURBED = 1.4  # how many times its least time the short loop may take; a shared core takes 1.6 times as long


def session_options(threads: int) -> Any:
    """Options of a session of so many threads that computes int8 as the model says, on any CPU."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # on x86 without VNNI products of int8 are else summed in 16 bits, which saturate
    options.add_session_config_entry("session.x64quantprecision", "1")
    return options


def open_session(
    path: Path, *, threads: int, optimization: str = "all", spinning: bool = True, profiles: str = ""
) -> Any:
    """A session on the CPU; `profiles` is the prefix of a file to profile to.

    Raises:
        ValueError: the model cannot be loaded; one line says why.
    """
    options = session_options(threads)
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    level = f"ORT_ENABLE_{optimization.upper()}"
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, level)
    options.add_session_config_entry("session.intra_op.allow_spinning", str(int(spinning)))
    if profiles:
        options.enable_profiling = True
        options.profile_file_prefix = profiles
    try:
        with open(path, "rb") as file:  # the runtime itself opens no path that is not UTF-8
            content = file.read()
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's own have nothing nearer in common
        raise ValueError(" ".join(str(error).split())) from None


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

    def __init__(self, least_us: float = math.inf) -> None:
        self.least_us = least_us

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


class Cores:
    """The cores of a run that uses them all: its figures are good where none of them has anything else to do."""

    def __init__(self, cores: Sequence[int]) -> None:
        self._paces = {core: Pace() for core in cores}

    def learn(self) -> None:
        """Probe every core for a while."""
        for core, pace in self._paces.items():
            with _on(core):
                pace.learn()

    def calm(self) -> bool:
        """Whether no core is slow just now."""
        if self._paces:
            time.sleep(SPINNING_S)
        slow = False
        for core, pace in self._paces.items():
            with _on(core):
                slow |= pace.disturbed(min(pace.probe() for _ in range(3)))
        return not slow


@contextmanager
def _on(core: int) -> Iterator[None]:
    """Keep the calling thread to `core` meanwhile."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


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
    return kernels(events, calm if len(calm) >= LEAST_RUNS else slice(2, None))
