"""What a network would take on every configuration that ships: predicted, with how sure that is."""

from collections.abc import Container
from functools import lru_cache
from itertools import groupby, starmap

from nas.errors import ProfileError
from nas.latency.predictor import Latency, latency
from nas.latency.profile import load_profile
from nas.latency.shelf import Shelved, shelf
from nas.report.blocks import OnShelf
from nas.spaces.architecture import Architecture

_UNLIKE = (
    "* the network is unlike those measured there: the figure extrapolates, and its interval is too narrow to rely on."
)
_UNKNOWN = "Not measured: the device has no measurement of an op or an activation of the network."
_ERROR = "The error is the mean of networks left out of a profile's fit."


def on_shelf(arch: Architecture, own: Container[str]) -> OnShelf:
    """Every configuration, device by device; those devices first that are called as in `own`."""
    found = sorted(((row, _predicted(arch, row.label)) for row in shelf()), key=lambda pair: pair[0].name not in own)
    unlike = sum(predicted is not None and not predicted.in_range for _, predicted in found)
    unknown = sum(predicted is None for _, predicted in found)
    title = f"Milliseconds on all {len(found)} configurations of known devices, predicted"
    for what, count in (("extrapolated", unlike), ("no figure", unknown)):
        title += f"; {what} on {'all' if count == len(found) else count}" if count else ""
    legend = " ".join([*([_UNLIKE] if unlike else []), *([_UNKNOWN] if unknown else []), _ERROR])
    devices = groupby(found, lambda pair: f"{pair[0].device} · {pair[0].name}")
    return OnShelf(title, legend, tuple((device, tuple(starmap(_figures, pairs))) for device, pairs in devices))


@lru_cache(maxsize=1 << 14)
def _predicted(arch: Architecture, label: str) -> Latency | None:
    """None where an op or an activation of the network was not measured."""
    try:
        return latency(arch, load_profile(label))
    except ProfileError:
        return None


def _figures(row: Shelved, predicted: Latency | None) -> tuple[str, str, str, str]:
    error = f"{row.mape_percent:.1f}"
    if predicted is None:
        return row.configuration, "not measured", "", error
    mark = "" if predicted.in_range else "*"
    return row.configuration, f"{predicted.ms:.3g}{mark}", f"{predicted.low:.3g} to {predicted.high:.3g}", error
