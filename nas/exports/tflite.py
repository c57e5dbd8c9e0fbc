"""TensorFlow Lite in fp32, and in int8 from the network's one quantisation: see `nas.exports.lite.graph`."""

from collections.abc import Mapping
from pathlib import Path

from nas.exports.base import Exporter, TrainedNetwork
from nas.exports.lite.file import describe_tflite, open_tflite, time_tflite, write_tflite
from nas.exports.onnx_fp32 import require_near


def _write_fp32(trained: TrainedNetwork, path: Path, earlier: Mapping[str, Path]) -> None:
    from nas.exports.lite.graph import packed, tflite_model

    model = tflite_model(trained.graph, batch=trained.batch)
    require_near(trained, open_tflite(packed(model)), path.name)
    write_tflite(path, model, {**trained.metadata, "precision": "fp32"})


def _write_int8(trained: TrainedNetwork, path: Path, earlier: Mapping[str, Path]) -> None:
    from nas.exports.lite.graph import tflite_model

    found = trained.int8
    model = tflite_model(found.quantised.graph, found.quantised, trained.batch)
    write_tflite(path, model, {**trained.metadata, "precision": "int8", "int8": found.facts()})


TFLITE = Exporter(
    *("tflite", "fp32", ".tflite"),
    write=_write_fp32,
    open=open_tflite,
    describe=describe_tflite,
    time=time_tflite,
    disagreement=0.005,  # rounding
    needs="ai_edge_litert",
    extra="tflite",
)

TFLITE_INT8 = Exporter(
    *("tflite", "int8", ".int8.tflite"),
    write=_write_int8,
    open=open_tflite,
    describe=describe_tflite,
    time=time_tflite,
    needs="ai_edge_litert",
    extra="tflite",
)
