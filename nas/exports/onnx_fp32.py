"""ONNX in fp32 from a trained network, checked against torch before anyone sees it."""

import io
import logging
import warnings
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from torch import nn

from nas.errors import NasError
from nas.exports.base import Exporter, TrainedNetwork
from nas.exports.onnx_file import describe_onnx, open_onnx, set_metadata, time_onnx
from nas.resources import replace_file
from nas.spaces.architecture import Architecture

TOLERANCE = 1e-4
"""Largest difference between torch's and ONNX Runtime's logits that is let through."""


def export_onnx(
    net: nn.Module, arch: Architecture, path: Path, metadata: Mapping[str, Any], *, trained_at: int | None = None
) -> float:
    """Write `net` to `path` as ONNX fp32 and return the largest difference of logits from torch's.

    The batch is dynamic. Height and width are fixed at the architecture's resolution if it was trained
    there, and dynamic if it was trained at another one, `trained_at`, so that the file runs at both.
    `metadata` values that are not strings are stored as JSON.

    Raises:
        NasError: ONNX Runtime's logits differ from torch's by more than `TOLERANCE`.
    """
    net = net.eval().to("cpu", memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    size = trained_at or arch.resolution
    axes: dict[int, Any] = {0: torch.export.Dim("batch")}
    if size != arch.resolution:
        axes |= {2: torch.export.Dim("height", min=8), 3: torch.export.Dim("width", min=8)}
    # At its own resolution, so that no map is a single pixel, which the exporter would take for a size that is fixed.
    example = torch.zeros(2, arch.in_channels, arch.resolution, arch.resolution)
    model = _export_quietly(net, example, axes)
    set_metadata(model, metadata)
    onnx.checker.check_model(model, full_check=True)
    content = model.SerializeToString()
    differences = [_difference(net, content, (3, arch.in_channels, s, s)) for s in {size, arch.resolution}]
    difference = float(np.max(differences))
    if not difference <= TOLERANCE:  # NaN logits must not pass either
        raise NasError(f"{path.name}: ONNX Runtime differs from torch by {difference:.2g}, over {TOLERANCE:g}")
    replace_file(path, content)
    return difference


def _write(trained: TrainedNetwork, path: Path, earlier: Mapping[str, Path]) -> None:
    metadata = {**trained.metadata, "precision": "fp32"}
    export_onnx(trained.net, trained.arch, path, metadata, trained_at=trained.resolution)


def _export_quietly(net: nn.Module, example: torch.Tensor, axes: dict[int, Any]) -> onnx.ModelProto:
    """Torch's exporter, without its progress lines."""
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            net,
            (example,),
            dynamo=True,
            external_data=False,
            input_names=["images"],
            output_names=["logits"],
            dynamic_shapes=(axes,),
            verbose=False,
        )
    assert program is not None
    return program.model_proto


def _difference(net: nn.Module, model: bytes, shape: tuple[int, ...]) -> float:
    images = torch.from_numpy(np.random.default_rng(0).standard_normal(shape, dtype=np.float32))
    with torch.no_grad():
        expected = net(images).numpy()
    return float(np.abs(open_onnx(model)(images.numpy()) - expected).max())


ONNX_FP32 = Exporter(
    *("onnx", "fp32", ".onnx"),
    write=_write,
    open=open_onnx,
    describe=describe_onnx,
    time=time_onnx,
    required=True,
    disagreement=0.005,  # rounding
)
