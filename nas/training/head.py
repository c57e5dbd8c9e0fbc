"""The classifier of a network whose features are given, in closed form: no gradients, one pass over the images."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import reduce

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nas.data.batches import Batch, ImageData

RIDGES = (0.01, 0.03, 0.1, 0.3, 0.6, 0.9)

NOISE = 1e-4
"""Added to the variance of each feature, as a share of their mean square: less cannot be told apart in 8 bits."""

Features = Callable[[Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class Classes:
    """What a linear discriminant takes from features: `means` (classes x C), `within` (C x C), their covariance around
    them, and the classes' shares of the images, as logarithms. In float64.

    A class without an image has the mean of all, and the share of half an image.
    """

    means: Tensor
    within: Tensor
    shares: Tensor


def head_in_closed_form(net: nn.Sequential, data: ImageData, images: int = 2000) -> None:
    """Set the classifier of `net`, of `nas.nets.build`, to the linear discriminant of its features.

    The features are those of at most so many training `images`, as they are. Of `RIDGES` it has the one with the least
    loss on at most half as many validation images, and its logits are scaled by what gives the least, so that their
    softmax is a probability; where the classifier that `net` has does better, it stays.
    """
    classifier = net[-1]
    assert isinstance(classifier, nn.Linear)
    net.eval()
    device = classifier.weight.device

    @torch.no_grad()
    def features(batch: Tensor) -> Tensor:
        found: Tensor = net[:-1](batch.to(device, memory_format=torch.channels_last))
        return found.double()

    classes = observe(features, data.seen_dataloader(images), classifier.out_features)
    parts = [(features(batch), labels.to(device)) for batch, labels in data.val_dataloader(images // 2)]
    seen, labels = torch.cat([found for found, _ in parts]), torch.cat([each for _, each in parts])
    given = classifier.weight.detach().double(), classifier.bias.detach().double()
    tried = [(float(F.cross_entropy(F.linear(seen, *given), labels)), *given)]
    for ridge in RIDGES:
        weight, bias = discriminant(classes, ridge)
        logits = F.linear(seen, weight, bias)
        scale = best_scale(logits, labels)
        tried.append((float(F.cross_entropy(scale * logits, labels)), scale * weight, scale * bias))
    _, weight, bias = min(tried, key=lambda each: each[0])
    with torch.no_grad():
        classifier.weight.copy_(weight)
        classifier.bias.copy_(bias)


def observe(features: Features, batches: Iterable[Batch], classes: int) -> Classes:
    """The features of all batches, as sums over them alone."""

    def sums(images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        found = features(images)
        members = F.one_hot(labels.to(found.device), classes).to(found.dtype)
        return members.T @ found, members.sum(0), found.T @ found

    each = (sums(images, labels) for images, labels in batches)
    total, count, products = reduce(lambda one, two: (one[0] + two[0], one[1] + two[1], one[2] + two[2]), each)
    of_class, images = count[:, None], count.sum()
    means = torch.where(of_class > 0, total / of_class.clamp(min=1), total.sum(0) / images)
    return Classes(means, (products - (of_class * means).T @ means) / images, (count.clamp(min=0.5) / images).log())


def discriminant(classes: Classes, ridge: float) -> tuple[Tensor, Tensor]:
    """Weights (classes x C) and biases of the linear discriminant.

    Each class is a Gaussian of its own mean; the covariance in common is blended with `ridge`, 0..1, of a round one
    (Friedman 1989, doi:10.1080/01621459.1989.10478752).
    """
    noise = NOISE * classes.means.square().mean() * torch.eye(len(classes.within)).to(classes.within)
    within = classes.within + noise
    spread = within.diagonal().mean().clamp(min=torch.finfo(within.dtype).tiny)
    round_one = spread * torch.eye(len(within), dtype=within.dtype, device=within.device)
    weight = torch.linalg.solve(torch.lerp(within, round_one, ridge), (classes.means - classes.means.mean(0)).T).T
    return weight, classes.shares - (weight * (classes.means + classes.means.mean(0)) / 2).sum(1)


def best_scale(logits: Tensor, labels: Tensor) -> float:
    """The factor of `logits` with the least cross-entropy, from 1/1000 to 1000; the loss is convex in it."""
    low, high = -3.0, 3.0
    own = logits.gather(1, labels[:, None])[:, 0].mean()
    for _ in range(50):
        middle = (low + high) / 2
        expected = (torch.softmax(10**middle * logits, 1) * logits).sum(1).mean()
        low, high = (low, middle) if expected > own else (middle, high)
    return float(10**middle)
