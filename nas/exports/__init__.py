"""Files of trained networks, a file each format."""

from collections.abc import Mapping, Sequence

from nas.errors import ConfigError
from nas.exports.base import Exporter
from nas.exports.coreml import COREML
from nas.exports.executorch import EXECUTORCH
from nas.exports.files import lacks
from nas.exports.ncnn import NCNN
from nas.exports.onnx_fp32 import ONNX_FP32
from nas.exports.onnx_int8 import ONNX_INT8
from nas.exports.openvino import OPENVINO
from nas.exports.ort import ORT
from nas.exports.tflite import TFLITE, TFLITE_INT8
from nas.reading.words import short
from nas.resources import names

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


def require_formats(key: str, wanted: Sequence[str]) -> None:
    """Refuse formats that are unknown, named twice, or not to be written here; `key` is the setting that names them.

    Raises:
        ConfigError: there is one, or none is wanted.
    """
    if unknown := [name for name in wanted if name not in EXPORTERS]:
        raise ConfigError(f"{key}: unknown format {short(unknown[0])}; known: {names(EXPORTERS)}")
    if not wanted:
        raise ConfigError(f"{key}=[] asks for no file; give some of {names(EXPORTERS)}")
    if repeated := {name for name in wanted if wanted.count(name) > 1}:
        raise ConfigError(f"{key} names {names(repeated)} twice; name each once")
    for name in wanted:
        if missing := lacks(EXPORTERS[name]):
            raise ConfigError(f"{key}: {name} {missing}, or leave it out")


def default_formats(runtime: str) -> tuple[str, ...]:
    """What a search writes for a device that was measured with a `runtime`: what is shipped is what was measured."""
    lite = runtime.startswith("TensorFlow Lite") and lacks(TFLITE) is None
    return (*BY_DEFAULT, "tflite", "tflite_int8") if lite else BY_DEFAULT
