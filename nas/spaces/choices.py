"""The choices of a search space as data, and the network that a genotype means.

Everything that counts, lists and draws networks (`nas.spaces.networks`) works on this; `SearchSpace` is the face above.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from nas.errors import SpaceError
from nas.spaces.architecture import Architecture
from nas.spaces.block import Block
from nas.spaces.stage import Stage, Variable

Genotypes = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class RelativeResolution:
    """Resolutions as `shares` of the images' pixels, each rounded to a multiple and kept between two bounds."""

    shares: tuple[float, ...]
    multiple: int
    least: int
    most: int

    def of(self, pixels: int) -> tuple[int, ...]:
        """The distinct resolutions for images of so many pixels, from small to large."""
        sizes = (round(share * pixels / self.multiple) * self.multiple for share in self.shares)
        return tuple(sorted({min(max(size, self.least), self.most) for size in sizes}))


@dataclass(frozen=True, slots=True)
class Choices:
    """What the networks of a space may choose. `strides` are the allowed patterns, one stride per stage.

    Strides are chosen together, as one variable, so that every genotype has the same total stride. Where the space
    gives its resolutions in proportion to the images', `relative` says how, and `resolution` has those for some images.
    """

    name: str
    resolution: tuple[int, ...]
    width: tuple[float, ...]
    strides: tuple[tuple[int, ...], ...]
    stages: tuple[Stage, ...]
    in_channels: int = 3
    classes: int = 1000
    relative: RelativeResolution | None = None
    variables: tuple[Variable, ...] = field(init=False)

    def __post_init__(self) -> None:
        every = [
            Variable("resolution", self.resolution, True),
            Variable("width", self.width, True),
            Variable("strides", self.strides, False),
            *(variable for stage in self.stages for variable in stage.variables()),
        ]
        object.__setattr__(self, "variables", tuple(v for v in every if len(v.values) > 1))

    @property
    def counts(self) -> list[int]:
        """How many values each variable has."""
        return [len(variable.values) for variable in self.variables]

    @property
    def size(self) -> int:
        """How many genotypes there are: the product of the choices. Distinct networks may be fewer."""
        return prod(self.counts)

    def chosen(self, row: Sequence[int] | Genotypes) -> dict[str, Any]:
        """The values that the genotype `row` chooses, by the name of the variable.

        Raises:
            SpaceError: the row has the wrong length, or an index out of range.
        """
        if len(row) != len(self.variables):
            raise SpaceError(f"a genotype of {self.name} has {len(self.variables)} entries, got {len(row)}")
        chosen: dict[str, Any] = {}
        for variable, index in zip(self.variables, row, strict=True):
            if not 0 <= index < len(variable.values):
                raise SpaceError(f"{variable.name}: index {index} is not in 0..{len(variable.values) - 1}")
            chosen[variable.name] = variable.values[index]
        return chosen

    def overall(self, chosen: Mapping[str, Any]) -> tuple[int, float, tuple[int, ...]]:
        """Resolution, width and strides under the choices `chosen`; what is no choice has its only value."""
        resolution, width, strides = (
            chosen.get(name, values[0])
            for name, values in (("resolution", self.resolution), ("width", self.width), ("strides", self.strides))
        )
        return resolution, width, strides

    def blocks(self, chosen: Mapping[str, Any]) -> Iterator[tuple[Stage, Block]]:
        """Every block that runs under the choices `chosen`, with its stage."""
        _, width, strides = self.overall(chosen)
        channels = self.in_channels
        for stage, stride in zip(self.stages, strides, strict=True):
            for index in range(chosen.get(f"{stage.name}.depth", stage.depth[0])):
                block = stage.block(chosen, index, width, stride if index == 0 else 1, channels)
                if block is not None:
                    yield stage, block
                    channels = block.out_channels

    def architecture(self, row: Sequence[int] | Genotypes) -> Architecture:
        """The network that the genotype `row` encodes.

        Raises:
            SpaceError: the row has the wrong length, or an index out of range.
        """
        chosen = self.chosen(row)
        resolution, _, _ = self.overall(chosen)
        blocks = tuple(block for _, block in self.blocks(chosen))
        return Architecture(resolution, self.in_channels, self.classes, blocks)
