"""ONNX in int8, from the fp32 file: static quantisation by ONNX Runtime's quantiser, calibrated on images.

Every convolution, addition and the classifier stands between QuantizeLinear and DequantizeLinear (QDQ). Activations are
uint8, since ONNX Runtime's kernels for int8 ones are several times slower on x86; weights are int8 with a scale per
output channel. Ranges are the smallest and the largest value seen: entropy and percentiles were no better.
A ReLU or ReLU6 becomes the range of what it gives, and no node.
"""

import io
import logging
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from nas.errors import NasError
from nas.exports.base import Exporter, TrainedNetwork
from nas.exports.onnx_file import describe_onnx, open_onnx, time_onnx
from nas.reading.plain import readable
from nas.resources import replace_file

BATCH = 32
"""Images that are calibrated on at once."""


class _Reader(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime has no types
    """Images, float32 N x C x R x R as the network sees them, in batches."""

    def __init__(self, images: NDArray[np.float32]) -> None:
        self._batches = iter(np.split(images, range(BATCH, len(images), BATCH)))

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        batch = next(self._batches, None)
        return None if batch is None else {"images": batch}


def quantize(source: Path, target: Path, images: NDArray[np.float32]) -> None:
    """Write the fp32 model `source` as int8 to `target`, with its metadata; batch and size stay as free as they were.

    `images`, float32 N x C x R x R, are preprocessed training images; their ranges are the activations'.

    Raises:
        NasError: the quantiser left no operation in int8.
    """
    beside = None if readable(str(target)) != str(target) else target.parent  # it opens no path that is not UTF-8
    with tempfile.TemporaryDirectory(dir=beside, prefix=f".{target.name}-") as folder, _quietly():
        copied, prepared, written = (Path(folder) / f"{name}.onnx" for name in ("fp32", "prepared", "int8"))
        shutil.copyfile(source, copied)
        quant_pre_process(str(copied), str(prepared))
        quantize_static(
            str(prepared),
            str(written),
            _Reader(images),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
        )
        model = onnx.load(written)
    if not any(node.op_type == "QuantizeLinear" for node in model.graph.node):
        raise NasError(f"{target.name}: the quantiser left no operation in int8")
    del model.metadata_props[:]
    model.metadata_props.extend(onnx.load(source).metadata_props)
    onnx.checker.check_model(model)
    replace_file(target, model.SerializeToString())


@contextmanager
def _quietly() -> Iterator[None]:
    """Without what the quantiser prints and logs."""
    logger = logging.getLogger()
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with redirect_stdout(io.StringIO()):
            yield
    finally:
        logger.setLevel(level)


def _write(trained: TrainedNetwork, path: Path, earlier: Mapping[str, Path]) -> None:
    quantize(earlier["onnx"], path, trained.calibration())
    describe_onnx(path, {"precision": "int8"})


ONNX_INT8 = Exporter(
    *("onnx", "int8", ".int8.onnx"),
    write=_write,
    open=open_onnx,
    describe=describe_onnx,
    time=time_onnx,
)
