"""The measures a network is judged by: their names, units, and where the run's dicts hold them.

Entries are members of `front.json` (a value with its interval), its reference networks, and rows of
`trials.csv` (plain numbers); `interval` reads all three.
"""

import math
from collections.abc import Mapping
from typing import Any

from nas.measures import COSTS, Interval, Measure

HOW = {
    "score": "training-free score",
    "short": "short training",
    "long": "longer training",
    "supernet": "shared weights",
    "confirmed": "confirmed training",
}


def number(value: Any) -> float | None:
    """`value` as a finite float; None for blanks, text and NaN."""
    try:
        result = float(value)
    except (TypeError, ValueError):
        return None
    return result if math.isfinite(result) else None


def interval(entry: Mapping[str, Any], field: str) -> Interval | None:
    """`entry[field]` with its bounds, be it a number or a dict of `value`, `low`, `high`; None if unknown."""
    raw = entry.get(field)
    bounds = raw if isinstance(raw, Mapping) else {"value": raw}
    value = number(bounds.get("value", bounds.get("median")))
    if value is None:
        return None
    low, high = number(bounds.get("low")), number(bounds.get("high"))
    return Interval(value, min(value, value if low is None else low), max(value, value if high is None else high))


def cost_measure(front: Mapping[str, Any]) -> Measure:
    """The cost the figure's x axis shows: latency if it is an objective, else the first cost that is."""
    objectives = front.get("objectives") or ["accuracy", "latency"]
    costs = [name for name in objectives if name in COSTS]
    return COSTS["latency" if "latency" in costs or not costs else costs[0]]


def ordered(entries: list[dict[str, Any]], measure: Measure) -> list[dict[str, Any]]:
    """`entries` from cheap to dear: the numbering that figures and tables share."""
    return sorted(entries, key=lambda entry: (_cost(entry, measure), entry.get("key", "")))


def dominated(front: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Confirmed networks that are not on the front."""
    members = {entry["key"] for entry in front["front"]}
    return [entry for entry in front.get("confirmed") or [] if entry["key"] not in members]


def count_text(value: Any) -> str:
    """A count in three figures: 300M, 3.50M, 24.6k; a dash where unknown."""
    amount = number(value)
    if amount is None:
        return "-"
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if amount >= 0.9995 * size:
            scaled = amount / size
            return f"{scaled:.{max(0, 2 - int(math.log10(scaled)))}f}{unit}"
    return f"{amount:.0f}"


def whole(value: Any) -> str:
    """A count in full below a million, in three figures above; a dash where unknown."""
    amount = number(value)
    return count_text(value) if amount is None or amount >= 1e6 else f"{int(amount):,}"


def population(value: Any) -> str:
    """A number of networks: in full below a million, in three figures above: 87.5e12."""
    rounded = float(f"{value:.3g}")
    if rounded < 1e6:
        return f"{round(value):,}"
    exponent = int(math.log10(rounded)) // 3 * 3
    return f"{rounded / 10**exponent:.3g}e{exponent}"


def plural(amount: int, one: str, many: str | None = None) -> str:
    """`1 network`, `2 networks`."""
    return f"{amount} {one if amount == 1 else many or one + 's'}"


def bytes_text(value: Any) -> str:
    """Bytes in decimal units: 4.0 MB."""
    amount = number(value)
    if amount is None:
        return "-"
    for unit, size in (("MB", 1e6), ("kB", 1e3)):
        if abs(amount) >= size:
            return f"{amount / size:.1f} {unit}"
    return f"{amount:.0f} B"


def percent(value: Any, digits: int = 1) -> str:
    """A share (0..1) as a percentage without its sign; a dash where unknown."""
    share = number(value)
    return "-" if share is None else f"{100 * share:.{digits}f}"


def budget_text(front: Mapping[str, Any]) -> str:
    """The budget as it was asked for: `300M and 25ms`, or `no budget`."""
    return " and ".join(str(part) for part in (front.get("budget") or {}).get("text") or []) or "no budget"


def budget_words(front: Mapping[str, Any]) -> str:
    """The budget in a sentence: `budget 300M and 25ms`, or `no budget`."""
    text = budget_text(front)
    return text if text == "no budget" else f"budget {text}"


def device_text(front: Mapping[str, Any]) -> str:
    """The device by name: `Google Pixel 4`."""
    hardware = front.get("hardware") or {}
    return str(hardware.get("device") or hardware.get("name") or "unknown device")


def configuration_text(front: Mapping[str, Any]) -> str:
    """How the device is used: `1large, 1 thread, fp32, TFLite 2.10`."""
    hardware = front.get("hardware") or {}
    threads = hardware.get("threads")
    parts = [
        hardware.get("configuration"),
        f"{threads} thread{'' if threads == 1 else 's'}" if threads else None,
        hardware.get("precision"),
        " ".join(str(hardware[key]) for key in ("runtime", "runtime_version") if hardware.get(key)),
    ]
    return ", ".join(str(part) for part in parts if part)


def how_text(how: Any) -> str:
    """How an accuracy was got, in words."""
    return HOW.get(str(how), str(how)) if how else "unknown"


def _cost(entry: Mapping[str, Any], measure: Measure) -> float:
    value = interval(entry, measure.field)
    return math.inf if value is None else value.value
