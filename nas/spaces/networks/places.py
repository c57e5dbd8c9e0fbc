"""A space as a nondeterministic automaton: which choices agree with the blocks of a network so far.

Width, strides and a stage's settings lead from block to block; several choices can give the same blocks
(widths that round to the same channels, depths split between stages of equal settings, identities).
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from nas.errors import SpaceError
from nas.spaces.architecture import Architecture
from nas.spaces.block import Block, applies
from nas.spaces.choices import Choices, Genotypes
from nas.spaces.stage import Stage, Value

Chosen = tuple[tuple[str, Any], ...]
"""Values of variables, by name."""


class Place(NamedTuple):
    """How far some choices have come: before block `position` of a stage, and what they mean for the rest.

    `shared`: the stage's choices for all its blocks, as far as these have shown them.
    `stride`: that of this stage. `later`: which strides the later stages may have (`_Strides`).
    """

    stage: int
    position: int
    shared: frozenset[tuple[str, Value]]
    width: float
    stride: int
    later: int


class Trail(NamedTuple):
    """The choices on the way to a place: those of the last step, and the trail before it."""

    chosen: Chosen
    before: "Trail | None" = None


class Moves(NamedTuple):
    """Where a place leads, and what is chosen by it: with each block that may come next, and without a block."""

    blocks: dict[Block, dict[Place, Chosen]]
    silent: dict[Place, Chosen]


@lru_cache(maxsize=8)
def places(space: Choices) -> "Places":
    """The places of `space`, which remember the moves asked for."""
    return Places(space)


def genotype(space: Choices, arch: Architecture) -> Genotypes:
    """The one canonical genotype of `arch`; choices without effect are 0.

    Raises:
        SpaceError: the network is not in the space.
    """
    fits = arch.resolution in space.resolution
    fits &= (arch.in_channels, arch.classes) == (space.in_channels, space.classes)
    found = places(space).read(arch) if fits else None
    if found is None:
        raise SpaceError(f"the network is not in the space {space.name}: {arch.notation}")
    found["resolution"] = arch.resolution
    indices = [v.values.index(found[v.name]) if v.name in found else 0 for v in space.variables]
    return np.array(indices, dtype=np.int64)


class Places:
    """The moves between the places of a space. A place belongs with the channels that its last block left."""

    def __init__(self, space: Choices) -> None:
        self._stages = space.stages
        self._in_channels = space.in_channels
        self._moves: dict[tuple[Place, int], Moves] = {}
        self._alike = [_representatives(space.width, space.stages[number:]) for number in range(len(space.stages) + 1)]
        self._strides = _Strides()
        patterns = self._strides.add(space.strides)
        self.start: dict[Place, Trail] = {}
        for width in space.width:
            for place, chosen in self._enter(0, width, patterns, (("width", width),)):
                self.start.setdefault(place, Trail(chosen))

    def ended(self, place: Place) -> bool:
        """Whether a network may end there."""
        return place.stage == len(self._stages)

    def moves(self, place: Place, channels: int) -> Moves:
        """What may come next, after `channels` channels."""
        known = self._moves.get((place, channels))
        if known is None:
            known = self._moves[place, channels] = Moves({}, {})
            for block, reached, chosen in () if self.ended(place) else self._next(place, channels):
                leads_to = known.silent if block is None else known.blocks.setdefault(block, {})
                leads_to.setdefault(reached, chosen)
        return known

    def closure(self, trails: dict[Place, Trail], channels: int) -> dict[Place, Trail]:
        """`trails` and those to all places reached without a block, by the end of a stage or an identity."""
        found = dict(trails)
        waiting = list(trails)
        for place in waiting:  # which grows
            for reached, chosen in self.moves(place, channels).silent.items():
                if reached not in found:
                    found[reached] = Trail(chosen, found[place])
                    waiting.append(reached)
        return found

    def read(self, arch: Architecture) -> dict[str, Any] | None:
        """Choices that give the blocks of `arch`, by variable name, those without effect left out; None if none do."""
        trails, channels = self.start, self._in_channels
        for block in arch.blocks:
            after: dict[Place, Trail] = {}
            for place, trail in self.closure(trails, channels).items():
                for reached, chosen in self.moves(place, channels).blocks.get(block, {}).items():
                    after.setdefault(reached, Trail(chosen, trail))
            trails, channels = after, block.out_channels
        for place, trail in self.closure(trails, channels).items():
            if self.ended(place):
                found = dict(_unwound(trail))
                return {**found, "strides": tuple(found[_stride_of(stage)] for stage in self._stages)}
        return None

    def _next(self, place: Place, channels: int) -> Iterator[tuple[Block | None, Place, Chosen]]:
        stage = self._stages[place.stage]
        if place.position in stage.depth:
            for reached in self._enter(place.stage + 1, place.width, place.later, (_depth_of(place, stage),)):
                yield None, *reached
        stride = place.stride if place.position == 0 else 1
        for choices in _choices(stage, place.position, dict(place.shared)):
            block = stage.block(choices, place.position, place.width, stride, channels)
            shown = list(_shown(stage, place.position, choices, block))
            variables = [stage.variable(name, place.position) for name in shown]
            chosen = tuple((variable, choices[variable]) for variable in variables)
            kept = (pair for name, pair in zip(shown, chosen, strict=True) if name not in (*stage.per_block, "block"))
            ahead = place._replace(position=place.position + 1, shared=place.shared | frozenset(kept))
            for reached in self._place(ahead, chosen):
                yield block, *reached

    def _place(self, place: Place, chosen: Chosen) -> Iterator[tuple[Place, Chosen]]:
        """`place`, or those at the begin of the next stage where it is the end of one; and what is chosen by it."""
        stage = self._stages[place.stage]
        if place.position == max(stage.depth):
            yield from self._enter(place.stage + 1, place.width, place.later, (*chosen, _depth_of(place, stage)))
        else:
            yield self._written(place), chosen

    def _enter(self, stage: int, width: float, strides: int, chosen: Chosen) -> Iterator[tuple[Place, Chosen]]:
        """The places before a stage, one for each stride it may have; after the last stage, the end."""
        if stage == len(self._stages):
            yield self._written(Place(stage, 0, frozenset(), width, 1, strides)), chosen
            return
        for stride, later in self._strides.next[strides].items():
            place = Place(stage, 0, frozenset(), width, stride, later)
            yield self._written(place), (*chosen, (_stride_of(self._stages[stage]), stride))

    def _written(self, place: Place) -> Place:
        """`place` so written that places of equal futures are mostly equal."""
        return place._replace(width=self._alike[place.stage][place.width])


class _Strides:
    """Patterns of strides as an automaton: equal numbers for equal sets of patterns, however they were reached.

    `next` gives for each number the strides that may come, and the number of what may follow each.
    """

    def __init__(self) -> None:
        self.next: list[dict[int, int]] = []
        self._numbers: dict[tuple[tuple[int, ...], ...], int] = {}

    def add(self, patterns: tuple[tuple[int, ...], ...]) -> int:
        """The number of a set of patterns of equal length."""
        if patterns not in self._numbers:
            rest: dict[int, list[tuple[int, ...]]] = {}
            for first, *others in patterns if patterns[0] else ():
                rest.setdefault(first, []).append(tuple(others))
            following = {first: self.add(tuple(others)) for first, others in rest.items()}
            self._numbers[patterns] = len(self.next)
            self.next.append(following)
        return self._numbers[patterns]


def _depth_of(place: Place, stage: Stage) -> tuple[str, int]:
    """The choice of a stage that ends at `place`."""
    return f"{stage.name}.depth", place.position


def _stride_of(stage: Stage) -> str:
    """What a trail calls the stride of a stage."""
    return f"{stage.name}.stride"


def _choices(stage: Stage, position: int, chosen: dict[str, Value]) -> Iterator[dict[str, Any]]:
    """`chosen` with every choice that the block at `position` may read and that is still open."""
    options: dict[str, tuple[Any, ...]] = {stage.variable(name, position): v for name, v in stage.fields.items()}
    if stage.blocks:
        options[stage.variable("block", position)] = tuple(range(len(stage.blocks)))
    still_open = {name: values for name, values in options.items() if name not in chosen}
    for values in product(*still_open.values()):
        yield chosen | dict(zip(still_open, values, strict=True))


def _shown(stage: Stage, position: int, choices: dict[str, Any], block: Block | None) -> Iterator[str]:
    """The fields that the block at `position` depends on, and `block` where it is one of several alternatives."""
    yield "out_channels"
    alternative = None
    if stage.blocks:
        yield "block"
        alternative = stage.blocks[choices[stage.variable("block", position)]]
    if block is not None and alternative != {}:
        given = {"out_channels", *(alternative or ())}
        yield from (name for name in stage.fields if name not in given and applies(name, block.op))


def _representatives(widths: tuple[float, ...], stages: tuple[Stage, ...]) -> dict[float, float]:
    """For each width the first that gives the same channels in all of `stages`."""
    first: dict[tuple[int, ...], float] = {}
    result = {}
    for width in widths:
        channels = tuple(
            stage.out_channels({stage.variable("out_channels", 0): value}, width)
            for stage in stages
            for value in stage.fields["out_channels"]
        )
        result[width] = first.setdefault(channels, width)
    return result


def _unwound(trail: Trail | None) -> Iterable[tuple[str, Any]]:
    while trail is not None:
        yield from trail.chosen
        trail = trail.before
