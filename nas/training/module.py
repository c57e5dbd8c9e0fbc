"""One training: a Lightning module whose recipe is plain data."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from nas.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Recipe:
    """SGD with Nesterov momentum under a one-cycle schedule (Smith & Topin 2018, arXiv:1708.07120).

    `learning_rate` is the peak for a batch of 64 and scales with the batch size. Weight decay leaves out
    batch norm and biases.
    """

    epochs: int
    batch_size: int = 64
    learning_rate: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 5e-4
    label_smoothing: float = 0.1

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "learning_rate"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name} must be above 0, got {getattr(self, name)}")


class Diverged(RuntimeError):
    """The loss of a training is no longer finite."""


class Classifier(pl.LightningModule):
    """Cross-entropy training of `net` by `recipe`."""

    def __init__(self, net: nn.Module, recipe: Recipe) -> None:
        super().__init__()
        self.net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.recipe = recipe
        self.loss = nn.CrossEntropyLoss(label_smoothing=recipe.label_smoothing)

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        """The loss of one batch.

        Raises:
            Diverged: it is not finite.
        """
        images, labels = batch
        loss: Tensor = self.loss(self.net(images.contiguous(memory_format=torch.channels_last)), labels)
        if not torch.isfinite(loss):
            raise Diverged(
                f"the training loss became {loss.item()} in epoch {self.current_epoch + 1}, batch {index + 1}"
            )
        return loss

    def configure_optimizers(self) -> Any:
        """SGD and its one-cycle schedule, stepped after every batch."""
        rate = self.recipe.learning_rate * self.recipe.batch_size / 64
        groups = [
            {"params": list(_weights(self.net, decayed=True)), "weight_decay": self.recipe.weight_decay},
            {"params": list(_weights(self.net, decayed=False)), "weight_decay": 0.0},
        ]
        optimizer = torch.optim.SGD(groups, lr=rate, momentum=self.recipe.momentum, nesterov=True)
        steps = max(2, int(self.trainer.estimated_stepping_batches))
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=rate, total_steps=steps, pct_start=0.3)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def _weights(net: nn.Module, *, decayed: bool) -> Iterator[nn.Parameter]:
    """Parameters with (matrices and kernels) or without (vectors) weight decay."""
    return (parameter for parameter in net.parameters() if (parameter.ndim > 1) == decayed)
