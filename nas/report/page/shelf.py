"""What a network would take on every device that ships: predicted, with how sure that is."""

from collections.abc import Container
from functools import lru_cache
from itertools import starmap

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


def on_shelf(arch: Architecture, own: Container[str], precision: str) -> OnShelf:
    """Every device by its first configuration of that precision, else its first; those called as in `own` come first.

    More configurations would say little more, and a process fits the model of each once.
    """
    devices: dict[str, Shelved] = {}
    for row in sorted(shelf(), key=lambda row: (row.name not in own, row.precision != precision)):
        devices.setdefault(row.name, row)
    found = [(row, _predicted(arch, row.label)) for row in devices.values()]
    unlike = sum(predicted is not None and not predicted.in_range for _, predicted in found)
    unknown = sum(predicted is None for _, predicted in found)
    title = f"Milliseconds on all {len(found)} known devices, predicted"
    for what, count in (("extrapolated", unlike), ("no figure", unknown)):
        title += f"; {what} on {'all' if count == len(found) else count}" if count else ""
    legend = " ".join([*([_UNLIKE] if unlike else []), *([_UNKNOWN] if unknown else []), _ERROR])
    return OnShelf(title, legend, tuple(starmap(_figures, found)))


@lru_cache(maxsize=1 << 14)
def _predicted(arch: Architecture, label: str) -> Latency | None:
    """None where an op or an activation of the network was not measured."""
    try:
        return latency(arch, load_profile(label))
    except ProfileError:
        return None


def _figures(row: Shelved, predicted: Latency | None) -> tuple[str, str, str, str, str]:
    error = f"{row.mape_percent:.1f}"
    if predicted is None:
        return row.device, row.label, "not measured", "", error
    mark = "" if predicted.in_range else "*"
    return row.device, row.label, f"{predicted.ms:.3g}{mark}", f"{predicted.low:.3g} to {predicted.high:.3g}", error
