"""Numbers and names as a reader sees them; a dash where something is unknown."""

import math
from collections.abc import Mapping
from functools import cache
from urllib.parse import quote

from nas.latency.profile import NOT_STATED
from nas.results.front import Front


def address(path: str) -> str:
    """A relative path as a link: bytes that are no UTF-8 too."""
    return quote(path.encode("utf-8", "surrogateescape"))


def count_text(amount: float | None) -> str:
    """A count in three figures: 300M, 3.50M, 24.6k."""
    if amount is None:
        return "-"
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if amount >= 0.9995 * size:
            scaled = amount / size
            return f"{scaled:.{max(0, 2 - int(math.log10(scaled)))}f}{unit}"
    return f"{amount:.0f}"


def whole(amount: int) -> str:
    """A count in full below a million, in three figures above."""
    return count_text(amount) if amount >= 1e6 else f"{amount:,}"


def population(amount: float) -> str:
    """A number of networks: in full below a million, in three figures above: 87.5e12."""
    rounded = float(f"{amount:.3g}")
    if rounded < 1e6:
        return f"{round(amount):,}"
    exponent = int(math.log10(rounded)) // 3 * 3
    return f"{rounded / 10**exponent:.3g}e{exponent}"


def plural(amount: int, one: str, many: str | None = None) -> str:
    """`1 network`, `2 networks`."""
    return f"{amount} {one if amount == 1 else many or one + 's'}"


def bytes_text(amount: float | None) -> str:
    """Bytes in decimal units: 4.0 MB."""
    if amount is None:
        return "-"
    for unit, size in (("MB", 1e6), ("kB", 1e3)):
        if abs(amount) >= size:
            return f"{amount / size:.1f} {unit}"
    return f"{amount:.0f} B"


def percent(share: float | None, digits: int = 1) -> str:
    """A share (0..1) as a percentage without its sign."""
    return "-" if share is None else f"{100 * share:.{digits}f}"


def how_text(how: str | None) -> str:
    """How an accuracy was got, in words."""
    return _rung_words().get(how, how) if how else "unknown"


@cache
def _rung_words() -> Mapping[str, str]:
    """What the proxies call their rungs, and of a confirmation; read when first needed, since it loads torch."""
    from nas.proxies import PROXIES

    words = {name: text for proxy in PROXIES.values() for name, text in proxy.rungs.items()}
    return {**words, "confirmed": "confirmed training", "finished": "full training"}


def budget_text(front: Front) -> str:
    """The budget as it was asked for: `300M and 25ms`, or `no budget`."""
    return " and ".join(front.budget.text) or "no budget"


def budget_words(front: Front) -> str:
    """The budget in a sentence: `budget 300M and 25ms`, or `no budget`."""
    return f"budget {budget_text(front)}" if front.budget.text else "no budget"


def configuration_text(front: Front) -> str:
    """How the device is used: `1large, 1 thread, fp32, TFLite 2.10`."""
    device = front.hardware
    version = "" if device.runtime_version == NOT_STATED else device.runtime_version
    runtime = "runtime not stated" if device.runtime == NOT_STATED else f"{device.runtime} {version}".strip()
    batch = f"batch {device.batch}" if device.batch > 1 else ""
    parts = (device.configuration, plural(device.threads, "thread"), device.precision, batch, runtime)
    return ", ".join(part for part in parts if part)
