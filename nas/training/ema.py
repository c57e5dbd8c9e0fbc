"""A moving average of a network's weights while it trains."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


class MovingAverage:
    """Exponential moving average of the parameters, and of batch norm's means and variances, of `net`.

    The decay of update n = 0, 1, … is the smaller of `decay` and (1 + n) / (10 + n) (TensorFlow's
    `ExponentialMovingAverage`), so that a training of few steps forgets where it started: it averages over the
    last tenth of the steps until the decay itself reaches further back.
    """

    def __init__(self, net: nn.Module, decay: float) -> None:
        self.decay = decay
        self.updates = 0
        self._current = [t for t in chain(net.parameters(), net.buffers()) if t.is_floating_point()]
        self.values = [tensor.detach().clone() for tensor in self._current]

    @torch.no_grad()
    def update(self) -> None:
        """Take in the current values; one call after each step."""
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        get_ema_multi_avg_fn(decay)(self.values, self._current, self.updates)
        self.updates += 1

    @torch.no_grad()
    def swap(self) -> None:
        """Exchange the network's values and the average's."""
        for current, average in zip(self._current, self.values, strict=True):
            kept = current.clone()
            current.copy_(average)
            average.copy_(kept)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The network holds the average within."""
        self.swap()
        try:
            yield
        finally:
            self.swap()
