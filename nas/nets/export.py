"""One ONNX file from a trained network, checked against torch before anyone sees it."""

import io
import json
import logging
import warnings
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn

from nas.errors import NasError
from nas.resources import replace_file
from nas.spaces.architecture import Architecture

TOLERANCE = 1e-4
"""Largest difference between torch's and ONNX Runtime's logits that is let through."""


def export(
    net: nn.Module, arch: Architecture, path: Path, metadata: Mapping[str, Any], *, trained_at: int | None = None
) -> float:
    """Write `net` to `path` as ONNX fp32 and return the largest difference of logits from torch's.

    The batch is dynamic. Height and width are fixed at the architecture's resolution if it was trained
    there, and dynamic if it was trained at another one, `trained_at`, so that the file runs at both.
    `metadata` values that are not strings are stored as JSON.

    Raises:
        NasError: ONNX Runtime's logits differ from torch's by more than `TOLERANCE`.
    """
    net = net.eval().to("cpu")
    size = trained_at or arch.resolution
    axes: dict[int, Any] = {0: torch.export.Dim("batch")}
    if size != arch.resolution:
        axes |= {2: torch.export.Dim("height", min=8), 3: torch.export.Dim("width", min=8)}
    example = torch.zeros(2, arch.in_channels, size, size)
    model = _quietly_exported(net, example, axes)
    for key, value in metadata.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value if isinstance(value, str) else json.dumps(value)
    onnx.checker.check_model(model, full_check=True)
    content = model.SerializeToString()
    differences = [_difference(net, content, (3, arch.in_channels, s, s)) for s in {size, arch.resolution}]
    difference = float(np.max(differences))
    if not difference <= TOLERANCE:  # NaN logits must not pass either
        raise NasError(f"{path.name}: ONNX Runtime differs from torch by {difference:.2g}, over {TOLERANCE:g}")
    replace_file(path, content)
    return difference


def _quietly_exported(net: nn.Module, example: torch.Tensor, axes: dict[int, Any]) -> onnx.ModelProto:
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
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    with torch.no_grad():
        expected = net(images).numpy()
    (got,) = session.run(None, {"images": images.numpy()})
    return float(np.abs(got - expected).max())
