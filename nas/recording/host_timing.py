"""Milliseconds of one ONNX file on this machine."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime

from nas.recording.runner.figures import LEAST_RUNS
from nas.recording.runner.timing import Pace, burst, feeds, open_session


@dataclass(frozen=True, slots=True)
class Timing:
    """Median and quartiles of one inference in ms, batch 1."""

    median: float
    low: float
    high: float
    repeats: int
    threads: int
    runtime: str


def time_model(path: Path, resolution: int, *, threads: int = 1, seconds: float = 1.0) -> Timing:
    """Time the ONNX file at `resolution` pixels for about `seconds`, after a warm-up of a fifth of that.

    Runs that something disturbed are set aside where enough others are left (runner/).
    """
    session = open_session(path, threads=threads)
    pace = Pace()
    pace.learn()
    every, kept = burst(session, feeds(session, resolution), seconds, pace)
    runs = kept if len(kept) >= LEAST_RUNS else every
    low, median, high = np.percentile(runs, [25, 50, 75])
    runtime = f"onnxruntime {onnxruntime.__version__}"
    return Timing(float(median), float(low), float(high), len(runs), threads, runtime)
