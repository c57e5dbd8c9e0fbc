"""What networks cost, by the field of the measure: the types of the figures, and how they stand in JSON."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, cast

from nas.measures import LIMITS, PREDICTED, Interval
from nas.results.codec import Bounds, Count, Finite, Flag, Keys
from nas.spaces.cost import COUNTED


@dataclass(frozen=True, slots=True)
class DeviceFigure:
    """A figure of the device, such as milliseconds, with its interval."""

    value: Finite
    """the figure"""
    low: Finite
    """lower end of the interval"""
    high: Finite
    """upper end of the interval"""
    how: str
    """`predicted` or `measured`"""
    in_range: Flag
    """whether the network is among what the predictor was fitted to"""
    predicted: Bounds | None = None
    """what was predicted, where the figure was measured"""

    @property
    def extrapolates(self) -> bool:
        """Whether it is a prediction beyond what was measured on the device."""
        return self.how != "measured" and not self.in_range


OnDevices = Mapping[str, Mapping[str, DeviceFigure]]
"""What is predicted on each of several devices, by its name and the field of the measure."""

Costs = Mapping[str, int | DeviceFigure | OnDevices]
"""By the field of the measure: what is counted, and what is predicted or measured on a device.

Of several devices that is the first, and `DEVICES` holds all.
"""

DEVICES = "devices"


def cost_of_field(costs: Costs, field: str) -> int | DeviceFigure:
    """What a network costs by the measure of that field, be it of one of several devices (`latency_ms:pixel4`).

    Raises:
        KeyError: nothing is known of it.
    """
    base, _, device = field.partition(":")
    return cast(int | DeviceFigure, costs[field] if not device else on_devices(costs)[device][base])


def on_devices(costs: Costs) -> OnDevices:
    """What a network costs on each of several devices; empty for a single one."""
    return cast(OnDevices, costs.get(DEVICES, {}))


def cost_interval(found: int | DeviceFigure) -> Interval:
    """The value with its bounds alone."""
    return Interval(found, found, found) if isinstance(found, int) else Interval(found.value, found.low, found.high)


def cost_values(costs: Costs) -> dict[str, float]:
    """The values alone."""
    fields = [field for field in costs if field != DEVICES]
    fields += [f"{field}:{device}" for device, found in on_devices(costs).items() for field in found]
    return {field: cost_interval(cost_of_field(costs, field)).value for field in fields}


def _network_costs() -> Keys:
    kinds: dict[str, Any] = dict.fromkeys(COUNTED, Count) | dict.fromkeys(PREDICTED, DeviceFigure)
    optional = [field for field, measure in PREDICTED.items() if measure.optional]
    on_one = Keys({field: (DeviceFigure, LIMITS[field].meaning) for field in PREDICTED}, optional)
    named = {field: (kind, LIMITS[field].meaning) for field, kind in kinds.items()}
    named[DEVICES] = (
        Mapping[str, Annotated[Mapping[str, DeviceFigure], on_one]],
        "of a search on several devices: what each predicts, by its name; the keys above are then of the first",
    )
    return Keys(named, [*optional, DEVICES])


def _trial_costs() -> Keys:
    columns: dict[str, tuple[Any, str]] = {}
    for field, measure in PREDICTED.items():
        low, high, _ = cast(tuple[str, str, str], measure.predicted)
        columns[field] = Finite | None, f"predicted {measure.meaning}"
        columns[low] = Finite | None, "lower end of their interval"
        columns[high] = Finite | None, "upper end of their interval"
    columns |= {field: (Count | None, LIMITS[field].meaning) for field in COUNTED}
    return Keys(columns, columns)


NETWORK_COSTS = _network_costs()
"""The keys of a network's costs in front.json; a measure that a profile may lack can be missing."""

TRIAL_COSTS = _trial_costs()
"""The columns of costs in trials.csv, blank where nothing is known; what is predicted comes first, with its bounds."""
