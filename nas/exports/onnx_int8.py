"""ONNX in int8 (QDQ), from the network's one quantisation: see `nas.exports.onnx_graph`."""

from collections.abc import Mapping
from pathlib import Path

import onnx

from nas.exports.base import Exporter, TrainedNetwork
from nas.exports.onnx_file import describe_onnx, open_onnx, set_metadata, time_onnx
from nas.exports.onnx_graph import onnx_model
from nas.resources import replace_file


def _write(trained: TrainedNetwork, path: Path, earlier: Mapping[str, Path]) -> None:
    found = trained.int8
    model = onnx_model(found.quantised.graph, found.quantised, trained.batch)
    set_metadata(model, {**trained.metadata, "precision": "int8", "int8": found.facts()})
    onnx.checker.check_model(model, full_check=True)
    replace_file(path, model.SerializeToString())


ONNX_INT8 = Exporter(
    *("onnx", "int8", ".int8.onnx"),
    write=_write,
    open=open_onnx,
    describe=describe_onnx,
    time=time_onnx,
)
