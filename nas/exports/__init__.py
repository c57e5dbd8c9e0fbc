"""Files of trained networks, a file each format."""

import importlib.util
from collections.abc import Mapping

from nas.exports.base import Exporter
from nas.exports.coreml import COREML
from nas.exports.executorch import EXECUTORCH
from nas.exports.ncnn import NCNN
from nas.exports.onnx_fp32 import ONNX_FP32
from nas.exports.onnx_int8 import ONNX_INT8
from nas.exports.openvino import OPENVINO
from nas.exports.ort import ORT
from nas.exports.tflite import TFLITE, TFLITE_INT8

EXPORTERS: Mapping[str, Exporter] = {
    "onnx": ONNX_FP32,
    "onnx_int8": ONNX_INT8,
    "tflite": TFLITE,
    "tflite_int8": TFLITE_INT8,
    "ort": ORT,
    "openvino": OPENVINO,
    "coreml": COREML,
    "executorch": EXECUTORCH,
    "ncnn": NCNN,
}
"""Formats by name, in the order in which they are written: a later one may be made from an earlier one's file."""

BY_DEFAULT = ("onnx", "onnx_int8")
"""What a search writes of every network."""


def default_formats(runtime: str) -> tuple[str, ...]:
    """What a search writes for a device that was measured with a `runtime`: what is shipped is what was measured."""
    lite = runtime.startswith("TensorFlow Lite") and importlib.util.find_spec("ai_edge_litert") is not None
    return (*BY_DEFAULT, "tflite", "tflite_int8") if lite else BY_DEFAULT
