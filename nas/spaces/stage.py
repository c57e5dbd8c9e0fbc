"""A stage: a run of blocks of one width, the choices among them, and the block a choice means."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from nas.spaces.block import RULES, Block, applies
from nas.spaces.chain import divisible

Value = int | float | str | bool


@dataclass(frozen=True, slots=True)
class Variable:
    """One choice: its name, the values in the order of the file, and whether they are ordered."""

    name: str
    values: tuple[Any, ...]
    ordered: bool


@dataclass(frozen=True, slots=True)
class Stage:
    """A run of blocks of one width; the first takes the stage's stride.

    `fields` maps each `Block` field to its choices; those in `per_block` are chosen anew for each
    block, the others once for the stage. `blocks`, if given, holds whole alternatives for each block,
    each a mapping of fields, empty for the identity: nothing where the shape is kept, else a 1x1
    convolution with batch norm and no activation. `scaled`: the width multiplier applies.
    """

    name: str
    fields: Mapping[str, tuple[Value, ...]] = field(hash=False)
    depth: tuple[int, ...] = (1,)
    stride: tuple[int, ...] = (1,)
    per_block: tuple[str, ...] = ()
    blocks: tuple[Mapping[str, Value], ...] = field(default=(), hash=False)
    scaled: bool = True

    def variable(self, name: str, index: int) -> str:
        """The name of the variable that chooses field `name` of block `index`."""
        shared = name not in self.per_block and name != "block"
        return f"{self.name}.{name}" if shared else f"{self.name}.{index}.{name}"

    def variables(self) -> Iterator[Variable]:
        """The stage's choices, those of a single value included."""
        yield Variable(f"{self.name}.depth", self.depth, True)
        for name, values in self.fields.items():
            if name not in self.per_block:
                yield Variable(self.variable(name, 0), values, RULES[name].ordered)
        for index in range(max(self.depth)):
            if self.blocks:
                yield Variable(self.variable("block", index), tuple(range(len(self.blocks))), False)
            for name in self.per_block:
                yield Variable(self.variable(name, index), self.fields[name], RULES[name].ordered)

    def out_channels(self, chosen: Mapping[str, Any], width: float) -> int:
        """Output channels of every block, after the width multiplier (rounded to a multiple of 8)."""
        channels: int = chosen.get(self.variable("out_channels", 0), self.fields["out_channels"][0])
        return divisible(channels * width) if self.scaled and width != 1 else channels

    def block(self, chosen: Mapping[str, Any], index: int, width: float, stride: int, channels: int) -> Block | None:
        """Block `index` under the choices `chosen`, after `channels` channels; None where nothing runs."""
        fields = {name: chosen.get(self.variable(name, index), values[0]) for name, values in self.fields.items()}
        fields["out_channels"] = self.out_channels(chosen, width)
        if self.blocks:
            alternative = self.blocks[chosen.get(self.variable("block", index), 0)]
            if not alternative:
                keeps = stride == 1 and fields["out_channels"] == channels
                return None if keeps else Block("conv", 1, stride, fields["out_channels"], activation="none")
            fields |= alternative
        return Block(stride=stride, **{name: v for name, v in fields.items() if applies(name, fields["op"])})
