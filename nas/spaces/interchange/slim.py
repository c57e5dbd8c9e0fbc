"""Networks as TF-slim's MobileNetV1 lists them: `Conv` and `DepthSepConv` with kernel, stride and depth.

https://github.com/tensorflow/models, research/slim/nets/mobilenet_v1.py.
"""

import re
from collections.abc import Iterator, Sequence

from nas.errors import ArchitectureError
from nas.reading.words import short
from nas.spaces.block import Block, require_few_blocks

LONGEST = 100_000
"""Characters of a list."""

_OPS = {"Conv": "conv", "DepthSepConv": "sep"}
_ENTRY = re.compile(
    r"\s*(Conv|DepthSepConv)\(\s*kernel=\[(\d{1,7}),\s*(\d{1,7})\],\s*stride=(\d{1,7}),\s*depth=(\d{1,7})\s*\)\s*,?"
)


def read_slim(text: str) -> tuple[Block, ...]:
    """The blocks of a list such as `[Conv(kernel=[3, 3], stride=2, depth=32), DepthSepConv(…)]`.

    Raises:
        ArchitectureError: an entry cannot be read; the message names it.
    """
    if not isinstance(text, str) or len(text) > LONGEST:
        raise ArchitectureError(
            f"a list of convolutions is a text of at most {LONGEST:,} characters, got {short(text)}"
        )
    return tuple(_blocks(text.strip().removeprefix("[").removesuffix("]")))


def _blocks(inner: str) -> Iterator[Block]:
    at, number = 0, 0
    while inner[at:].strip():
        entry = _ENTRY.match(inner, at)
        if entry is None or entry[2] != entry[3]:
            raise ArchitectureError(
                f"entry {number} cannot be read: {short(inner[at:].strip())}; it is like "
                "DepthSepConv(kernel=[3, 3], stride=1, depth=64)"
            )
        number += 1
        require_few_blocks(number)
        yield Block(_OPS[entry[1]], int(entry[2]), int(entry[4]), int(entry[5]))
        at = entry.end()


def write_slim(blocks: Sequence[Block]) -> str:
    """The list of a network's blocks, one a line; `read_slim` reads it back.

    Raises:
        ArchitectureError: a block is no plain convolution or separable one.
    """
    ours = {op: name for name, op in _OPS.items()}
    lines = []
    for block in blocks:
        if block != Block(block.op, block.kernel, block.stride, block.out_channels) or block.op not in ours:
            raise ArchitectureError(f"TF-slim's list has no such block: {short(block)}")
        kernel = f"[{block.kernel}, {block.kernel}]"
        lines.append(f"    {ours[block.op]}(kernel={kernel}, stride={block.stride}, depth={block.out_channels}),")
    return "\n".join(["[", *lines, "]"])
