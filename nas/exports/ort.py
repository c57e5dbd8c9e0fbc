"""ONNX Runtime's own format, for its mobile builds without a reader of ONNX, from the ONNX file in fp32.

It is the graph as ONNX Runtime has optimised it, without what depends on the machine that writes it.
"""

import tempfile
from collections.abc import Mapping
from pathlib import Path

from nas.exports.base import Exporter, TrainedNetwork
from nas.exports.onnx_file import open_onnx, optimised, time_onnx
from nas.resources import replace_file


def _write(trained: TrainedNetwork, path: Path, earlier: Mapping[str, Path]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "network.ort"
        optimised(earlier["onnx"], target)
        replace_file(path, target.read_bytes())


ORT = Exporter(
    *("ort", "fp32", ".ort"),
    write=_write,
    open=open_onnx,
    describe=None,
    time=time_onnx,
    disagreement=0.005,  # rounding
)
