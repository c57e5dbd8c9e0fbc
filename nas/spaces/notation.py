"""Blocks as words of the one readable line that a network can be written as.

    224x3 conv3/2-32 sep3-64 mb5e6/2-24x2 conv1-1280 fc1000

that is: a 224-pixel, 3-channel input; a 3x3 convolution of stride 2 to 32 channels; a 3x3 separable
block; two 5x5 inverted residuals of expansion 6 to 24 channels, the first of stride 2; a 1x1
convolution; 1000 classes. Options follow a colon: `:relu` (the activation), `:nobn` (no batch norm
between depthwise and pointwise), `:se0.25` (squeeze and excitation). Published networks have more: `mb3h72-40` (72
hidden channels), `fire3h16-128`, `gs3/2-240:g3` and `sh3/2-116` (ShuffleNet v1 and v2), `dense3h32-24:g4`, `max3/2-64`,
`avg3/2-64`, `gap1-960`; `:g32` (groups), `:bias` (instead of batch norm), `:dw5` (a depthwise before the expansion),
`:fused` (a convolution that expands), `:nodw` (no depthwise), `:noskip` (no shortcut), `:nonlinear` (no linear end).
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import repeat
from typing import Any

from nas.errors import ArchitectureError
from nas.reading.words import short
from nas.spaces.block import DEFAULTS, RULES, Block, applies, require_few_blocks

LONGEST = 100_000
"""Characters of a line."""

_SHORT = {
    **{"conv": "conv", "sep": "sep", "mbconv": "mb", "fire": "fire", "gshuffle": "gs", "shuffle": "sh"},
    **{"dense": "dense", "maxpool": "max", "avgpool": "avg", "gap": "gap"},
}
_LONG = {short: op for op, short in _SHORT.items()}
_WORD = re.compile(
    rf"({'|'.join(_LONG)})([0-9]{{1,7}})(?:e([0-9]{{1,7}})|h([0-9]{{1,7}}))?(?:/([0-9]{{1,7}}))?-([0-9]{{1,7}})"
    r"(?:x([1-9][0-9]{0,6}))?((?::[a-z0-9.]+)*)"
)


def write_line(resolution: int, in_channels: int, classes: int, blocks: tuple[Block, ...]) -> str:
    """The line of a network."""
    return " ".join([f"{resolution}x{in_channels}", *_words(blocks), f"fc{classes}"])


def read_line(line: str) -> tuple[int, int, int, tuple[Block, ...]]:
    """Resolution, input channels, classes and blocks of the network that `line` is.

    Raises:
        ArchitectureError: a word cannot be read, or there are too many; the message names it.
    """
    if len(line) > LONGEST:
        raise ArchitectureError(f"a notation has at most {LONGEST:,} characters, got {len(line):,}: {short(line)}")
    words = line.split()
    size = re.fullmatch(r"([0-9]{1,7})x([0-9]{1,7})", words[0]) if words else None
    classes = re.fullmatch(r"fc([0-9]{1,7})", words[-1]) if words else None
    if not size or not classes:
        raise ArchitectureError(f"cannot read {short(line)}; a notation is like '224x3 conv3/2-32 mb3e6-24x2 fc1000'")
    runs = [_run(word) for word in words[1:-1]]
    require_few_blocks(sum(count for _, count in runs))
    blocks = (block for first, count in runs for block in (first, *repeat(replace(first, stride=1), count - 1)))
    return int(size[1]), int(size[2]), int(classes[1]), tuple(blocks)


def _words(blocks: tuple[Block, ...]) -> Iterator[str]:
    """A run of equal blocks whose first alone is strided is one word."""
    index = 0
    while index < len(blocks):
        first = blocks[index]
        same = replace(first, stride=1)
        count = 1
        while index + count < len(blocks) and blocks[index + count] == same:
            count += 1
        yield _word(first, count)
        index += count


def _word(block: Block, count: int) -> str:
    word = f"{_SHORT[block.op]}{block.kernel}"
    word += f"h{block.hidden}" if block.hidden else f"e{block.expansion}" if applies("expansion", block.op) else ""
    word += f"/{block.stride}" if block.stride > 1 else ""
    word += f"-{block.out_channels}" + (f"x{count}" if count > 1 else "")
    for name, rules in RULES.items():
        value = getattr(block, name)
        if rules.word and value != DEFAULTS[name] and name != "hidden":
            word += f":{rules.word(value)}"
    return word


def _run(word: str) -> tuple[Block, int]:
    """The first of the blocks that `word` is, and how many they are."""
    match = _WORD.fullmatch(word)
    if not match:
        raise ArchitectureError(
            f"cannot read the block {short(word)}; a block is like 'conv3/2-32', 'sep3-64', 'mb5e6/2-24x2'"
        )
    op, kernel, expansion, hidden, stride, out_channels, count, options = match.groups()
    given: dict[str, Any] = {"hidden": int(hidden)} if hidden else {}
    for name, value in map(_option, options.split(":")[1:]):
        if name in given:
            raise ArchitectureError(f"the block {short(word)} says its {name} twice")
        given[name] = value
    first = Block(_LONG[op], int(kernel), int(stride or 1), int(out_channels), int(expansion or 1), **given)
    return first, int(count or 1)


def _option(word: str) -> tuple[str, Any]:
    """The field and the value that `word` means: an activation, where no other field reads it."""
    for name, rules in RULES.items():
        value = rules.read(word) if rules.read and name != "activation" else None
        if value is not None:
            return name, value
    return "activation", word
