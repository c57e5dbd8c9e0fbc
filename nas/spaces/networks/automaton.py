"""Every network of a space exactly once: a deterministic automaton over blocks.

Taking together all choices that agree with the blocks so far (the subset construction over `places`)
leaves one path for each network. The resolution is left out, since the blocks do not depend on it.
"""

from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nas.spaces.block import Block
from nas.spaces.choices import Choices
from nas.spaces.networks.places import Place, Places, Trail, places

Ints = npt.NDArray[np.int64]


class Term(NamedTuple):
    """What one step of a path runs, after `channels` channels and a total stride of `stride`.

    `block` None is the end: the pool and the classifier.
    """

    block: Block | None
    channels: int
    stride: int


class Steps(NamedTuple):
    """The steps from one node: the nodes they lead to, all different from one another in `terms` or nodes.

    `terms` are indices into the automaton's terms, -1 for a step that runs nothing.
    """

    nodes: Ints
    terms: Ints


class Paths(NamedTuple):
    """Networks as paths: indices of resolutions, shape (n,), and terms in order, shape (n, steps), -1 for none."""

    resolution: Ints
    terms: Ints


@dataclass(frozen=True, slots=True)
class Automaton:
    """A graph whose paths from the last node to node 0 are the networks of a space at any one resolution.

    `steps[i]` are those of node i; they lead to nodes before i. `released[i]` are the nodes that no node
    after i leads to. `longest`: the most terms of a path. `paths`: how many there are, exactly.
    """

    terms: tuple[Term, ...]
    steps: tuple[Steps, ...]
    released: tuple[tuple[int, ...], ...]
    longest: int
    paths: int

    def blocks(self, terms: Ints) -> tuple[Block, ...]:
        """The blocks of the path that runs `terms`."""
        blocks = [self.terms[term].block for term in terms.tolist() if term >= 0]
        return tuple(block for block in blocks if block is not None)


@lru_cache(maxsize=8)
def automaton(space: Choices) -> Automaton:
    """The automaton of `space`, built once. A network has at least one block."""
    known = places(space)
    builder = _Builder(known)
    begun = builder.agreeing(known.start, space.in_channels)
    builder.node(space.in_channels, 1, [place for place in begun if not known.ended(place)])
    return _automaton(tuple(builder.terms), tuple(builder.steps))


def _automaton(terms: tuple[Term, ...], steps: tuple[Steps, ...]) -> Automaton:
    longest, paths, last_use = [0], [1], {}
    for number, (nodes, run) in enumerate(steps[1:], start=1):
        longest.append(max(longest[node] + int(term >= 0) for node, term in zip(nodes, run, strict=True)))
        paths.append(sum(paths[node] for node in nodes))
        last_use.update(dict.fromkeys(nodes.tolist(), number))
    released: list[list[int]] = [[] for _ in steps]
    for node, number in last_use.items():
        released[number].append(node)
    return Automaton(terms, steps, tuple(map(tuple, released)), longest[-1], paths[-1])


_NO_TRAIL = Trail(())  # here only the places count, not the choices on the way


class _Builder:
    """The subset construction, depth first. A node is the channels, the total stride and the places that agree."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self.terms: dict[Term, int] = {}
        self.steps = [_steps([])]
        self._nodes: dict[tuple[int, int, frozenset[Place]], int] = {}

    def node(self, channels: int, stride: int, agreeing: list[Place]) -> int:
        """The number of a node, which is made, with all that follows it, when it is new."""
        key = (channels, stride, frozenset(agreeing))
        if key not in self._nodes:
            groups = self._groups(agreeing, channels)
            if len(groups) == 1:
                pairs = list(self._pairs(channels, stride, agreeing))
            else:  # no next block in common: each group is a node of its own, which others may share
                pairs = [(self.node(channels, stride, group), -1) for group in groups]
            self.steps.append(_steps(pairs))
            self._nodes[key] = len(self.steps) - 1
        return self._nodes[key]

    def agreeing(self, trails: dict[Place, Trail], channels: int) -> list[Place]:
        """The places reached from `trails` without a block that can go on or end there."""
        closed = self.places.closure(trails, channels)
        return [place for place in closed if self.places.ended(place) or self.places.moves(place, channels).blocks]

    def _pairs(self, channels: int, stride: int, agreeing: list[Place]) -> Iterator[tuple[int, int]]:
        after: dict[Block, dict[Place, Trail]] = {}
        for place in agreeing:
            for block, reached in self.places.moves(place, channels).blocks.items():
                after.setdefault(block, {}).update(dict.fromkeys(reached, _NO_TRAIL))
            if self.places.ended(place):
                yield 0, self._term(None, channels, stride)
        for block, trails in after.items():
            agreed = self.agreeing(trails, block.out_channels)
            node = self.node(block.out_channels, stride * block.stride, agreed)
            yield node, self._term(block, channels, stride)

    def _term(self, block: Block | None, channels: int, stride: int) -> int:
        return self.terms.setdefault(Term(block, channels, stride), len(self.terms))

    def _groups(self, agreeing: Iterable[Place], channels: int) -> list[list[Place]]:
        """`agreeing` parted so that places with a next block in common are together."""
        groups: list[tuple[list[Place], Set[Block]]] = []
        for place in agreeing:
            members, apart = [place], []
            shown: Set[Block] = self.places.moves(place, channels).blocks.keys()
            for group in groups:
                if group[1].isdisjoint(shown):
                    apart.append(group)
                else:
                    members, shown = group[0] + members, group[1] | shown
            groups = [*apart, (members, shown)]
        return [members for members, _ in groups]


def _steps(pairs: list[tuple[int, int]]) -> Steps:
    return Steps(np.array([n for n, _ in pairs], dtype=np.int64), np.array([t for _, t in pairs], dtype=np.int64))
