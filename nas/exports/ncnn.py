"""ncnn in fp32, `.param` and `.bin` in one zip: see `nas.exports.ncnn_graph`; run here where the package ncnn is."""

import importlib.util
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from nas.exports.base import Exporter, TrainedNetwork
from nas.exports.graph import CLASSIFIER, IMAGES, Floats, Run
from nas.exports.ncnn_graph import ncnn_model
from nas.resources import replacing

_NAMES = ("network.param", "network.bin")


def _write(trained: TrainedNetwork, path: Path, earlier: Mapping[str, Path]) -> None:
    with replacing(path) as file, zipfile.ZipFile(file, "w") as packed:
        layers, weights = ncnn_model(trained.graph)
        packed.writestr(_NAMES[0], layers)
        packed.writestr(_NAMES[1], weights)


def _open(path: Path) -> Run:
    import ncnn

    net = ncnn.Net()
    net.opt.num_threads, net.opt.use_fp16_storage, net.opt.use_fp16_packed = 1, False, False
    with tempfile.TemporaryDirectory() as folder:
        zipfile.ZipFile(path).extractall(folder)
        first = (Path(folder) / _NAMES[0]).read_text(encoding="utf-8").splitlines()[2]
        net.load_param(str(Path(folder) / _NAMES[0]))
        net.load_model(str(Path(folder) / _NAMES[1]))

    width, height, channels = (int(option.partition("=")[2]) for option in first.split()[-3:])

    def run(images: Floats) -> Floats:
        if images.shape[1:] != (channels, height, width):  # ncnn itself would take others
            raise ValueError(f"images must be {channels} x {height} x {width}, got {images.shape[1:]}")
        found = []
        for image in images:
            extractor = net.create_extractor()
            extractor.input(IMAGES, ncnn.Mat(np.ascontiguousarray(image)))
            found.append(np.array(extractor.extract(CLASSIFIER)[1]).ravel())
        return np.stack(found)

    return run


NCNN = Exporter(
    *("ncnn", "fp32", ".ncnn.zip"),
    write=_write,
    open=_open if importlib.util.find_spec("ncnn") else None,
    describe=None,
    time=None,
    disagreement=0.005,  # rounding
    runs_on="machines with the package ncnn",
)
