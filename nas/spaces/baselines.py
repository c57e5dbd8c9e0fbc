"""Published networks by name: those of `nas.spaces.catalogue`, as `mobilenet_v2`, with `_w0.75` (width), `_s8` (total
stride) and `_r192`.

The width multiplier scales every block's channels, rounded to a multiple of 8; MobileNetV2's last convolution only
grows with it, never shrinks, and stem and head of the EfficientNet-Lite are fixed. For small images a total stride
below 32 is made as is common for CIFAR: the first strides of 2 become 1.
"""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from nas.errors import ArchitectureError
from nas.reading.files import read_text
from nas.reading.json_text import parse_json
from nas.reading.onnx_metadata import read_metadata
from nas.reading.words import alike, cut, short
from nas.reading.yaml_text import parse_yaml
from nas.resources import names
from nas.spaces.architecture import Architecture
from nas.spaces.block import Block
from nas.spaces.catalogue import NETWORKS
from nas.spaces.interchange.slim import read_slim

_MOST_BYTES = 1_000_000  # of a file that is read
_NAME = re.compile(
    r"(?P<family>[a-z0-9_]+?)(?:_w(?P<width>[0-9]{1,3}(?:\.[0-9]{1,9})?))?(?:_s(?P<stride>[0-9]{1,7}))?"
    r"(?:_r(?P<resolution>[0-9]{1,7}))?"
)
_BLOCK_STRING = r"(cn|dsa?|u?ir|er)_[a-z]"
_TIMM = re.compile(rf"\s*{_BLOCK_STRING}")
_TIMM_LISTS = re.compile(rf"\s*\[\s*\[\s*['\"]?{_BLOCK_STRING}")
_SLIM = re.compile(r"\s*\[?\s*(Conv|DepthSepConv)\(")
STRIDES = (1, 2, 4, 8, 16, 32)
"""Total strides that they may have, the last of which is their own."""


def baseline(name: str, in_channels: int = 3, classes: int = 1000) -> Architecture:
    """The network called `name`, such as `mobilenet_v2_w0.75_s8_r192`.

    By default it has width 1 and total stride 32, at its own resolution.

    Raises:
        ArchitectureError: no such network, a width or resolution of zero, or a total stride that it cannot have.
    """
    match = _NAME.fullmatch(name) if len(name) < 100 else None
    if not match or match["family"] not in NETWORKS:
        family = match["family"] if match else cut(name, 40)
        near = alike(family, NETWORKS, 3, 0.5)
        raise ArchitectureError(
            f"unknown network {short(name)}; {f'like it are {names(near)}; ' if near else ''}python -m nas.networks "
            "lists those known, with _w0.75, _s8 and _r192 for width, total stride and resolution. A JSON file or a "
            "notation works too"
        )
    found = NETWORKS[match["family"]]
    width = float(match["width"] or 1)
    resolution = int(match["resolution"] or found.resolution)
    stride = int(match["stride"] or STRIDES[-1])
    if width == 0:
        raise ArchitectureError(f"the width of {name!r} must be above 0")
    if stride not in STRIDES:
        raise ArchitectureError(f"the total stride of {name!r} must be one of {', '.join(map(str, STRIDES))}")
    try:
        blocks = _at_stride(stride, found.blocks(width))
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


def by_content(name_or_path: str) -> str:
    """The name of a published network as it is; of any other network its notation, wherever its file lies.

    Raises:
        ArchitectureError: as `load_architecture` does.
    """
    arch = load_architecture(name_or_path)
    return name_or_path if _NAME.fullmatch(name_or_path) else arch.notation


def with_sizes(name: str, stride: int, resolution: int) -> str:
    """The published network `name` with this total stride and resolution, unless it says its own.

    Any other name, a file's or a notation, is as it is.
    """
    match = _NAME.fullmatch(name)
    if not match or match["family"] not in NETWORKS:
        return name
    width = f"_w{match['width']}" if match["width"] else ""
    own = match["stride"] or (stride if stride in STRIDES[:-1] else None)
    return f"{match['family']}{width}{f'_s{own}' if own else ''}_r{match['resolution'] or resolution}"


def load_architecture(name_or_path: str | Path) -> Architecture:
    """A network from the name of a baseline, a file, or a line.

    A line is a notation, timm's block strings, a stage each (`ds_r1_k3_s1_c16 ir_r2_k3_s2_e6_c24`) or in lists
    (`[['ds_r1_k3_s1_c16'], ['ir_r2_k3_s2_e6_c24']]`), or the list that TF-slim has. A file holds one of these three, or
    JSON, ours or timm's with its `arch_def`; or it is an ONNX file of this project.

    Raises:
        ArchitectureError: no such network, or the file or line cannot be read.
    """
    text = str(name_or_path)
    path = Path(os.path.expanduser(text))
    if path.suffix == ".onnx":
        return _of_onnx(path)
    if not os.path.exists(path):  # Path.exists raises on a very long line
        if found := _of_others(text):
            return found
        if " " in text.strip():
            return Architecture.from_notation(text)
    if path.suffix != ".json" and (not os.path.exists(path) or os.path.isdir(path)):
        return baseline(text)
    where = cut(text, 200)
    content = read_text(path, ArchitectureError, _MOST_BYTES)
    try:
        if found := _of_others(content):
            return found
    except ArchitectureError as error:
        raise ArchitectureError(f"{where}: {error}") from None
    data = parse_json(content, where, ArchitectureError)
    try:
        of_timm = isinstance(data, dict) and "arch_def" in data
        return Architecture.from_timm(data) if of_timm else Architecture.from_json(data)
    except ArchitectureError as error:
        raise ArchitectureError(f"{where}: {error}") from None


def _of_others(text: str) -> Architecture | None:
    """The network of timm's block strings or of TF-slim's list; none where `text` is neither."""
    if _TIMM.match(text):
        return Architecture.from_timm({"arch_def": [stage.split(",") for stage in text.split()]})
    if _TIMM_LISTS.match(text):
        return Architecture.from_timm({"arch_def": parse_yaml(text, "block strings", ArchitectureError)})
    if _SLIM.match(text):
        return Architecture(224, 3, 1000, read_slim(text))
    return None


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
