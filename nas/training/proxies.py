"""How accurate a network is, at a price: the evaluators a search calls.

An evaluator is any callable from `Architecture` to `Evaluation`. Those here are frozen data, so that
they travel to worker processes; the images are opened there once, memory-mapped.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from statistics import NormalDist

import torch

from nas.spaces.architecture import Architecture
from nas.training.data import ImageData
from nas.training.device import device_of
from nas.training.fit import fit
from nas.training.images import Images, open_saved, stratified
from nas.training.metrics import judge, wilson
from nas.training.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Evaluation:
    """An accuracy in 0..1 with its 95 % interval, and how it was got: `short`, `confirmed`, …

    `resolution` is the pixels it was got at, `seconds` what it cost. `worth`, on the scale of the accuracy, is what
    networks are ranked by; none where that is the accuracy itself.
    """

    accuracy: float
    low: float
    high: float
    how: str
    seconds: float
    seeds: int
    resolution: int
    worth: float | None = None


Evaluator = Callable[[Architecture], Evaluation]


@dataclass(frozen=True, slots=True)
class Scale:
    """Training at fewer pixels: a network of `largest` pixels trains at `pixels`, others in proportion.

    So a space's choice of resolution still counts when all of it trains small.
    """

    pixels: int
    largest: int

    def __call__(self, arch: Architecture) -> int:
        """The pixels at which `arch` trains; never more than its own resolution."""
        return max(1, min(arch.resolution, round(self.pixels * arch.resolution / self.largest)))


@dataclass(frozen=True, slots=True)
class Pictures:
    """Where the decoded images are, and how a training sees them: all, or so many of the training split, stratified.

    All that sees them computes on the device that `accelerator` names. `flip`, `shift`, `mixup` and `randaugment` are
    those of `ImageData`.
    """

    folder: Path
    flip: bool = False
    shift: int = 0
    mixup: float = 0.0
    randaugment: tuple[int, int] | None = None
    limit: int | None = None
    accelerator: str = "auto"

    @property
    def device(self) -> torch.device:
        """Where batches are made, and networks trained and judged."""
        return device_of(self.accelerator)

    @property
    def images(self) -> Images:
        """The images, opened once in each process."""
        return _opened(self.folder, self.limit)

    def at(self, resolution: int, batch_size: int, seed: int) -> ImageData:
        """The data at `resolution` pixels, in batches."""
        return ImageData(
            self.images,
            batch_size=batch_size,
            resolution=resolution,
            seed=seed,
            flip=self.flip,
            shift=self.shift,
            mixup=self.mixup,
            randaugment=self.randaugment,
            device=self.device,
        )


@lru_cache(maxsize=4)
def _opened(folder: Path, limit: int | None) -> Images:
    images = open_saved(folder)
    if limit is None or limit >= len(images.train):
        return images
    return replace(images, train=stratified(images.train, max(limit, len(images.classes))))


@dataclass(frozen=True, slots=True)
class Prior:
    """What is thought of a network before its training, as a share of its space that it beats, and how much it counts.

    `weight` is in logits of accuracy for each standard deviation of normally distributed shares.
    """

    share: Evaluator
    weight: float


@dataclass(frozen=True, slots=True)
class ShortTraining:
    """A few epochs at few pixels, judged on the validation split; ranked together with a `prior`, where there is one.

    Short trainings favour what learns fast over what ends well. The prior, say training-free scores, knows nothing
    of speed: logit(worth) = logit(accuracy) + weight x probit(share).
    """

    pictures: Pictures
    recipe: Recipe
    scale: Scale
    seed: int
    prior: Prior | None = None

    def __call__(self, arch: Architecture) -> Evaluation:
        """Train and judge `arch`.

        Raises:
            Diverged: the loss stopped being finite.
        """
        resolution = self.scale(arch)
        data = self.pictures.at(resolution, self.recipe.batch_size, self.seed)
        fitted = fit(arch, data, self.recipe, self.seed)
        share, images = judge(fitted.net, data.val_dataloader()).accuracy, len(data.images.val)
        low, high = wilson(share, images)
        found = Evaluation(share, low, high, "short", fitted.seconds, 1, resolution)
        if self.prior is None:
            return found
        before = self.prior.share(arch)
        worth = corrected(share, images, before.accuracy, self.prior.weight)
        return replace(found, worth=worth, seconds=found.seconds + before.seconds)


def corrected(accuracy: float, images: int, share: float, weight: float) -> float:
    """The accuracy of so many images, in 0..1, moved by a prior `share` in 0..1; half an image from 0 and 1 at most."""
    right = (accuracy * images + 0.5) / (images + 1)
    logit = math.log(right / (1 - right)) + weight * NormalDist().inv_cdf(min(max(share, 1e-6), 1 - 1e-6))
    return 1 / (1 + math.exp(-logit))
