"""What a published network is: how it is made at a width, and what its authors count."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from nas.errors import ArchitectureError
from nas.spaces.block import Block
from nas.spaces.chain import divisible
from nas.spaces.notation import read_line


@dataclass(frozen=True, slots=True)
class Published:
    """A family of networks: its blocks for a width multiplier, and the figures published for width 1.

    `macs_m` and `params_m` are millions, as `source` has them; `why` says why ours differ by more than rounding.
    """

    blocks: Callable[[float], Iterable[Block]]
    source: str
    macs_m: float
    params_m: float
    why: str = ""
    resolution: int = 224


def scaled(words: str) -> Callable[[float], Iterator[Block]]:
    """Blocks in words of the notation; the width multiplies all channels but those of a 1x1 convolution at the end."""
    *_, blocks = read_line(f"224x3 {words} fc1000")

    def made(width: float) -> Iterator[Block]:
        last = len(blocks) - 1 if (blocks[-1].op, blocks[-1].kernel) == ("conv", 1) else len(blocks)
        for number, block in enumerate(blocks):
            yield widened(block, width) if number < last else block

    return made


def widened(block: Block, width: float) -> Block:
    """`block` with its channels, the hidden ones too, times `width`."""
    if width == 1:
        return block
    hidden = divisible(block.hidden * width) if block.hidden else 0
    return replace(block, out_channels=divisible(block.out_channels * width), hidden=hidden)


def fixed(words: str) -> Callable[[float], Iterable[Block]]:
    """Blocks in words of the notation, of a network that has no width multiplier."""
    *_, blocks = read_line(f"224x3 {words} fc1000")

    def made(width: float) -> Iterable[Block]:
        if width != 1:
            raise ArchitectureError(f"it has no width multiplier, got {width:g}")
        return blocks

    return made


def at_widths(
    tables: Mapping[float, tuple[int, ...]], of: Callable[[tuple[int, ...]], str]
) -> Callable[[float], Iterable[Block]]:
    """Blocks of a network whose channels are published for some widths alone, in words made `of` these channels."""

    def made(width: float) -> Iterable[Block]:
        if width not in tables:
            raise ArchitectureError(f"its widths are {', '.join(f'{each:g}' for each in tables)}, got {width:g}")
        return read_line(f"224x3 {of(tables[width])} fc1000")[3]

    return made
