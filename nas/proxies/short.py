"""proxy=short: a few epochs at few pixels, corrected by what is thought of a network beforehand."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Annotated, ClassVar, Literal

from annotated_types import Ge, Gt, Le

from nas.data.views import ImageView, TrainingResolution
from nas.nets.conventions import PLAIN
from nas.proxies.base import Evaluation, Evaluator, Preparation, Prepared
from nas.proxies.score import RUNG, rank_in_population
from nas.spaces.architecture import Architecture
from nas.training.fit import fit
from nas.training.long import begin
from nas.training.metrics import judge, wilson
from nas.training.recipe import Recipe
from nas.training.settings import Batch, Pixels, Positive
from nas.training.start import FittedStart


@dataclass(frozen=True, slots=True)
class ShortProxy:
    """A few epochs at few pixels."""

    rungs: ClassVar[Mapping[str, str]] = {**RUNG, "short": "short training", "long": "longer training"}

    name: Literal["short"]
    epochs: Positive
    """Passes over the images."""
    images: Annotated[int, Ge(2), Le(10**9)] | None
    """At most this number of training images, stratified; null: all."""
    resolution: Pixels | None
    """Pixels at the space's largest resolution, such as 32, others in proportion; null: each network's own."""
    batch_size: Batch
    """Images in a batch."""
    learning_rate: Annotated[float, Gt(0)] | None
    """Peak, such as 0.1, for a batch of 64; scales with the batch size; null: as `confirm.learning_rate`."""
    correction: Annotated[float, Ge(0)]
    """How much training-free scores count beside the accuracy, since short trainings favour what learns fast: logits
    of accuracy for each standard deviation; 0 for none."""

    def prepare(self, preparation: Preparation) -> Prepared:
        """Score a population, if its scores are to correct the accuracies."""
        given = replace(preparation, pictures=replace(preparation.pictures, limit=self.images))
        prior = Prior(rank_in_population(given), self.correction) if self.correction else None
        recipe = given.training.recipe(
            self.epochs, self.batch_size, self.learning_rate, pretrained=given.start is not None
        )
        short = ShortTraining(given.pictures, recipe, given.scale, given.seed, prior, given.start)
        long = replace(short, recipe=replace(recipe, epochs=given.long_epochs))
        return Prepared({"score": given.training_free, "short": short, "long": long})


@dataclass(frozen=True, slots=True)
class LongSettings:
    """The rung `long`: as the short training, with more epochs."""

    epochs: Positive
    """Passes over the images."""


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
    of speed: logit(worth) = logit(accuracy) + weight x probit(share). With a `start` it begins from pretrained weights.
    """

    pictures: ImageView
    recipe: Recipe
    scale: TrainingResolution
    seed: int
    prior: Prior | None = None
    start: FittedStart | None = None

    def __call__(self, arch: Architecture) -> Evaluation:
        """Train and judge `arch`.

        Raises:
            Diverged: the loss stopped being finite.
        """
        resolution = self.scale(arch)
        data = self.pictures.at(resolution, self.recipe.batch_size, self.seed)
        conventions = self.start.conventions if self.start else PLAIN
        initial = begin(self.start, arch, self.seed) if self.start else None
        fitted = fit(arch, data, self.recipe, self.seed, initial=initial, conventions=conventions)
        share, images = judge(fitted.net, data.val_dataloader()).accuracy, len(data.images.val)
        low, high = wilson(share, images)
        found = Evaluation(share, low, high, "short", fitted.seconds, 1, resolution)
        if self.prior is None:
            return found
        before = self.prior.share(arch)
        worth = correct_accuracy(share, images, before.accuracy, self.prior.weight)
        return replace(found, worth=worth, seconds=found.seconds + before.seconds)


def correct_accuracy(accuracy: float, images: int, share: float, weight: float) -> float:
    """An accuracy over `images`, in 0..1, moved by a prior `share` in 0..1; half an image from 0 and 1 at most."""
    inside = (accuracy * images + 0.5) / (images + 1)
    logit = math.log(inside / (1 - inside)) + weight * NormalDist().inv_cdf(min(max(share, 1e-6), 1 - 1e-6))
    return 1 / (1 + math.exp(-logit))
