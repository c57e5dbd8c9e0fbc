"""How steady the gradients are from batch to batch (ZiCo; Li et al. 2023, https://arxiv.org/abs/2301.11300)."""

import math

import torch
import torch.nn.functional as F

from nas.proxies.scores.score_input import ScoreInput, weights

BATCHES = 2


def zico(given: ScoreInput) -> float:
    """Sum over layers of log of the sum over weights of mean |g| / deviation of g, g the gradients of batches.

    The images are split into `BATCHES` batches; the loss is cross-entropy. The deviation is that of the
    signed gradient, as in the authors' code. Weights whose gradient does not vary are left out, as there.
    """
    batches = zip(given.images.chunk(BATCHES), given.labels.chunk(BATCHES), strict=True)
    layers = weights(given.net)
    runs = [torch.autograd.grad(F.cross_entropy(given.net(images), labels), layers) for images, labels in batches]
    score = 0.0
    for gradients in map(torch.stack, zip(*runs, strict=True)):
        mean, deviation = gradients.abs().mean(0), gradients.std(0, correction=0)
        if (varies := deviation != 0).any():
            score += math.log(float((mean[varies] / deviation[varies]).sum()))
    return score
