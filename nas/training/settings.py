"""The settings that every training of a search has in common: `training` in conf/search.yaml."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le, Lt

from nas.training.recipe import Distillation, Recipe

SUPERNET = "supernet"
"""The teacher that is the largest network of the shared weights."""

RATES = {("sgd", False): 0.2, ("adamw", False): 0.02, ("sgd", True): 0.01, ("adamw", True): 0.001}
"""Learning rates at the peak, for a batch of 64, by optimizer and whether trainings start from pretrained weights."""

Positive = Annotated[int, Ge(1), Le(1_000_000)]
Batch = Annotated[int, Ge(2), Le(65_536)]
Pixels = Annotated[int, Ge(8), Le(1024)]
Share = Annotated[float, Gt(0), Lt(1)]


@dataclass(frozen=True, slots=True)
class DistillationSettings:
    """What trainings learn from another network's logits."""

    teacher: str | None
    """An ONNX file of the same classes, such as teacher.onnx; with proxy=supernet also `supernet`: its largest network
    teaches the long trainings."""
    alpha: Annotated[float, Gt(0), Le(1)]
    """The teacher's share of the loss."""
    temperature: Annotated[float, Gt(0)]
    """What softens the logits."""


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """What every training has in common: the proxy's, the confirmations and the baselines."""

    optimizer: Literal["sgd", "adamw"] | None
    """sgd: with Nesterov momentum; null: that, or adamw where trainings start from pretrained weights."""
    schedule: Literal["one_cycle", "cosine", "cyclical", "constant"] | None
    """Of the learning rate: one_cycle, cosine (with warm-up), cyclical (four triangles), constant; null: the first, or
    the second where trainings start from pretrained weights."""
    momentum: Annotated[float, Ge(0), Lt(1)]
    """Of SGD; AdamW's first beta."""
    weight_decay: Annotated[float, Ge(0)]
    """Of kernels and matrices; batch norm and biases have none."""
    label_smoothing: Annotated[float, Ge(0), Lt(1)]
    """The share of a label that is spread over all classes."""
    ema: Share | None
    """Decay of a moving average of the weights, which is then what is judged, such as 0.999."""
    clip: Annotated[float, Gt(0)] | None
    """Largest norm of the gradient; null: any."""
    precision: Literal["auto", "fp32", "bf16"]
    """auto: bf16 on GPUs that compute in it, else fp32."""
    compile: bool
    """By torch.compile: minutes for each network, so for long trainings on a GPU."""
    depth_factor: Annotated[float, Gt(0), Le(1)]
    """The learning rate of a stage over that of the one behind it, for trainings that start from weights: below 1, such
    as 0.8, early layers learn slower."""
    frozen_norms: Literal["none", "statistics", "all"]
    """What batch norms keep of the weights that a training starts from: their statistics, or weights and biases too."""
    distillation: DistillationSettings
    """What trainings learn from a teacher."""

    @property
    def teacher(self) -> Path | None:
        """The teacher's file, if it is one; absolute, so that every worker process finds it."""
        path = self.distillation.teacher
        return None if path in (None, SUPERNET) else Path(path).expanduser().resolve()

    def optimizer_of(self, *, pretrained: bool) -> Literal["sgd", "adamw"]:
        """`optimizer`, decided."""
        return self.optimizer or ("adamw" if pretrained else "sgd")

    def recipe(self, epochs: int, batch_size: int, learning_rate: float | None, *, pretrained: bool) -> Recipe:
        """The recipe of one of the trainings, from `pretrained` weights or from scratch, which decides what is null."""
        optimizer = self.optimizer_of(pretrained=pretrained)
        return Recipe(
            epochs,
            batch_size,
            learning_rate or RATES[optimizer, pretrained],
            momentum=self.momentum,
            weight_decay=self.weight_decay,
            label_smoothing=self.label_smoothing,
            schedule=self.schedule or ("cosine" if pretrained else "one_cycle"),
            optimizer=optimizer,
            ema=self.ema,
            precision=self.precision,
            clip=self.clip,
            compile=self.compile,
            depth_factor=self.depth_factor,
            frozen_norms=self.frozen_norms,
            distillation=Distillation(self.teacher, self.distillation.alpha, self.distillation.temperature),
        )
