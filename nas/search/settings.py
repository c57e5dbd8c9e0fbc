"""The settings of `python -m nas.search`, as the code below Hydra sees them. Defaults are in conf/search.yaml."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le, Lt

from nas.data.settings import DataSettings
from nas.errors import ConfigError
from nas.recording.devices import Reached
from nas.recording.devices.base import Reach
from nas.training.recipe import Distillation, Recipe
from nas.training.supernet.train import SharedRecipe

SUPERNET = "supernet"
"""The teacher that is the largest network of the shared weights."""

Positive = Annotated[int, Ge(1)]
Share = Annotated[float, Gt(0), Lt(1)]


@dataclass(frozen=True, slots=True)
class ConfirmSettings:
    """How the front's candidates are confirmed. `resolution` is in pixels at the space's largest resolution.

    `extra` trainings more where it is open who is on the front; `calibration` images give the ranges of int8.
    """

    networks: Positive
    members: Positive
    seeds: Positive
    extra: Annotated[int, Ge(0)]
    epochs: Positive
    batch_size: Annotated[int, Ge(2)]
    learning_rate: Annotated[float, Gt(0)]
    resolution: Annotated[int, Ge(8)] | None
    calibration: Positive


@dataclass(frozen=True, slots=True)
class ReferenceSettings:
    """The MobileNet v1 and v2 curves that a search is compared with, trained like the confirmed networks."""

    seeds: Positive
    widths: tuple[Annotated[float, Gt(0)], ...]


@dataclass(frozen=True, slots=True)
class ShortSettings:
    """proxy=short: a short training on so many `images`. `resolution` is in pixels at the space's largest resolution.

    `correction` is how much training-free scores count beside it, as in `nas.proxies.short.Prior`.
    """

    name: Literal["short"]
    epochs: Positive
    images: Annotated[int, Ge(2)] | None
    resolution: Annotated[int, Ge(8)]
    batch_size: Annotated[int, Ge(2)]
    learning_rate: Annotated[float, Gt(0)]
    correction: Annotated[float, Ge(0)]


@dataclass(frozen=True, slots=True)
class TrainingFreeSettings:
    """proxy=score: no training; the scores of `ScoreSettings` against those of other networks of the space."""

    name: Literal["score"]
    resolution: Annotated[int, Ge(8)]


@dataclass(frozen=True, slots=True)
class SupernetSettings:
    """proxy=supernet: shared weights, trained as `SharedRecipe` says.

    `joined`: ranked together with training-free scores. `start`: long trainings begin with the shared weights.
    """

    name: Literal["supernet"]
    epochs: Positive | None
    minutes: Annotated[float, Gt(0)] | None
    resolution: Annotated[int, Ge(8)]
    batch_size: Annotated[int, Ge(2)]
    learning_rate: Annotated[float, Gt(0)]
    networks: Positive
    sandwich: bool
    distillation: Annotated[float, Ge(0), Le(1)]
    drawn: Literal["choices", "macs"]
    calibration: Positive
    joined: bool
    start: bool

    def recipe(self, training: "TrainingSettings") -> SharedRecipe:
        """How the shared weights are trained."""
        return SharedRecipe(
            self.epochs,
            self.minutes,
            self.batch_size,
            self.learning_rate,
            momentum=training.momentum,
            weight_decay=training.weight_decay,
            label_smoothing=training.label_smoothing,
            networks=self.networks,
            sandwich=self.sandwich,
            distillation=self.distillation,
            drawn=self.drawn,
            precision=training.precision,
        )


@dataclass(frozen=True, slots=True)
class ScoreSettings:
    """Training-free scores by name, on so many training images.

    Where a network needs a figure of its own, they are ranked among those of `population` networks.
    """

    names: tuple[str, ...]
    images: Annotated[int, Ge(4)]
    population: Annotated[int, Ge(8)]


@dataclass(frozen=True, slots=True)
class LongSettings:
    """The rung `long`: as the short training, with more epochs."""

    epochs: Positive


@dataclass(frozen=True, slots=True)
class DistillationSettings:
    """What trainings learn from a `teacher`: an ONNX file, or long ones from the largest network of the supernet."""

    teacher: str | None
    alpha: Annotated[float, Gt(0), Le(1)]
    temperature: Annotated[float, Gt(0)]


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """What every training has in common: the proxy's, the confirmations and the references."""

    optimizer: Literal["sgd", "adamw"]
    schedule: Literal["one_cycle", "cosine", "cyclical"]
    momentum: Annotated[float, Ge(0), Lt(1)]
    weight_decay: Annotated[float, Ge(0)]
    label_smoothing: Annotated[float, Ge(0), Lt(1)]
    ema: Share | None
    clip: Annotated[float, Gt(0)] | None
    precision: Literal["auto", "fp32", "bf16"]
    compile: bool
    distillation: DistillationSettings

    @property
    def teacher(self) -> Path | None:
        """The teacher's file, if it is one; absolute, so that every worker process finds it."""
        path = self.distillation.teacher
        return None if path in (None, SUPERNET) else Path(path).expanduser().resolve()

    def recipe(self, epochs: int, batch_size: int, learning_rate: float) -> Recipe:
        """The recipe of one of the trainings."""
        return Recipe(
            epochs,
            batch_size,
            learning_rate,
            momentum=self.momentum,
            weight_decay=self.weight_decay,
            label_smoothing=self.label_smoothing,
            schedule=self.schedule,
            optimizer=self.optimizer,
            ema=self.ema,
            precision=self.precision,
            clip=self.clip,
            compile=self.compile,
            distillation=Distillation(self.teacher, self.distillation.alpha, self.distillation.temperature),
        )


@dataclass(frozen=True, slots=True)
class ExecutorSettings:
    """Where evaluations run."""

    name: str


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """Everything that `nas.search` can be told."""

    hardware: str
    budget: str | int | float | tuple[str | int | float, ...] | None
    search_space: str
    objectives: tuple[str, ...]
    warm_start: bool
    rungs: tuple[str, ...] | None
    keep: Share
    score: ScoreSettings
    long: LongSettings
    trials: Positive
    time_limit: Annotated[float, Gt(0)] | None
    patience: Positive | None
    patience_gain: Share
    seed: Annotated[int, Ge(0)]
    workers: Positive | None
    accelerator: Literal["auto", "cpu", "gpu"]
    storage: str | None
    device: Literal["auto", "none", Reached]
    reach: Reach
    training: TrainingSettings
    confirm: ConfirmSettings
    references: ReferenceSettings
    data: DataSettings
    sampler: dict[str, str | int | float]
    proxy: ShortSettings | SupernetSettings | TrainingFreeSettings
    executor: ExecutorSettings
    tracker: dict[str, str | int | float | None]

    def __post_init__(self) -> None:
        if self.training.distillation.teacher == SUPERNET and self.proxy.name != "supernet":
            raise ConfigError(
                f"training.distillation.teacher=supernet needs proxy=supernet, got proxy={self.proxy.name}; "
                "or give an ONNX file"
            )
        most = 2 * self.confirm.networks
        if self.confirm.members > most:
            raise ConfigError(
                f"confirm.members={self.confirm.members} is more than can be confirmed with "
                f"confirm.networks={self.confirm.networks}, which goes up to {most}; raise confirm.networks"
            )
