"""Pretrained weights as the start of a network, made ready with the user's images and no gradient."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from torch import Tensor

from nas.data.views import ImageView, TrainingResolution
from nas.nets.build import build
from nas.nets.conventions import Conventions
from nas.nets.slices.reconstruct import images_needed
from nas.nets.start import FromWeights
from nas.spaces.architecture import Architecture
from nas.training.head import head_in_closed_form
from nas.training.long import Start


@dataclass(frozen=True, slots=True)
class FittedStart:
    """Networks cut out of pretrained `weights`, fitted to the training images as they are seen at `scale`.

    Their layers follow the pretrained network's (`reconstructed`), then the classifier is found in closed form.
    """

    weights: FromWeights
    pictures: ImageView
    scale: TrainingResolution

    @property
    def identity(self) -> tuple[str, ...]:
        """The same wherever weights and images lie; a training knows its images and its scale itself."""
        return "fitted", *self.weights.identity

    @property
    def conventions(self) -> Conventions:
        """Those of the weights."""
        return self.weights.conventions

    def of(self, arch: Architecture) -> Self:
        """Itself, for any."""
        return self

    def __call__(self, arch: Architecture) -> dict[str, Tensor]:
        """A state dict of `build(arch, conventions)`; raises as `nas.nets.slices.cut.initial` does."""
        resolution = self.scale(arch)
        wanted = images_needed(arch, resolution)
        images, _ = next(iter(self.pictures.at(resolution, max(2, wanted), seed=0).seen_dataloader(wanted)))
        net = build(arch, self.conventions).to(images.device)
        net.load_state_dict(self.weights.fitted(arch, images))
        head_in_closed_form(net, self.pictures.at(resolution, 64, seed=0))
        return net.state_dict()


@dataclass(frozen=True, slots=True)
class OwnWeights:
    """Networks that have pretrained weights of their own, none of them cut, start from `fitted`, all `others` there."""

    fitted: FittedStart
    others: Start

    @property
    def identity(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The same wherever weights and images lie."""
        return self.fitted.identity, self.others.identity

    @property
    def conventions(self) -> Conventions:
        """Those of the weights."""
        return self.fitted.conventions

    def of(self, arch: Architecture) -> Start:
        """Where `arch` starts."""
        return self.fitted if self.fitted.weights.has_own(arch) else self.others

    def __call__(self, arch: Architecture) -> Mapping[str, Tensor]:
        """A state dict of `build(arch, conventions)`; raises as what it starts from."""
        return self.of(arch)(arch)
