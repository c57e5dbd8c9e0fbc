"""How many different activation patterns each layer of an untrained network distinguishes.

The von Neumann entropy of a kernel of trace one, whose exponential is an effective number of patterns (Bach 2022,
https://arxiv.org/abs/2202.08545). Unlike a determinant it does not grow with how many units a layer has, only with
how they differ: so a sum over layers weighs all of them alike.
"""

import torch

from nas.proxies.scores.score_input import ScoreInput


def entropy(given: ScoreInput) -> float:
    """Sum over activation layers of -tr(K log K), in nats, with K the kernel of a layer's codes over its trace."""
    kernels = given.kernels
    traces = kernels.diagonal(dim1=-2, dim2=-1).sum(-1)[:, None, None]
    shares = torch.linalg.eigvalsh(kernels / traces).clamp(min=0)
    return float(torch.special.entr(shares).sum())
