"""Limits that every proposed network is held to before anything is built or trained.

`Budget.parse` reads `300M` (multiply-accumulates), `25ms` (predicted latency), `4MB` (weights at the
profile's precision, 10^6 bytes) and `5Mparams`, or a list of them. Prefixes are decimal: k, M, G.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nas.errors import BudgetError

_EXAMPLES = "300M (MACs), 25ms, 4MB (weights), 5Mparams, or a list such as [300M,25ms]"
_LIMIT = re.compile(r"\s*([-+]?\d*\.?\d+(?:e[-+]?\d+)?)\s*([a-z]*)\s*", re.IGNORECASE)
_PREFIX = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9}
_SUFFIX = {"params": "params", "macs": "macs", "b": "weight_bytes", "": "macs"}
_UNIT = {"macs": (1e6, "M MACs"), "latency_ms": (1.0, " ms"), "weight_bytes": (1e6, " MB"), "params": (1e6, "M params")}


@dataclass(frozen=True, slots=True)
class Budget:
    """Upper limits, all of which must hold; `None` is no limit."""

    macs: float | None = None
    latency_ms: float | None = None
    weight_bytes: float | None = None
    params: float | None = None

    def __post_init__(self) -> None:
        for measure, limit in self.limits.items():
            if not (math.isfinite(limit) and limit > 0):
                raise BudgetError(f"a budget must be above 0, got {show(measure, limit)}; use {_EXAMPLES}")

    @classmethod
    def parse(cls, text: str | int | float | Sequence[str | int | float] | None) -> "Budget":
        """Read one limit or a list of limits; `None` is no limit at all.

        Raises:
            BudgetError: a limit without a unit, below zero, unreadable, or given twice.
        """
        if text is None:
            return cls()
        limits: dict[str, float] = {}
        for item in [text] if isinstance(text, str | int | float) else text:
            measure, value = _parse(str(item))
            if measure in limits:
                raise BudgetError(f"the budget limits {measure} twice, at {show(measure, limits[measure])} and {item}")
            limits[measure] = value
        return cls(**limits)

    @property
    def limits(self) -> dict[str, float]:
        """The limits that are set, by measure."""
        values = {m: getattr(self, m) for m in _UNIT}
        return {measure: limit for measure, limit in values.items() if limit is not None}

    def excess(self, measures: Mapping[str, float]) -> float:
        """How far a network is from the budget: the largest value / limit, above 1 when over it."""
        return max((measures[m] / limit for m, limit in self.limits.items()), default=0.0)

    def violation(self, measures: Mapping[str, float]) -> str | None:
        """One phrase naming each limit that `measures` is over, or None."""
        over = [
            f"{show(m, measures[m])} over {show(m, limit)}" for m, limit in self.limits.items() if measures[m] > limit
        ]
        return ", ".join(over) or None

    def __str__(self) -> str:
        return ", ".join(show(m, limit) for m, limit in self.limits.items()) or "none"


def show(measure: str, value: float) -> str:
    """A value with its unit, as `300M MACs`, `25 ms`."""
    scale, unit = _UNIT[measure]
    return f"{value / scale:.4g}{unit}"


def _parse(text: str) -> tuple[str, float]:
    match = _LIMIT.fullmatch(text)
    if not match:
        raise BudgetError(f"cannot read the budget {text!r}; use {_EXAMPLES}")
    number, unit = float(match[1]), match[2].lower()
    if unit == "ms":
        return "latency_ms", number
    for suffix, measure in _SUFFIX.items():
        prefix = unit.removesuffix(suffix)
        if unit.endswith(suffix) and prefix in _PREFIX and unit:
            return measure, number * _PREFIX[prefix]
    wrong = f"unknown unit {match[2]!r} in" if unit else "no unit in"
    raise BudgetError(f"{wrong} the budget {text!r}; use {_EXAMPLES}")
