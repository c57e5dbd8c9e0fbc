"""Milliseconds measured with ONNX Runtime on this machine; the only file of this room that imports it."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime


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
    """Time the ONNX file at `resolution` pixels for about `seconds`, after a warm-up of a fifth of that."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    (entry,) = session.get_inputs()
    shape = (1, entry.shape[1], resolution, resolution)
    feed = {entry.name: np.random.default_rng(0).standard_normal(shape, dtype=np.float32)}
    runs: list[float] = []
    begun = time.perf_counter()
    while (now := time.perf_counter()) - begun < 1.2 * seconds or len(runs) < 5:
        session.run(None, feed)
        if now - begun >= 0.2 * seconds:
            runs.append(1e3 * (time.perf_counter() - now))
    low, median, high = np.percentile(runs, [25, 50, 75])
    runtime = f"onnxruntime {onnxruntime.__version__}"
    return Timing(float(median), float(low), float(high), len(runs), threads, runtime)
