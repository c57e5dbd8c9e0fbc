"""How differently an untrained network treats different images (Mellor et al. 2021).

https://arxiv.org/abs/2006.04647, section 3. One is added to each kernel's diagonal, where counts of
thousands stand: so two equal images leave the score finite, and a network without activations, which
treats all images alike, scores 0.
"""

import torch
from torch import Tensor

from nas.proxies.scores.score_input import ScoreInput


def naswot(given: ScoreInput) -> float:
    """The log-determinant of the kernel of all activation codes together."""
    return float(_log_determinant(given.kernels.sum(0)))


def naswot_layers(given: ScoreInput) -> float:
    """The same of each activation layer's codes alone, summed: counts depth as well as width."""
    return float(_log_determinant(given.kernels).sum())


def _log_determinant(kernels: Tensor) -> Tensor:
    one = torch.eye(kernels.shape[-1], dtype=kernels.dtype)
    return torch.slogdet(kernels + one)[1]
