"""The proxy `short`: a few epochs at few pixels, corrected by what is thought of a network beforehand."""

import math
from dataclasses import dataclass, replace
from statistics import NormalDist

from nas.data.views import ImageView, TrainingResolution
from nas.proxies.base import Evaluation, Evaluator
from nas.spaces.architecture import Architecture
from nas.training.fit import fit
from nas.training.metrics import judge, wilson
from nas.training.recipe import Recipe


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

    pictures: ImageView
    recipe: Recipe
    scale: TrainingResolution
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
