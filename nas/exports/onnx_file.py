"""What the formats of ONNX share: metadata in the file, ONNX Runtime on this machine."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime

from nas.exports.graph import Run, in_batches
from nas.recording.host_timing import time_model
from nas.recording.runner.timing import session_options
from nas.resources import replace_file
from nas.results.member import HostTiming


def open_onnx(model: bytes | Path) -> Run:
    """The ONNX model in ONNX Runtime, on one thread; int8 is computed as the model says, on any CPU."""
    content = model if isinstance(model, bytes) else model.read_bytes()  # it opens no path that is not UTF-8
    session = onnxruntime.InferenceSession(content, session_options(1), providers=["CPUExecutionProvider"])
    size = session.get_inputs()[0].shape[0]
    return in_batches(
        lambda images: np.asarray(session.run(None, {"images": images})[0]), size if isinstance(size, int) else None
    )


def time_onnx(path: Path, resolution: int) -> HostTiming:
    """Milliseconds of the ONNX file at `resolution` pixels, one thread."""
    return HostTiming(**asdict(time_model(path, resolution)))


def describe_onnx(path: Path, metadata: Mapping[str, Any]) -> None:
    """Add `metadata` to the ONNX file at `path`, in place of values of the same name."""
    model = onnx.load(path)
    set_metadata(model, metadata)
    replace_file(path, model.SerializeToString())


def set_metadata(model: onnx.ModelProto, metadata: Mapping[str, Any]) -> None:
    """Add `metadata` to the model; values that are not strings as JSON."""
    known = {entry.key: entry.value for entry in model.metadata_props}
    onnx.helper.set_model_props(model, known | as_texts(metadata))


def as_texts(metadata: Mapping[str, Any]) -> dict[str, str]:
    """Metadata as files hold them: values that are not strings as JSON."""
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in metadata.items()}


def optimised(source: Path, target: Path) -> None:
    """Write the ONNX model as ONNX Runtime has optimised it for any machine, in the format of the `target`'s name."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(target)
    options.add_session_config_entry("session.save_model_format", target.suffix.removeprefix(".").upper())
    options.log_severity_level = 3
    onnxruntime.InferenceSession(source.read_bytes(), options, providers=["CPUExecutionProvider"])
