"""What pretrained weights are: a network, its state, and what has to be known to use and to ship them."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean

from torch import Tensor

from nas.nets.conventions import Conventions
from nas.reading.words import cut
from nas.spaces.architecture import Architecture

Channels = tuple[float, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Pretrained:
    """Weights of `arch`, by the names of `build(arch, conventions)`, from `source` under `licence`, None if unknown.

    `mean` and `std` of each channel, on the scale 0..1, are what images were normalised by; None: by their own. `head`:
    the classifier is theirs, else it is zero. `taken` counts the tensors, all of which were taken.
    """

    name: str
    arch: Architecture
    state: Mapping[str, Tensor]
    conventions: Conventions
    mean: Channels | None
    std: Channels | None
    head: bool
    source: str
    licence: str | None
    taken: int

    @property
    def digest(self) -> str:
        """12 hexadecimal digits of all that decides what a network starts from."""
        found = hashlib.blake2b(digest_size=6)
        found.update(repr((self.arch.notation, self.conventions, self.mean, self.std, self.head)).encode())
        for name, tensor in self.state.items():
            found.update(name.encode())
            found.update(tensor.contiguous().numpy().tobytes())
        return found.hexdigest()

    def statistics(self, channels: int) -> tuple[Channels, Channels] | None:
        """What images of so many channels are normalised by: grey ones by the means over the colours."""
        if self.mean is None or self.std is None:
            return None
        if channels == len(self.mean):
            return self.mean, self.std
        return (fmean(self.mean),) * channels, (fmean(self.std),) * channels

    @property
    def told(self) -> str:
        """What was taken, in one sentence."""
        licence = f"licence {self.licence}" if self.licence else "licence unknown"
        classes = f"{self.arch.classes:,} classes" if self.head else "no classifier"
        return f"{self.name}: all {self.taken} tensors of {cut(self.source, 200)}, {classes}, {licence}"
