"""How far a small change of the input moves the features (Lin et al. 2021, https://arxiv.org/abs/2102.01063)."""

import copy
import math

import torch
from torch import nn

from nas.nets.blocks import Residual, SqueezeExcitation
from nas.proxies.scores.score_input import ScoreInput, convolutions, without

CHANGE = 0.01
IMAGES = 16


def zen(given: ScoreInput) -> float:
    """Log E||f(x + `CHANGE` e) - f(x)|| + sum over batch norms of log sigma, with x, e and weights from N(0, 1).

    Algorithm 1, over `IMAGES` images of noise; f are the features before pooling, without shortcuts and
    gates. sigma^2 is the mean over channels of the variance by which a batch norm divides: so what it
    takes away counts.
    """
    features = _vanilla(copy.deepcopy(given.net[:-3]))
    norms = [module for module in features.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1.0  # the running variance is then that of the one batch
    generator = given.generator
    noise, change = torch.randn((2, IMAGES, *given.images.shape[1:]), generator=generator)
    pair = torch.cat([noise, noise + CHANGE * change]).contiguous(memory_format=torch.channels_last)
    with torch.no_grad():
        for convolution in convolutions(features):
            convolution.weight.copy_(torch.randn(convolution.weight.shape, generator=generator))
        before, after = features(pair.to(given.images.device)).chunk(2)
    moved = float((after - before).flatten(1).norm(dim=1).mean())
    variances = [float(norm.running_var.mean()) for norm in norms if norm.running_var is not None]
    return _log(moved) + sum(map(_log, variances)) / 2


def _vanilla(net: nn.Module) -> nn.Module:
    """`net` with each shortcut block as its body alone and no gates, in place."""
    for module in list(net.modules()):
        for name, part in module.named_children():
            if isinstance(part, Residual):
                setattr(module, name, part.body)
    return without(net, SqueezeExcitation)


def _log(value: float) -> float:
    return math.log(value) if value > 0 else -math.inf
