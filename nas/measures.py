"""What a network is measured by: one table, read by objectives, budgets, trials.csv, reports, trackers and docs.

A new measure is a row here, and where its figures come from: `nas.spaces.cost` for what follows from the layers,
`nas.latency.predictions` for what a device's profile predicts. From there they travel by their field.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

Direction = Literal["maximize", "minimize"]


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure: `name` as an objective, `field` where figures are kept (results, trials.csv, `CostArrays`).

    Shown as value x `scale` `unit`, in a line as value x `scale` and `text`; `label` is what an axis says. A budget
    gives it the `suffix`, or an `alias` of that, after a decimal prefix (k, M, G) where it is `prefixed`, as in
    `example`; `meaning` is what docs say of it.
    `before_training`: known of every network of a space, and so exact in a search and what a budget may limit.
    `predicted`: of a measure that a device's profile predicts, the fields of the interval's low and high end, and of
    whether the network is in range of what was measured; `optional`: whether a profile may say nothing of it.
    """

    name: str
    field: str
    label: str
    unit: str
    scale: float
    text: str
    direction: Direction = "minimize"
    suffix: str = ""
    alias: str = ""
    prefixed: bool = True
    example: str = ""
    meaning: str = ""
    before_training: bool = True
    predicted: tuple[str, str, str] | None = None
    optional: bool = False


MEASURES: Mapping[str, Measure] = {
    measure.name: measure
    for measure in (
        Measure("accuracy", "accuracy", "accuracy", "%", 100.0, " %", "maximize", before_training=False),
        Measure(
            *("macs", "macs", "multiply-accumulates", "M", 1e-6, "M MACs"),
            suffix="macs",
            example="300M (MACs)",
            meaning="multiply-accumulates of one inference",
        ),
        Measure(
            *("latency", "latency_ms", "latency", "ms", 1.0, " ms"),
            suffix="ms",
            prefixed=False,
            example="25ms",
            meaning="milliseconds on the device",
            predicted=("latency_low_ms", "latency_high_ms", "in_range"),
        ),
        Measure(
            *("energy", "energy_mj", "energy", "mJ", 1.0, " mJ"),
            suffix="mj",
            prefixed=False,
            example="20mJ",
            meaning="millijoules on the device",
            predicted=("energy_low_mj", "energy_high_mj", "energy_in_range"),
            optional=True,
        ),
        Measure(
            *("weights", "weight_bytes", "weights", "MB", 1e-6, " MB"),
            suffix="b",
            alias="b-flash",
            example="4MB (weights)",
            meaning="bytes of the weights at the device's precision",
        ),
        Measure(
            *("params", "params", "parameters", "M", 1e-6, "M params"),
            suffix="params",
            example="5Mparams",
            meaning="trainable weights",
        ),
        Measure(
            *("memory", "peak_activation_bytes", "peak activation memory", "MB", 1e-6, " MB RAM"),
            suffix="b-ram",
            example="512KB-ram (peak activations)",
            meaning="bytes of the activations at their peak",
        ),
    )
}
"""Every measure by its name as an objective, in the order that texts have."""

COSTS: Mapping[str, Measure] = {name: measure for name, measure in MEASURES.items() if measure.before_training}
"""The measures that are known before any training."""

LIMITS: Mapping[str, Measure] = {measure.field: measure for measure in COSTS.values()}
"""The same by field: what a budget may limit."""

PREDICTED: Mapping[str, Measure] = {field: measure for field, measure in LIMITS.items() if measure.predicted}
"""Of these, what a device's profile predicts."""

WORST_SHARE = Measure("worst_share", "worst_share", "worst share of the devices' limits", "%", 100.0, " %")
"""Of a search on several devices: the largest figure / limit, over all limits that devices have of their own."""


def on_device(measure: Measure, device: str) -> Measure:
    """One of `PREDICTED` on one of several devices: `latency:pixel4`, of the field `latency_ms:pixel4`."""
    low, high, in_range = measure.predicted or ("", "", "")
    return replace(
        measure,
        name=f"{measure.name}:{device}",
        field=f"{measure.field}:{device}",
        label=f"{measure.label} on {device}",
        text=f"{measure.text} on {device}",
        predicted=(f"{low}:{device}", f"{high}:{device}", f"{in_range}:{device}"),
    )


def find_objective(name: str) -> Measure | None:
    """What can be optimised under that name: of `MEASURES`, one of a device, or `WORST_SHARE`; None if nothing."""
    if name == WORST_SHARE.name:
        return WORST_SHARE
    base, colon, device = name.partition(":")
    known = MEASURES.get(base)
    return on_device(known, device) if known and known.predicted and device else None if colon else known


def find_limit(field: str) -> Measure | None:
    """What a budget can limit under that field: of `LIMITS`, or one of a device; None if nothing."""
    base, colon, device = field.partition(":")
    known = LIMITS.get(base)
    return on_device(known, device) if known and known.predicted and device else None if colon else known


@dataclass(frozen=True, slots=True)
class Interval:
    """A value and its bounds; without any, all three are equal."""

    value: float
    """the value"""
    low: float
    """lower end"""
    high: float
    """upper end"""

    def scaled(self, factor: float) -> "Interval":
        """The same in another unit."""
        return Interval(self.value * factor, self.low * factor, self.high * factor)
