"""The losses of a training: read seldom, since reading makes a GPU wait, and ended when they lead nowhere."""

import math

import torch
from torch import Tensor

READ_EVERY = 16
"""Steps between two readings, and the fewest over which a mean loss is judged."""
HOPELESS = 2.0
"""A mean loss above this multiple of a constant prediction's is no training any more."""
_WINDOW = 0.1  # share of the training that the judged mean goes over
_GRACE = 0.2  # share of the training before the first judgement


class Diverged(RuntimeError):
    """A training's loss is no longer finite, or stays far above that of a constant prediction."""


class LossWatch:
    """The loss of every step of a training of `epochs` x `per_epoch` steps.

    A constant prediction, every class the same probability, is what any network reaches by ignoring its input.
    Sound trainings do worse in the first steps, and at times just after the peak of the rate; one whose mean over a
    tenth of the training is `HOPELESS` times that, after the first fifth, has lost what it knew.
    """

    def __init__(self, epochs: int, per_epoch: int) -> None:
        self.per_epoch = per_epoch
        self._constant = math.inf
        self.values: list[float] = []
        self._window = max(READ_EVERY, round(_WINDOW * epochs * per_epoch))
        self._grace = max(2 * READ_EVERY, round(_GRACE * epochs * per_epoch))
        self._unread: list[Tensor] = []

    def add(self, loss: Tensor, constant: float) -> None:
        """The loss of the next step, a scalar, and that of a constant prediction.

        Raises:
            Diverged: see the class.
        """
        self._constant = constant
        self._unread.append(loss.detach())
        if len(self._unread) == READ_EVERY:
            self.read()

    def read(self) -> None:
        """Fetch what was added since the last reading; to be called at the end of an epoch.

        Raises:
            Diverged: see the class.
        """
        unread = torch.stack(self._unread).tolist() if self._unread else []
        self._unread.clear()
        for value in unread:
            self.values.append(value)
            if not math.isfinite(value):
                raise Diverged(f"the training loss became {value} in {self._where()}")
        if len(self.values) >= self._grace:
            mean = math.fsum(self.values[-self._window :]) / self._window
            if mean > HOPELESS * self._constant:
                raise Diverged(
                    f"the training loss was {mean:.3g} on average up to {self._where()}, over "
                    f"{HOPELESS:g} times the {self._constant:.3g} of a constant prediction; lower the learning rate"
                )

    def _where(self) -> str:
        epoch, batch = divmod(len(self.values) - 1, self.per_epoch)
        return f"epoch {epoch + 1}, batch {batch + 1}"

    def epochs(self) -> tuple[float, ...]:
        """The mean of each epoch's steps."""
        starts = range(0, len(self.values), self.per_epoch)
        return tuple(math.fsum(part) / len(part) for part in (self.values[s : s + self.per_epoch] for s in starts))
