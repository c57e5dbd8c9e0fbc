"""Published networks by name: `mobilenet_v1`, `mobilenet_v2`, `efficientnet_lite0`, with `_w0.75` (width), `_s8` (total
stride) and `_r192`.

Sources: Howard et al. 2017, https://arxiv.org/abs/1704.04861, table 1; Sandler et al. 2018,
https://arxiv.org/abs/1801.04381, table 2; Tan and Le 2019, https://arxiv.org/abs/1905.11946, table 1, as the README of
https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite changes it: no squeeze and excitation,
ReLU6, and stem, head and the depths of the first and the last stage stay as they are in all sizes.

The width multiplier scales every block's channels, rounded to a multiple of 8; MobileNetV2's last convolution only
grows with it, never shrinks, and stem and head of the EfficientNet-Lite are fixed. For small images a total stride
below 32 is made as is common for CIFAR: the first strides of 2 become 1.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from math import ceil
from pathlib import Path

from nas.errors import ArchitectureError
from nas.reading.files import read_text
from nas.reading.json_text import parse_json
from nas.reading.onnx_metadata import read_metadata
from nas.reading.words import cut, short
from nas.resources import names
from nas.spaces.architecture import Architecture
from nas.spaces.block import Block
from nas.spaces.layers import divisible

# out_channels, stride of each separable block
_V1 = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)]
# expansion, out_channels, depth, stride of each stage
_V2 = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]
# kernel, expansion, out_channels, depth, stride of each stage
_LITE = [
    *((3, 1, 16, 1, 1), (3, 6, 24, 2, 2), (5, 6, 40, 2, 2), (3, 6, 80, 3, 2)),
    *((5, 6, 112, 3, 1), (5, 6, 192, 4, 2), (3, 6, 320, 1, 1)),
]


def _mobilenet_v1(width: float) -> Iterator[Block]:
    yield Block("conv", 3, 2, divisible(32 * width))
    for channels, stride in _V1:
        yield Block("sep", 3, stride, divisible(channels * width))


def _mobilenet_v2(width: float) -> Iterator[Block]:
    yield Block("conv", 3, 2, divisible(32 * width))
    for expansion, channels, depth, stride in _V2:
        for index in range(depth):
            yield Block("mbconv", 3, stride if index == 0 else 1, divisible(channels * width), expansion)
    yield Block("conv", 1, 1, divisible(1280 * max(1.0, width)))


def _efficientnet_lite(wider: float, deeper: float, width: float) -> Iterator[Block]:
    yield Block("conv", 3, 2, 32)
    for number, (kernel, expansion, channels, depth, stride) in enumerate(_LITE):
        fixed = number in (0, len(_LITE) - 1)
        for index in range(depth if fixed else ceil(depth * deeper)):
            yield Block("mbconv", kernel, stride if index == 0 else 1, divisible(channels * wider * width), expansion)
    yield Block("conv", 1, 1, 1280)


BASELINES: dict[str, Callable[[float], Iterator[Block]]] = {
    "mobilenet_v1": _mobilenet_v1,
    "mobilenet_v2": _mobilenet_v2,
    "efficientnet_lite0": partial(_efficientnet_lite, 1.0, 1.0),
    "efficientnet_lite1": partial(_efficientnet_lite, 1.0, 1.1),
    "efficientnet_lite2": partial(_efficientnet_lite, 1.1, 1.2),
}
_RESOLUTIONS = {"efficientnet_lite1": 240, "efficientnet_lite2": 260}  # else 224
_MOST_BYTES = 1_000_000  # of a JSON file
_NAME = re.compile(
    r"(?P<family>[a-z0-9_]+?)(?:_w(?P<width>[0-9]{1,3}(?:\.[0-9]{1,9})?))?(?:_s(?P<stride>[0-9]{1,7}))?"
    r"(?:_r(?P<resolution>[0-9]{1,7}))?"
)
STRIDES = (1, 2, 4, 8, 16, 32)
"""Total strides that they may have, the last of which is their own."""


def baseline(name: str, in_channels: int = 3, classes: int = 1000) -> Architecture:
    """The network called `name`, such as `mobilenet_v2_w0.75_s8_r192`.

    By default it has width 1 and total stride 32, at its own resolution.

    Raises:
        ArchitectureError: no such network, a width or resolution of zero, or a total stride that it cannot have.
    """
    match = _NAME.fullmatch(name) if len(name) < 100 else None
    if not match or match["family"] not in BASELINES:
        raise ArchitectureError(
            f"unknown network {short(name)}; known: {names(BASELINES)}, with _w0.75, _s8 and _r192 for width, total "
            "stride and resolution. A JSON file or a notation works too"
        )
    width = float(match["width"] or 1)
    resolution = int(match["resolution"] or _RESOLUTIONS.get(match["family"], 224))
    stride = int(match["stride"] or STRIDES[-1])
    if width == 0:
        raise ArchitectureError(f"the width of {name!r} must be above 0")
    if stride not in STRIDES:
        raise ArchitectureError(f"the total stride of {name!r} must be one of {', '.join(map(str, STRIDES))}")
    try:
        blocks = _at_stride(stride, BASELINES[match["family"]](width))
        return Architecture(resolution, in_channels, classes, tuple(blocks))
    except ArchitectureError as error:
        raise ArchitectureError(f"{name}: {error}") from None


def _at_stride(total: int, blocks: Iterable[Block]) -> Iterator[Block]:
    """Blocks that downsample `STRIDES[-1]` times, with the first strides 1 until they do so `total` times."""
    left = STRIDES[-1] // total
    for block in blocks:
        if left > 1 and block.stride > 1:
            left //= block.stride
            yield replace(block, stride=1)
        else:
            yield block


def load_architecture(name_or_path: str | Path) -> Architecture:
    """A network from the name of a baseline, a JSON file, an ONNX file of this project, or a notation line.

    Raises:
        ArchitectureError: no such network, or the file or line cannot be read.
    """
    text = str(name_or_path)
    path = Path(os.path.expanduser(text))
    if path.suffix == ".onnx":
        return _of_onnx(path)
    if " " in text.strip() and not os.path.exists(path):  # Path.exists raises on a very long line
        return Architecture.from_notation(text)
    if path.suffix != ".json" and (not os.path.exists(path) or os.path.isdir(path)):
        return baseline(text)
    where = cut(text, 200)
    data = parse_json(read_text(path, ArchitectureError, _MOST_BYTES), where, ArchitectureError)
    try:
        return Architecture.from_json(data)
    except ArchitectureError as error:
        raise ArchitectureError(f"{where}: {error}") from None


def _of_onnx(path: Path) -> Architecture:
    """The network that the metadata of an exported file name."""
    where, metadata = cut(str(path), 200), read_metadata(path, ArchitectureError)
    if "notation" not in metadata:
        raise ArchitectureError(
            f"{where}: its metadata name no architecture; give a file that nas.search or nas.train wrote"
        )
    try:
        return Architecture.from_notation(metadata["notation"])
    except ArchitectureError as error:
        raise ArchitectureError(f"{where}: {error}") from None
