"""One training: a Lightning module whose recipe is plain data."""

import math
import time
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from typing import Any

import pytorch_lightning as pl
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nas.data.batches import Batch, TrainingLoader
from nas.training.distillation import Teacher, divergence
from nas.training.divergence import LossWatch
from nas.training.ema import MovingAverage
from nas.training.metrics import Metrics, judge
from nas.training.recipe import Recipe, decay_groups, depth_groups
from nas.training.schedules import SWING, rates


class Classifier(pl.LightningModule):
    """Cross-entropy training of `net` by `recipe`, by a teacher's logits too where there is one.

    Labels are int64 N or float N x classes. `batches`, of a process's number and how many there are, gives its part of
    the training images, where the trainer is given none. `judged` is how the network, or its moving average, did on
    `val` after each epoch; when the training ends, `net` holds the average.
    """

    losses: LossWatch

    def __init__(
        self,
        net: nn.Module,
        recipe: Recipe,
        teacher: Teacher | None = None,
        val: Iterable[Batch] | None = None,
        batches: Callable[[int, int], TrainingLoader] | None = None,
    ) -> None:
        super().__init__()
        self.net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.recipe = recipe
        self._norms = [module for module in net.modules() if isinstance(module, nn.BatchNorm2d)]
        if recipe.frozen_norms == "all":
            for norm in self._norms:
                norm.requires_grad_(False)
        self.judged: list[Metrics] = []
        self._average: MovingAverage | None = None
        # In a function, a tuple: modules kept as attributes would become part of this one.
        self._logits: Callable[[Tensor], Tensor] = lambda images: net(images)
        if recipe.compile:
            self._logits = torch.compile(self._logits)
        self._teachers = () if teacher is None else (teacher,)
        self._val = val
        self._batches = batches
        self._loader: TrainingLoader | None = None
        self._kept: dict[str, Any] | None = None
        self._began, self._before = 0.0, 0.0

    @property
    def seconds(self) -> float:
        """Of training, those before it was resumed included."""
        return self._before + time.perf_counter() - self._began

    def train_dataloader(self) -> TrainingLoader:
        """This process's part of the batches."""
        assert self._batches is not None
        self._loader = self._batches(self.global_rank, self.trainer.world_size)
        if self._kept is not None:
            self._loader.go_on(self._kept["batches"])
        return self._loader

    def on_train_start(self) -> None:
        """The network is on its device now."""
        self._began = time.perf_counter()
        epochs, per_epoch = int(self.trainer.max_epochs or 1), int(self.trainer.num_training_batches)
        self.losses = LossWatch(epochs, per_epoch)
        if self.recipe.ema is not None:
            self._average = MovingAverage(self.net, self.recipe.ema)
        if self._kept is not None:
            self._go_on(self._kept)
        for teacher in self._teachers:
            if isinstance(teacher, nn.Module):
                teacher.to(self.device).eval()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Between two epochs: all that Lightning does not keep, as tensors and plain values."""
        average = self._average and {"updates": self._average.updates, "values": self._average.values}
        judged = [[each.accuracy, each.loss, each.margin] for each in self.judged]
        checkpoint["classifier"] = {
            "losses": list(self.losses.values),
            "judged": judged,
            "average": average,
            "batches": self._loader and self._loader.state(),
            "seconds": self.seconds,
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on from there when the training starts, and the network is on its device."""
        self._kept = checkpoint["classifier"]

    def _go_on(self, kept: dict[str, Any]) -> None:
        self._before = kept["seconds"]
        self.losses.values.extend(kept["losses"])
        self.judged.extend(Metrics(*each) for each in kept["judged"])
        if self._average is not None:
            self._average.updates = kept["average"]["updates"]
            for mine, value in zip(self._average.values, kept["average"]["values"], strict=True):
                mine.copy_(value)

    def result(self) -> dict[str, Tensor]:
        """The state dict of the network, or of its moving average, as it is now."""
        with self._average.applied() if self._average else nullcontext():
            return {name: tensor.detach().clone() for name, tensor in self.net.state_dict().items()}

    def on_train_epoch_start(self) -> None:
        """Norms that keep their statistics are in evaluation mode, whatever the mode of the rest."""
        if self.recipe.frozen_norms != "none":
            for norm in self._norms:
                norm.eval()

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """One cycle moves momentum against the rate, by `SWING` around the recipe's: high rates need less of it."""
        if self.recipe.schedule == "one_cycle" and self.recipe.momentum > SWING:
            for group in self.trainer.optimizers[0].param_groups:
                momentum = self.recipe.momentum + SWING * (1 - 2 * group["lr"] / group["initial_lr"])
                if "momentum" in group:
                    group["momentum"] = momentum
                else:
                    group["betas"] = (momentum, group["betas"][1])

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        """The loss of one batch.

        Raises:
            Diverged: the losses lead nowhere.
            ConfigError: the teacher's number of classes is another.
        """
        images, labels = batch
        images = images.contiguous(memory_format=torch.channels_last)
        logits = self._logits(images).float()
        loss = F.cross_entropy(logits, labels, label_smoothing=self.recipe.label_smoothing)
        constant = math.log(logits.shape[1])
        for teacher in self._teachers:
            alpha, temperature = self.recipe.distillation.alpha, self.recipe.distillation.temperature
            loss = (1 - alpha) * loss + alpha * divergence(teacher, images, logits, temperature)
            constant *= 1 - alpha + alpha * temperature**2  # no teacher is further than this from a constant prediction
        self.losses.add(loss, constant)
        return loss

    def configure_gradient_clipping(self, optimizer: torch.optim.Optimizer, *_: Any, **__: Any) -> None:
        """By norm. Lightning's own way refuses fused optimizers under bf16, which need no scaled gradients."""
        if self.recipe.clip is not None:
            weights = [parameter for group in optimizer.param_groups for parameter in group["params"]]
            nn.utils.clip_grad_norm_(weights, self.recipe.clip)

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """The average follows."""
        if self._average is not None:
            self._average.update()

    def on_train_epoch_end(self) -> None:
        """Read the losses, and judge.

        Raises:
            Diverged: the losses lead nowhere.
        """
        self.losses.read()
        if self._val is not None:
            with self._average.applied() if self._average else nullcontext():
                self.judged.append(judge(self.net, self._val))
            self.net.train()

    def on_train_end(self) -> None:
        """The average is what is returned."""
        if self._average is not None:
            self._average.swap()

    def configure_optimizers(self) -> Any:
        """The optimizer and its schedule, stepped after every batch."""
        recipe = self.recipe
        rate = recipe.learning_rate * recipe.batch_size / 64
        if recipe.depth_factor < 1 and isinstance(self.net, nn.Sequential):
            groups = depth_groups(self.net, recipe.weight_decay, rate, recipe.depth_factor)
        else:
            groups = decay_groups(self.net, recipe.weight_decay)
        # Fused: one pass over the weights, less than half the time on a CPU.
        optimizer: torch.optim.Optimizer
        if recipe.optimizer == "sgd":
            nesterov = recipe.momentum > 0
            optimizer = torch.optim.SGD(groups, lr=rate, momentum=recipe.momentum, nesterov=nesterov, fused=True)
        else:
            optimizer = torch.optim.AdamW(groups, lr=rate, betas=(recipe.momentum, 0.999), fused=True)
        steps = max(1, int(self.trainer.estimated_stepping_batches))
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rates(recipe.schedule, steps))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
