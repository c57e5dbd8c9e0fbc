"""Trackers by name, a file each with its settings; `base` says what they share, `guard` keeps them harmless."""

from collections.abc import Callable, Mapping
from inspect import signature

from nas.errors import ConfigError
from nas.reading.words import cut, short
from nas.report.trackers.base import TrackerSettings
from nas.report.trackers.mlflow import MlflowSettings
from nas.report.trackers.none import NothingSettings
from nas.report.trackers.tensorboard import TensorboardSettings
from nas.report.trackers.wandb import WandbSettings
from nas.resources import names

TRACKERS: dict[str, Callable[..., TrackerSettings]] = {
    "none": NothingSettings,
    "wandb": WandbSettings,
    "tensorboard": TensorboardSettings,
    "mlflow": MlflowSettings,
}
"""The settings of each kind, by its name."""


def tracker_settings(options: Mapping[str, object]) -> TrackerSettings:
    """The settings of the tracker called `options["name"]`, which are the other `options`.

    Raises:
        ConfigError: no such tracker, or an option it has not or of a value it does not take.
    """
    given = dict(options)
    name = given.pop("name", None)
    if name not in TRACKERS:
        raise ConfigError(f"unknown tracker {short(name)}; known: {names(TRACKERS)}")
    kind = TRACKERS[str(name)]
    known = signature(kind).parameters
    if unknown := sorted(given.keys() - known.keys()):
        what = f"unknown option tracker.{cut(unknown[0])} of tracker={name}"
        raise ConfigError(f"{what}; known: {names(known) or 'none'}")
    return kind(**given)
