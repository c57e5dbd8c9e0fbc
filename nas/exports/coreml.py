"""Core ML in fp16, an ML package in one zip, by coremltools from the network in torch; it runs on Apple's devices."""

import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import torch

from nas.exports.base import Exporter, TrainedNetwork
from nas.exports.graph import IMAGES
from nas.exports.onnx_file import as_texts
from nas.resources import replacing


def _write(trained: TrainedNetwork, path: Path, earlier: Mapping[str, Path]) -> None:
    import coremltools

    graph = trained.graph
    shape = (trained.batch or 1, graph.channels, graph.resolution, graph.resolution)
    with torch.no_grad():  # else what is traced depends on the gradients that an earlier call left
        traced = torch.jit.trace(trained.net.eval().cpu(), torch.zeros(shape))
    model = coremltools.convert(
        traced,
        convert_to="mlprogram",
        inputs=[coremltools.TensorType(IMAGES, shape)],
        outputs=[coremltools.TensorType("logits")],
    )
    model.user_defined_metadata.update(as_texts({**trained.metadata, "precision": "fp16"}))
    with tempfile.TemporaryDirectory() as folder, replacing(path) as file:
        package = Path(folder) / "network.mlpackage"
        model.save(str(package))
        with zipfile.ZipFile(file, "w") as packed:
            for each in sorted(package.rglob("*")):
                packed.write(each, each.relative_to(folder))


COREML = Exporter(
    *("coreml", "fp16", ".mlpackage.zip"),
    write=_write,
    open=None,
    describe=None,
    time=None,
    needs="coremltools",
    extra="coreml",
    runs_on="Apple's devices",
)
