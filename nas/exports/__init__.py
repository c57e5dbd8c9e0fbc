"""Files of trained networks, a file each format."""

from collections.abc import Mapping

from nas.exports.base import Exporter
from nas.exports.onnx_fp32 import ONNX_FP32
from nas.exports.onnx_int8 import ONNX_INT8

EXPORTERS: Mapping[str, Exporter] = {"onnx": ONNX_FP32, "onnx_int8": ONNX_INT8}
"""Formats by name, in the order in which they are written: a later one may be made from an earlier one's file."""
