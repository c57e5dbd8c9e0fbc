"""What proposes networks: the samplers' one interface, frozen settings that make a sampler of Optuna's."""

from typing import ClassVar, Protocol

from optuna.samplers import BaseSampler

from nas.problem import Problem


class SamplerSettings(Protocol):
    """A sampler's settings, one of them the `name` by which it is chosen."""

    stateless: ClassVar[bool]
    """Whether it keeps nothing in mind from one proposal to the next; it is then made once for a search."""

    @property
    def name(self) -> str:
        """Its name in `SAMPLERS`."""

    def make(self, problem: Problem, seed: int) -> BaseSampler:
        """The sampler; equal arguments and studies give equal proposals."""
