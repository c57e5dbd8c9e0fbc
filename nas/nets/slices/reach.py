"""Which part of a space pretrained weights reach: what lies beyond is drawn anew, or padded."""

from dataclasses import dataclass
from typing import Any

from nas.nets.pretrained import load
from nas.nets.pretrained.base import Pretrained
from nas.nets.slices.cut import first_blocks, require_alike
from nas.reading.words import listed
from nas.spaces.block import RULES, Block
from nas.spaces.space import SearchSpace
from nas.spaces.stage import Stage


@dataclass(frozen=True, slots=True)
class Reached:
    """Which values of a choice, `stage2.kernel` say, pretrained weights reach, and which are `beyond` them."""

    choice: str
    reached: tuple[Any, ...]
    beyond: tuple[Any, ...]

    def __str__(self) -> str:
        return f"{self.choice} {', '.join(map(str, self.beyond))}"


def covers(space: SearchSpace, init: str) -> tuple[Reached, ...]:
    """As `reached`, of the weights that `init` names.

    Raises:
        ConfigError: there are none of that name, or they have other numbers of stages, or take other images.
    """
    return reached(space, load(init))


def reached(space: SearchSpace, pretrained: Pretrained) -> tuple[Reached, ...]:
    """Which part of a space the weights reach, choice by choice.

    Raises:
        ConfigError: they have other numbers of stages, or take other images.
    """
    require_alike(space.in_channels, len(space.stages), pretrained)
    found = []
    for stage, theirs in zip(space.stages, first_blocks(pretrained.arch), strict=True):
        for name, values in {"depth": stage.depth, **stage.fields}.items():
            have = tuple(v for v in values if _reaches(stage, name, v, theirs, max(space.width)))
            found.append(Reached(f"{stage.name}.{name}", have, tuple(v for v in values if v not in have)))
    return tuple(found)


def covered(space: SearchSpace, pretrained: Pretrained) -> str:
    """What was taken, and what of the space the weights do not reach, in a line for the user; raises as `reached`."""
    beyond = [str(each) for each in reached(space, pretrained) if each.beyond]
    part = f"all of {space.name} but {listed(beyond)}, of which the rest is new" if beyond else f"all of {space.name}"
    return f"init: {pretrained.told}; they reach {part}"


def _reaches(stage: Stage, name: str, value: Any, first: tuple[Block, int, int], width: float) -> bool:
    block, before, depth = first
    if name == "expansion" and block.hidden:
        return bool(1 < value <= block.hidden / before)
    if name == "depth":
        return bool(value <= depth)
    if name == "out_channels":
        value = stage.out_channels({stage.variable(name, 0): value}, width)
    theirs, rules = getattr(block, name), RULES[name]
    alike = rules.apart is None or block.op not in rules.ops or rules.apart(value) == rules.apart(theirs)
    return alike and (not rules.slices or value <= theirs)
