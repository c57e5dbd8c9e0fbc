"""Limits that every proposed network is held to before anything is built or trained.

`Budget.parse` reads `300M` (multiply-accumulates), `25ms` (predicted latency), `4MB` (weights at the
profile's precision, 10^6 bytes; `4MB-flash` too), `512KB-ram` (peak activations) and so on, one for each of
`nas.measures.LIMITS`, or a list of them. Prefixes are decimal: k, M, G. `pixel4:20ms` is a limit on one of several
devices.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nas.errors import BudgetError
from nas.measures import LIMITS, PREDICTED, find_limit
from nas.reading.words import cut, short
from nas.resources import names

_EXAMPLES = f"{', '.join(measure.example for measure in LIMITS.values())}, or a list such as [300M,25ms]"
_LIMIT = re.compile(r"([-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[-+]?[0-9]{1,3})?)\s*((?:[a-z][a-z-]*)?)", re.IGNORECASE)
_LONGEST = 100  # characters of a limit
_LEAST, _MOST = 1e-9, 1e18  # of a limit
_PREFIX = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9}


@dataclass(frozen=True, slots=True, init=False)
class Budget:
    """Upper limits by field of `LIMITS`, all of which must hold: `Budget(macs=300e6, latency_ms=25)`.

    A limit on one of several devices has its name behind the field: `latency_ms:pixel4`.
    """

    _limits: tuple[tuple[str, float], ...]

    def __init__(self, **limits: float) -> None:
        if unknown := [field for field in limits if find_limit(field) is None]:
            raise BudgetError(f"a budget cannot limit {names(unknown)}; known: {names(LIMITS)}")
        for field, limit in limits.items():
            if not (math.isfinite(limit) and limit > 0):
                raise BudgetError(f"a budget must be above 0, got {show(field, limit)}; use {_EXAMPLES}")
            if not _LEAST <= limit <= _MOST:
                raise BudgetError(f"no network is near a budget of {show(field, limit)}; use {_EXAMPLES}")
        order = list(LIMITS)
        ordered = sorted(limits.items(), key=lambda each: order.index(each[0].partition(":")[0]))
        object.__setattr__(self, "_limits", tuple(ordered))

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
            field, value = _parse(item if isinstance(item, str) else short(item))
            if field in limits:
                raise BudgetError(
                    f"the budget limits {field} twice, at {show(field, limits[field])} and {cut(str(item))}"
                )
            limits[field] = value
        return cls(**limits)

    @property
    def limits(self) -> dict[str, float]:
        """The limits that are set, by field, in the order of `LIMITS`."""
        return dict(self._limits)

    def of_device(self, device: str) -> dict[str, float]:
        """The limits on that one of several devices, by field of `LIMITS`."""
        parts = [(*field.partition(":"), limit) for field, limit in self._limits]
        return {field: limit for field, _, name, limit in parts if name == device}

    def on(self, devices: Mapping[str, str]) -> "Budget":
        """The same for a search on `devices`: their names by whatever they may be called.

        Of several, a limit that names none is one of each; on a single device, names are left out.

        Raises:
            BudgetError: a limit on another device, or on one device twice.
        """
        known, limits = tuple(dict.fromkeys(devices.values())), dict[str, float]()
        for field, limit in self._limits:
            base, _, device = field.partition(":")
            if device and device not in devices:
                raise BudgetError(
                    f"the budget limits {short(device)}, which is none of the devices of hardware: {names(known)}"
                )
            chosen = (devices[device],) if device else known
            several = len(known) > 1 and base in PREDICTED
            for key in [f"{base}:{name}" for name in chosen] if several else [base]:
                if key in limits:
                    raise BudgetError(f"the budget limits {key} twice, at {show(key, limits[key])} and {limit:g}")
                limits[key] = limit
        return Budget(**limits)

    def to_json(self) -> dict[str, float | None]:
        """Every limit there could be of a single device, by field; None where there is none."""
        return {field: self.limits.get(field) for field in LIMITS}

    def excess(self, figures: Mapping[str, float]) -> float:
        """How far a network is from the budget: the largest value / limit, above 1 when over it."""
        return max((figures[field] / limit for field, limit in self._limits), default=0.0)

    def violation(self, figures: Mapping[str, float]) -> str | None:
        """One phrase naming each limit that `figures` are over, or None."""
        over = [
            f"{show(field, figures[field])} over {show(field, limit)}"
            for field, limit in self._limits
            if figures[field] > limit
        ]
        return ", ".join(over) or None

    def __str__(self) -> str:
        return ", ".join(show(field, limit) for field, limit in self._limits) or "none"


def show(field: str, value: float) -> str:
    """A value with its unit, as `300M MACs`, `25 ms`."""
    measure = find_limit(field)
    return f"{value * measure.scale:.4g}{measure.text}" if measure else f"{value:.4g} {field}"


def _parse(text: str) -> tuple[str, float]:
    device, colon, limit = text.rpartition(":")
    if not colon:
        return _parse_limit(text)
    field, value = _parse_limit(limit)
    if field not in PREDICTED:
        differ = names(measure.label for measure in PREDICTED.values())
        raise BudgetError(f"a device has limits of its own on {differ} alone: write {limit} in place of {short(text)}")
    if not (device := device.strip()):
        raise BudgetError(f"no device before the colon of the budget {short(text)}; write it as pixel4:20ms")
    return f"{field}:{device}", value


def _parse_limit(text: str) -> tuple[str, float]:
    match = _LIMIT.fullmatch(text.strip()) if len(text) <= _LONGEST else None
    if not match:
        raise BudgetError(f"cannot read the budget {short(text)}; use {_EXAMPLES}")
    number, unit = float(match[1]), match[2].lower()
    for field, measure in LIMITS.items():
        for suffix in filter(None, (measure.suffix, measure.alias)):
            prefix = unit.removesuffix(suffix)
            if unit.endswith(suffix) and prefix in (_PREFIX if measure.prefixed else ("",)):
                return field, number * _PREFIX[prefix]
    if unit and unit in _PREFIX:
        return "macs", number * _PREFIX[unit]
    wrong = f"unknown unit {short(match[2])} in" if unit else "no unit in"
    raise BudgetError(f"{wrong} the budget {short(text)}; use {_EXAMPLES}")
