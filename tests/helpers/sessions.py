"""ONNX Runtime as a user opens it who wants int8 exact on any CPU."""

from pathlib import Path

import onnxruntime

from nas.recording.runner.timing import EXACT


def opened(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry(*EXACT)
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
