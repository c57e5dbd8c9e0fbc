"""ONNX Runtime as a runner imports it: without the reports that it sends to its maker from 1.29 on."""

import os

os.environ["ORT_DISABLE_TELEMETRY"] = os.environ.get("ORT_DISABLE_TELEMETRY") or "1"  # read by the import

import onnxruntime

__all__ = ["onnxruntime"]
