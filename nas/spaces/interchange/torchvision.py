"""Networks as torchvision's MobileNetV2 takes them: `inverted_residual_setting`, rows of [t, c, n, s].

https://github.com/pytorch/vision, torchvision/models/mobilenetv2.py: expansion, channels, blocks, stride of the first.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from nas.errors import ArchitectureError
from nas.reading.words import short
from nas.spaces.block import Block, positive_int, require_few_blocks
from nas.spaces.chain import divisible

LAST = 1280
"""Channels of the last convolution, which only grows with the width."""


def read_settings(rows: Any, width: float = 1.0) -> tuple[Block, ...]:
    """The blocks of torchvision's MobileNetV2 with these settings, stem and head included.

    Raises:
        ArchitectureError: a row is not four numbers above 0.
    """
    if isinstance(width, bool) or not isinstance(width, int | float) or not 0 < width <= 100:
        raise ArchitectureError(f"the width must be above 0 and at most 100, got {short(width)}")
    if not isinstance(rows, Sequence) or isinstance(rows, str) or not rows:
        raise ArchitectureError(f"inverted_residual_setting must be a list of rows [t, c, n, s], got {short(rows)}")
    for number, row in enumerate(rows):
        if not isinstance(row, Sequence) or len(row) != 4 or any(positive_int("it", value) for value in row):
            raise ArchitectureError(f"row {number} must be four whole numbers above 0, got {short(row)}")
    require_few_blocks(sum(row[2] for row in rows) + 2)
    return tuple(_blocks(rows, width))


def _blocks(rows: Sequence[Sequence[int]], width: float) -> Iterator[Block]:
    yield Block("conv", 3, 2, divisible(32 * width))
    for expansion, channels, depth, stride in rows:
        for index in range(depth):
            yield Block("mbconv", 3, stride if index == 0 else 1, divisible(channels * width), expansion)
    yield Block("conv", 1, 1, divisible(LAST * max(1.0, width)))


def write_settings(blocks: Sequence[Block]) -> list[list[int]]:
    """The settings of a network; `read_settings` reads them back at width 1.

    Raises:
        ArchitectureError: its blocks are not those of torchvision's MobileNetV2.
    """
    inner = blocks[1:-1]
    rows: list[list[int]] = []
    for (expansion, channels), same in groupby(inner, lambda block: (block.expansion, block.out_channels)):
        for block in same:
            if block.stride > 1 or not rows or rows[-1][:2] != [expansion, channels]:
                rows.append([expansion, channels, 0, block.stride])
            rows[-1][2] += 1
    if not rows or read_settings(rows) != tuple(blocks):
        raise ArchitectureError(
            "torchvision's settings say networks of a stem of 32 channels, inverted residuals of 3x3, ReLU6 and a 1x1 "
            f"convolution to {LAST}, channels in multiples of 8; this is another"
        )
    return rows
