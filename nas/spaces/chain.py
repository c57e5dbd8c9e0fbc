"""Blocks and the channels that reach them: what they must agree on, and the one form of blocks that are the same."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from nas.errors import ArchitectureError
from nas.spaces.block import OPS, Block


def fitted(channels: int, blocks: Iterable[Block]) -> Iterator[Block]:
    """`blocks` after so many `channels`, each in its one form.

    Hidden channels that are a multiple of those that reach a block are an expansion, and where no shortcut is possible
    none is forbidden.

    Raises:
        ArchitectureError: a block cannot follow the channels that reach it.
    """
    for number, block in enumerate(blocks):
        if problem := _misfit(block, channels):
            raise ArchitectureError(f"block {number}, {block.op}: {problem}")
        yield _one_form(block, channels)
        channels = block.out_channels


def _one_form(block: Block, channels: int) -> Block:
    if block.op == "mbconv" and block.hidden and block.hidden % channels == 0:
        times = block.hidden // channels
        if times > 1 or block.middle == "conv":  # else an expansion to as many channels, which expansion 1 has not
            block = replace(block, hidden=0, expansion=times)
    if not block.shortcut and (block.stride > 1 or block.out_channels != channels):
        block = replace(block, shortcut=True)
    return block


def _misfit(block: Block, channels: int) -> str | None:
    """What is wrong with `block` after so many channels."""
    if block.op in OPS and block.groups == 1:
        return None
    out = block.out_channels
    if block.op in ("maxpool", "avgpool", "gap") and out != channels:
        return f"keeps channels, got {channels} in and {out} out"
    if block.op in ("fire", "shuffle") and out % 2:
        return f"out_channels must be even, got {out}"
    if block.op in ("gshuffle", "shuffle") and block.stride == 1 and out != channels:
        return f"keeps channels at stride 1, got {channels} in and {out} out"
    if block.op == "gshuffle" and out % 4:
        return f"out_channels must be a multiple of 4, got {out}"
    if (block.op == "dense" or (block.op == "gshuffle" and block.stride > 1)) and out <= channels:
        return f"adds to its input, so out_channels must be more than the {channels} in, got {out}"
    for shared in _grouped(block, channels):
        if shared % block.groups:
            return f"groups must divide {shared} channels, got {block.groups}"
    return None


def _grouped(block: Block, channels: int) -> Iterator[int]:
    """The channels that groups divide."""
    if block.op == "conv":
        yield from (channels, block.out_channels)
    elif block.op == "dense":
        yield from (channels, block.hidden, block.out_channels - channels)
    elif block.op == "gshuffle":
        hidden = block.out_channels // 4
        yield from (hidden, block.out_channels - (channels if block.stride > 1 else 0))
        if channels >= hidden:
            yield channels


def expands(block: Block) -> bool:
    """Whether an `mbconv` has an expansion."""
    return block.expansion > 1 or block.hidden > 0 or block.middle == "conv"


def hidden_channels(block: Block, in_channels: int) -> int:
    """Channels of an `mbconv` between expansion and projection."""
    return block.hidden or in_channels * block.expansion


def divisible(channels: float, divisor: int = 8) -> int:
    """The multiple of `divisor` nearest to `channels`, never under 90 % of it (MobileNet v2's rule)."""
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded if rounded >= 0.9 * channels else rounded + divisor
