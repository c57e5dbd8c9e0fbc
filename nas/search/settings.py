"""The settings of `python -m nas.search`, as the code below Hydra sees them. Defaults are in conf/search.yaml."""

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Lt

from nas.errors import ConfigError
from nas.training.sources import DataSettings

Positive = Annotated[int, Ge(1)]
Share = Annotated[float, Gt(0), Lt(1)]


@dataclass(frozen=True, slots=True)
class ConfirmSettings:
    """How the front's candidates are confirmed. `resolution` is in pixels at the space's largest resolution."""

    networks: Positive
    members: Positive
    seeds: Positive
    epochs: Positive
    resolution: Annotated[int, Ge(8)] | None


@dataclass(frozen=True, slots=True)
class ReferenceSettings:
    """The MobileNet v1 and v2 curves that a search is compared with, trained like the confirmed networks."""

    seeds: Positive
    widths: tuple[Annotated[float, Gt(0)], ...]


@dataclass(frozen=True, slots=True)
class ProxySettings:
    """The short training. `resolution` is in pixels at the space's largest resolution."""

    name: str
    epochs: Positive
    resolution: Annotated[int, Ge(8)]
    batch_size: Annotated[int, Ge(2)]
    learning_rate: Annotated[float, Gt(0)]


@dataclass(frozen=True, slots=True)
class ScoreSettings:
    """The rung `score`: training-free scores by name, on so many training images."""

    names: tuple[str, ...]
    images: Annotated[int, Ge(4)]


@dataclass(frozen=True, slots=True)
class LongSettings:
    """The rung `long`: as the short training, with more epochs."""

    epochs: Positive


@dataclass(frozen=True, slots=True)
class ReachSettings:
    """How a device of ssh or adb is reached, as in nas.record."""

    host: str | None
    port: int | None
    identity: str | None
    serial: str | None
    python: str | None
    perf_test: str | None
    remote: str | None


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
    rungs: tuple[str, ...]
    keep: Share
    score: ScoreSettings
    long: LongSettings
    trials: Positive
    time_limit: Annotated[float, Gt(0)] | None
    patience: Positive | None
    patience_gain: Share
    seed: Annotated[int, Ge(0)]
    workers: Positive | None
    storage: str | None
    device: Literal["auto", "none", "host", "ssh", "adb"]
    reach: ReachSettings
    confirm: ConfirmSettings
    references: ReferenceSettings
    data: DataSettings
    sampler: dict[str, str | int | float]
    proxy: ProxySettings
    executor: ExecutorSettings
    tracker: dict[str, str | int | float | None]

    def __post_init__(self) -> None:
        most = 2 * self.confirm.networks
        if self.confirm.members > most:
            raise ConfigError(
                f"confirm.members={self.confirm.members} is more than can be confirmed with "
                f"confirm.networks={self.confirm.networks}, which goes up to {most}; raise confirm.networks"
            )
