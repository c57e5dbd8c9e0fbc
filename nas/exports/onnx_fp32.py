"""ONNX in fp32 from a trained network, checked against torch before anyone sees it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from torch import nn

from nas.errors import NasError
from nas.exports.base import Exporter, TrainedNetwork
from nas.exports.graph import Floats, Run
from nas.exports.onnx_file import describe_onnx, open_onnx, set_metadata, time_onnx
from nas.exports.onnx_graph import onnx_model
from nas.resources import replace_file
from nas.spaces.architecture import Architecture

TOLERANCE = 1e-4
"""Largest difference between torch's and ONNX Runtime's logits that is let through, as a share of those above 1."""


def export_onnx(
    net: nn.Module,
    arch: Architecture,
    path: Path,
    metadata: Mapping[str, Any],
    *,
    trained_at: int | None = None,
    batch: int | None = None,
) -> float:
    """Write `net` to `path` as ONNX fp32 and return the largest difference of logits from torch's.

    Height and width are those that it was trained at, `trained_at` or the architecture's own; the batch is free unless
    it is given. `metadata` values that are not strings are stored as JSON.

    Raises:
        NasError: ONNX Runtime's logits differ from torch's by more than `TOLERANCE`.
    """
    net = net.eval().to("cpu", memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    trained = TrainedNetwork(net, arch, trained_at or arch.resolution, metadata, _no_images, batch)
    return _checked(trained, path, metadata)


def require_near(trained: TrainedNetwork, run: Run, name: str) -> float:
    """The largest difference of a file's logits in fp32 from torch's, on random images.

    Raises:
        NasError: it is more than `TOLERANCE`, or no number.
    """
    graph, net = trained.graph, trained.net.eval()
    shape = (trained.batch or 3, graph.channels, graph.resolution, graph.resolution)
    images = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
    with torch.no_grad():
        expected = net(torch.from_numpy(images).to(next(net.parameters()).device)).cpu().numpy()
    difference = float(np.abs(run(images) - expected).max())
    allowed = TOLERANCE * max(1.0, float(np.abs(expected).max()))
    if not difference <= allowed:  # NaN logits must not pass either
        raise NasError(f"{name}: it differs from torch by {difference:.2g}, over {allowed:.2g}")
    return difference


def _write(trained: TrainedNetwork, path: Path, earlier: Mapping[str, Path]) -> None:
    _checked(trained, path, {**trained.metadata, "precision": "fp32"})


def _checked(trained: TrainedNetwork, path: Path, metadata: Mapping[str, Any]) -> float:
    model = onnx_model(trained.graph, batch=trained.batch)
    set_metadata(model, metadata)
    onnx.checker.check_model(model, full_check=True)
    content = model.SerializeToString()
    difference = require_near(trained, open_onnx(content), path.name)
    replace_file(path, content)
    return difference


def _no_images() -> Floats:
    raise ValueError("fp32 needs no images to calibrate on")


ONNX_FP32 = Exporter(
    *("onnx", "fp32", ".onnx"),
    write=_write,
    open=open_onnx,
    describe=describe_onnx,
    time=time_onnx,
    required=True,
    disagreement=0.005,  # rounding
)
