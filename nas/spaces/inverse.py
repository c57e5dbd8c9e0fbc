"""From a network back to the choices that make it: depth-first search over stages and their blocks."""

from collections.abc import Iterator
from typing import Any

from nas.spaces.architecture import Architecture, Block
from nas.spaces.stage import Stage, applies

Choices = dict[str, Any]


def match(
    arch: Architecture, stages: tuple[Stage, ...], width: float, strides: tuple[int, ...], channels: int
) -> Choices | None:
    """Choices, by variable name, under which `stages` give the blocks of `arch`; None if there are none."""
    if not stages:
        return {} if not arch.blocks else None
    return _stage(arch.blocks, stages, width, strides, channels, {})


def _stage(
    blocks: tuple[Block, ...],
    stages: tuple[Stage, ...],
    width: float,
    strides: tuple[int, ...],
    channels: int,
    chosen: Choices,
) -> Choices | None:
    """Match all of `blocks` against all of `stages`."""
    if not stages:
        return None if blocks else chosen
    stage, stride = stages[0], strides[0]
    for depth in stage.depth:
        for out_channels in stage.fields["out_channels"]:
            begun = {f"{stage.name}.depth": depth, stage.variable("out_channels", 0): out_channels}
            for used, last, found in _blocks(stage, blocks, width, stride, channels, chosen | begun, 0, depth):
                rest = _stage(blocks[used:], stages[1:], width, strides[1:], last, found)
                if rest is not None:
                    return rest
    return None


def _blocks(
    stage: Stage,
    blocks: tuple[Block, ...],
    width: float,
    stride: int,
    channels: int,
    chosen: Choices,
    index: int,
    depth: int,
) -> Iterator[tuple[int, int, Choices]]:
    """Ways to match blocks index..depth of one stage: (blocks used, channels after, choices)."""
    if index == depth:
        yield 0, channels, chosen
        return
    target = blocks[0] if blocks else None
    for tried in _options(stage, index, chosen, target):
        block = stage.block(tried, index, width, stride if index == 0 else 1, channels)
        used = 0 if block is None else 1
        if used == 0 or block == target:
            after = channels if block is None else block.out_channels
            for more, last, found in _blocks(stage, blocks[used:], width, stride, after, tried, index + 1, depth):
                yield used + more, last, found


def _options(stage: Stage, index: int, chosen: Choices, target: Block | None) -> Iterator[Choices]:
    """`chosen`, completed for block `index` so that it may become `target`."""
    for number, alternative in enumerate(stage.blocks):
        tried = chosen | {stage.variable("block", index): number}
        yield _agreeing(stage, index, tried, target) if alternative else tried
    if not stage.blocks:
        yield _agreeing(stage, index, chosen, target)


def _agreeing(stage: Stage, index: int, chosen: Choices, target: Block | None) -> Choices:
    """`chosen`, with each field that is still open set to the value that `target` has."""
    agreed = dict(chosen)
    for name, values in stage.fields.items():
        variable = stage.variable(name, index)
        if target is not None and variable not in agreed and applies(name, target.op):
            value = getattr(target, name)
            if value in values:
                agreed[variable] = value
    return agreed
