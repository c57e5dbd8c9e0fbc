"""The classifier of a network whose features are given, in closed form: no gradients, one pass over the images."""

from collections.abc import Callable, Iterable
from functools import reduce

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nas.data.batches import Batch, ImageData

Features = Callable[[Tensor], Tensor]


def head_in_closed_form(net: nn.Sequential, data: ImageData, ridge: float = 0.1) -> None:
    """Set the classifier of `net`, of `nas.nets.build`, to the linear discriminant of its features.

    The features are those of the training images as they are. Each class is a Gaussian of its own mean; the covariance
    in common is blended with `ridge`, 0..1, of a round one (Friedman 1989, doi:10.1080/01621459.1989.10478752). Logits
    are scaled by what gives the least validation loss, so that their softmax is a probability. In float64.
    """
    classifier = net[-1]
    assert isinstance(classifier, nn.Linear)
    net.eval()
    device = classifier.weight.device

    @torch.no_grad()
    def features(images: Tensor) -> Tensor:
        found: Tensor = net[:-1](images.to(device, memory_format=torch.channels_last))
        return found.double()

    weight, bias = discriminant(features, data.seen_dataloader(), classifier.out_features, ridge)
    parts = [(F.linear(features(images), weight, bias), labels.to(device)) for images, labels in data.val_dataloader()]
    scale = best_scale(torch.cat([logits for logits, _ in parts]), torch.cat([labels for _, labels in parts]))
    with torch.no_grad():
        classifier.weight.copy_(scale * weight)
        classifier.bias.copy_(scale * bias)


def discriminant(features: Features, batches: Iterable[Batch], classes: int, ridge: float) -> tuple[Tensor, Tensor]:
    """Weights (classes x C) and biases of the linear discriminant, from sums over the batches alone.

    A class without an image has the mean of all, and a share of half an image.
    """

    def sums(images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        found = features(images)
        members = F.one_hot(labels.to(found.device), classes).to(found.dtype)
        return members.T @ found, members.sum(0), found.T @ found

    each = (sums(images, labels) for images, labels in batches)
    total, count, products = reduce(lambda one, two: (one[0] + two[0], one[1] + two[1], one[2] + two[2]), each)
    images_of = count[:, None]
    means = torch.where(images_of > 0, total / images_of.clamp(min=1), total.sum(0) / count.sum())
    centre = total.sum(0) / count.sum()
    within = (products - (images_of * means).T @ means) / count.sum()
    spread = within.diagonal().mean().clamp(min=torch.finfo(within.dtype).tiny)
    covariance = (1 - ridge) * within + ridge * spread * torch.eye(
        len(within), dtype=within.dtype, device=within.device
    )
    away = means - centre  # from the middle, so that biases stay small
    weight = torch.linalg.solve(covariance, away.T).T
    shares = (count.clamp(min=0.5) / count.sum()).log()
    return weight, shares - (weight * (away / 2 + centre)).sum(1)


def best_scale(logits: Tensor, labels: Tensor) -> float:
    """The factor of `logits` with the least cross-entropy, from 1/1000 to 1000; the loss is convex in it."""
    low, high = -3.0, 3.0
    own = logits.gather(1, labels[:, None])[:, 0].mean()
    for _ in range(50):
        middle = (low + high) / 2
        expected = (torch.softmax(10**middle * logits, 1) * logits).sum(1).mean()
        low, high = (low, middle) if expected > own else (middle, high)
    return float(10**middle)
