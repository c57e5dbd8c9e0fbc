"""Pretrained weights as the start of a training, in any process."""

from dataclasses import dataclass
from typing import Self

from torch import Tensor

from nas.nets.conventions import Conventions
from nas.nets.pretrained import family, load
from nas.nets.pretrained.base import Pretrained
from nas.nets.slices.reconstruct import reconstructed
from nas.nets.supernet import Supernet, begin_from
from nas.spaces.architecture import Architecture
from nas.spaces.space import SearchSpace


@dataclass(frozen=True, slots=True)
class FromWeights:
    """What a network starts from: weights of its own blocks among `inits`, else what is cut out of the first.

    `digests` are those of their contents. The networks are those of `space`, or published ones.
    """

    inits: tuple[str, ...]
    digests: tuple[str, ...]
    space: SearchSpace | None = None

    @classmethod
    def of(cls, inits: tuple[str, ...], space: SearchSpace | None = None) -> Self:
        """The weights that `load` takes `inits` for; raises as it does."""
        return cls(inits, tuple(load(init).digest for init in inits), space)

    @classmethod
    def of_family(cls, init: str, space: SearchSpace | None = None) -> Self:
        """Of `init` and the networks that it is one of a kind with; raises as `load` does."""
        return cls.of(tuple(dict.fromkeys((init, *family(init)))), space)

    def own(self, arch: Architecture) -> Pretrained:
        """The weights of the blocks of `arch`, else the first."""
        weights = [load(init) for init in self.inits]
        return next((each for each in weights if each.arch.blocks == arch.blocks), weights[0])

    def has_own(self, arch: Architecture) -> bool:
        """Whether there are weights of just the blocks of `arch`, so that nothing is cut."""
        return self.own(arch).arch.blocks == arch.blocks

    @property
    def identity(self) -> tuple[str, ...]:
        """The same wherever the weights lie."""
        return "pretrained weights", *self.digests

    @property
    def conventions(self) -> Conventions:
        """Those of the weights, which are the same in all of a family."""
        return load(self.inits[0]).conventions

    def shared(self, space: SearchSpace) -> Supernet:
        """The shared weights of `space`, begun from the first; raises as `begin_from` does."""
        net = Supernet(space, self.conventions)
        begin_from(net, load(self.inits[0]))
        return net

    def fitted(self, arch: Architecture, images: Tensor) -> dict[str, Tensor]:
        """A state dict of `build(arch, conventions)`, fitted on `images`; raises as `reconstructed` does."""
        return reconstructed(arch, self.own(arch), images, self.space)
