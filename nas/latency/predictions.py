"""What a device's profile predicts, and by what: the table that costs, budgets, candidates and drawing follow."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from nas.latency.energy import energy_predictor
from nas.latency.features import Measured
from nas.latency.predictor import Model, predictor
from nas.latency.profile import HardwareProfile
from nas.measures import PREDICTED
from nas.spaces.architecture import Architecture


class Predictor(Protocol):
    """Figures of a device with their intervals, from sums over layers."""

    def __hash__(self) -> int: ...

    @property
    def model(self) -> Model:
        """Figures from what adds up over layers."""
        ...

    @property
    def ground(self) -> Measured:
        """What the networks contain that the model was fitted to."""
        ...

    def figures(self, arch: Architecture) -> tuple[float, float, float, bool]:
        """The figure of one network, the low and the high end of its interval, and whether it is in range.

        Raises:
            ProfileError: the profile holds no measurement of an op or an activation of `arch`.
        """
        ...

    def interval(self, figure: Any, sums: Sequence[Any]) -> tuple[Any, Any]:
        """Both ends of the interval around the prediction, a number or an array, of the sums of the model's counts."""
        ...

    def resembles(self, figure: Any) -> Any:
        """Whether a prediction, a number or an array, is near the measured ones."""
        ...


PREDICTORS: Mapping[str, Callable[[HardwareProfile], Predictor | None]] = {
    "latency_ms": predictor,
    "energy_mj": energy_predictor,
}
"""By the field of each of `PREDICTED`, what predicts it from a profile; None where the profile does not say it."""


def predictors(profile: HardwareProfile) -> dict[str, Predictor]:
    """What predicts each measure that `profile` holds figures of, by field.

    Raises:
        ProfileError: the profile that a few-shot profile is like cannot be loaded, or is few-shot itself.
    """
    found = {field: make(profile) for field, make in PREDICTORS.items()}
    return {field: each for field, each in found.items() if each is not None}


def predict(arch: Architecture, profile: HardwareProfile) -> dict[str, Any]:
    """Everything that `profile` predicts of `arch`, by field.

    Raises:
        ProfileError: the profile holds no measurement of an op or an activation of `arch`.
    """
    found: dict[str, Any] = {}
    for field, each in predictors(profile).items():
        found |= by_field(field, *each.figures(arch))
    return found


def by_field(field: str, figure: Any, low: Any, high: Any, in_range: Any) -> dict[str, Any]:
    """A prediction of the measure `field`, each part by its own field."""
    return dict(zip((field, *(PREDICTED[field].predicted or ())), (figure, low, high, in_range), strict=True))
