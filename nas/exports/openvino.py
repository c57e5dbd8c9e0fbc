"""OpenVINO's intermediate representation, XML and weights in one zip, from the ONNX file in fp32."""

import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from nas.exports.base import Exporter, TrainedNetwork
from nas.exports.graph import Run, in_batches
from nas.exports.onnx_file import as_texts
from nas.resources import replacing

_NAMES = ("network.xml", "network.bin")
_PLACE = "sepconv-nas"
_AS_TORCH = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32"}  # else bf16 on CPUs that have it


def _write(trained: TrainedNetwork, path: Path, earlier: Mapping[str, Path]) -> None:
    import openvino

    model = openvino.Core().read_model(earlier["onnx"])  # `convert_model` would report to its maker
    for key, text in as_texts({**trained.metadata, "precision": "fp32"}).items():
        model.set_rt_info(text, [_PLACE, key])
    with tempfile.TemporaryDirectory() as folder, replacing(path) as file:
        openvino.save_model(model, Path(folder) / _NAMES[0], compress_to_fp16=False)
        with zipfile.ZipFile(file, "w") as packed:
            for name in _NAMES:
                packed.write(Path(folder) / name, name)


def _open(path: Path) -> Run:
    import openvino

    with tempfile.TemporaryDirectory() as folder:
        zipfile.ZipFile(path).extractall(folder)
        compiled = openvino.compile_model(openvino.Core().read_model(Path(folder) / _NAMES[0]), "CPU", _AS_TORCH)
    size = compiled.input(0).partial_shape[0]
    return in_batches(lambda images: np.asarray(compiled(images)[0]), None if size.is_dynamic else size.get_length())


OPENVINO = Exporter(
    *("openvino", "fp32", ".openvino.zip"),
    write=_write,
    open=_open,
    describe=None,
    time=None,
    disagreement=0.005,  # rounding
    needs="openvino",
    extra="openvino",
)
