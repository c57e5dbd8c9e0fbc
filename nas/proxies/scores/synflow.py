"""Synaptic flow: how much a network made linear and positive lets through (Tanaka et al. 2020).

https://arxiv.org/abs/2006.05467, section 6; as a score of networks, without batch norm: Abdelfattah et
al. 2021, https://arxiv.org/abs/2101.08134.
"""

import copy
import math

import torch
from torch import nn

from nas.nets.blocks import SqueezeExcitation
from nas.proxies.scores.score_input import NONLINEAR, ScoreInput, weights, without


def synflow(given: ScoreInput) -> float:
    """Log of the sum over weights of |w dL/dw|, where L sums the logits of an all-ones image under |w|.

    Activations and gates, which would be linear there or saturate, are left out with batch norm. In
    float64: networks of hundreds of layers stay in its range.
    """
    net = without(copy.deepcopy(given.net), nn.BatchNorm2d, SqueezeExcitation, *NONLINEAR).double()
    with torch.no_grad():
        for weight in weights(net):
            weight.abs_()
    total = net(torch.ones_like(given.images[:1], dtype=torch.float64)).sum()
    slopes = torch.autograd.grad(total, weights(net))
    flow = sum(float((weight.detach() * slope).sum()) for weight, slope in zip(weights(net), slopes, strict=True))
    return math.log(flow) if flow > 0 else -math.inf
