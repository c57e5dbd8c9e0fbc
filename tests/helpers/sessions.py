"""ONNX Runtime as a user opens it who wants int8 exact on any CPU."""

from pathlib import Path

import onnxruntime

from nas.recording.runner.timing import session_options


def opened(path: Path) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(str(path), session_options(1), providers=["CPUExecutionProvider"])
