"""How a network is trained, as plain data that travels to worker processes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from nas.errors import ConfigError
from nas.reading.words import short
from nas.resources import names
from nas.training.precision import PRECISIONS
from nas.training.schedules import SCHEDULES

OPTIMIZERS = ("sgd", "adamw")
FROZEN_NORMS = ("none", "statistics", "all")


@dataclass(frozen=True, slots=True)
class Distillation:
    """What is learnt from a teacher: loss = (1 - alpha) CE + alpha T² KL (Hinton et al. 2015, arXiv:1503.02531).

    `teacher` is an ONNX file from normalised images to logits; without one, `fit` may be given a teacher.
    """

    teacher: Path | None = None
    alpha: float = 0.5
    temperature: float = 4.0

    def __post_init__(self) -> None:
        if not 0 < self.alpha <= 1:
            raise ConfigError(f"alpha must be above 0 and at most 1, got {self.alpha}")
        if not self.temperature > 0:
            raise ConfigError(f"temperature must be above 0, got {self.temperature}")


@dataclass(frozen=True, slots=True)
class Recipe:
    """SGD with Nesterov momentum, or AdamW, under a schedule of `SCHEDULES`.

    `learning_rate` is the peak for a batch of 64 and scales with the batch size. Weight decay leaves out batch norm
    and biases. `ema` is the decay of the moving average of weights that is returned, `clip` the largest norm of the
    gradient; none leaves them out. `momentum` is AdamW's first beta, and the middle
    of what one_cycle moves it by against the rate, 0.05 each way.

    For trainings that start from weights: `depth_factor` is the rate of a stage over that of the stage behind it, and
    `frozen_norms` what batch norms keep, of `FROZEN_NORMS`: their statistics, or `all`, weights and biases too.
    """

    epochs: int
    batch_size: int = 64
    learning_rate: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 5e-4
    label_smoothing: float = 0.1
    schedule: str = "one_cycle"
    optimizer: str = "sgd"
    ema: float | None = None
    precision: str = "auto"
    clip: float | None = 5.0
    compile: bool = False
    depth_factor: float = 1.0
    frozen_norms: str = "none"
    distillation: Distillation = Distillation()

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "learning_rate"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name} must be above 0, got {getattr(self, name)}")
        for name in ("momentum", "label_smoothing"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(f"{name} must be from 0 to below 1, got {getattr(self, name)}")
        if not self.weight_decay >= 0:
            raise ConfigError(f"weight_decay must be 0 or more, got {self.weight_decay}")
        if self.ema is not None and not 0 < self.ema < 1:
            raise ConfigError(f"ema must be between 0 and 1, or none, got {self.ema}")
        if self.clip is not None and not self.clip > 0:
            raise ConfigError(f"clip must be above 0, or none, got {self.clip}")
        if not 0 < self.depth_factor <= 1:
            raise ConfigError(f"depth_factor must be above 0 and at most 1, got {self.depth_factor}")
        known = {"frozen_norms": FROZEN_NORMS, "schedule": SCHEDULES, "optimizer": OPTIMIZERS, "precision": PRECISIONS}
        for name, values in known.items():
            if getattr(self, name) not in values:
                raise ConfigError(f"unknown {name} {short(getattr(self, name))}; known: {names(values)}")


def decay_groups(net: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """An optimizer's parameter groups: matrices and kernels with weight decay, vectors (batch norm, biases) without."""
    return [
        {"params": [p for p in net.parameters() if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in net.parameters() if p.ndim <= 1], "weight_decay": 0.0},
    ]


def depth_groups(net: nn.Sequential, weight_decay: float, rate: float, factor: float) -> list[dict[str, Any]]:
    """`decay_groups` of each stage of a network of `nas.nets.build`, with its learning rate.

    A stage begins where maps become smaller; the classifier is the last, and has the `rate`. Each stage before has
    `factor` times that of the next.
    """
    stages: list[list[nn.Module]] = [[]]
    for part in net:
        if any(
            isinstance(module, nn.Linear) or getattr(module, "stride", 1) in ((2, 2), 2) for module in part.modules()
        ):
            stages.append([])
        stages[-1].append(part)
    groups = []
    for distance, stage in enumerate(reversed(stages)):
        given = decay_groups(nn.ModuleList(stage), weight_decay)
        groups += [{**group, "lr": rate * factor**distance} for group in given if group["params"]]
    return groups
