"""Milliseconds of one file on this machine."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from nas.recording.runner.figures import LEAST_RUNS
from nas.recording.runner.timing import Pace, burst, feeds, open_session

SECONDS = 0.5
"""How long a file is timed."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Median and quartiles of one inference in ms, batch 1."""

    median: float
    low: float
    high: float
    repeats: int
    threads: int
    runtime: str


def time_model(path: Path, resolution: int, *, threads: int = 1, seconds: float = SECONDS) -> Timing:
    """Time the ONNX file at `resolution` pixels, as `time_session` does."""
    session = open_session(path, threads=threads)
    runtime = f"onnxruntime {onnxruntime.__version__}"
    return time_session(session, feeds(session, resolution), threads, runtime, seconds)


def time_session(session: Any, feed: Mapping[str, Any], threads: int, runtime: str, seconds: float = SECONDS) -> Timing:
    """Time what has the `run` of an ONNX Runtime session, for about `seconds` after a warm-up of a fifth of that.

    Runs that something disturbed are set aside where enough others are left (runner/).
    """
    every, kept = burst(session, feed, seconds, _pace())
    runs = kept if len(kept) >= LEAST_RUNS else every
    low, median, high = np.percentile(runs, [25, 50, 75])
    return Timing(float(median), float(low), float(high), len(runs), threads, runtime)


@cache
def _pace() -> Pace:
    """That of this process's cores, which it learns once."""
    pace = Pace()
    pace.learn()
    return pace
