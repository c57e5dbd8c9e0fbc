"""One confirmed network as the texts of its row in a table."""

from collections.abc import Iterator
from dataclasses import dataclass

from nas.measures import PREDICTED, Interval, on_device
from nas.report.networks import bounds, host_timing
from nas.report.text import address, bytes_text, count_text, how_text, percent, plural
from nas.results.costs import DeviceFigure, on_devices
from nas.results.member import Accuracy, HostTiming, Member, ModelFile


@dataclass(frozen=True, slots=True)
class FileLink:
    """A file of the network: `fp32`, or `tflite fp32` where it is not ONNX; its own accuracy, its size, and a `note`:
    where int8 is slower, or loses more than it may.
    """

    label: str
    link: str
    accuracy: str
    size: str
    note: str


@dataclass(frozen=True, slots=True)
class FurtherCell:
    """What the network costs on the device beside its latency."""

    heading: str
    value: str
    range: str
    how: str


@dataclass(frozen=True, slots=True)
class NetworkRow:
    """A value with its interval, or how it was got, beside it; blank or a dash where it is unknown."""

    key: str
    label: str
    notation: str
    accuracy: str
    accuracy_range: str
    how: str
    probability: str
    int8: str
    int8_range: str
    int8_fp32: str
    device: str
    latency: str
    latency_range: str
    latency_how: str
    predicted: str
    extrapolated: bool
    further: tuple[FurtherCell, ...]
    macs: str
    params: str
    weights: str
    activations: str
    host: str
    host_range: str
    host_int8: str
    host_how: str
    files: tuple[FileLink, ...]


def short_how(accuracy: Accuracy) -> str:
    """How an accuracy was got: `confirmed training, 2 seeds`."""
    return f"{how_text(accuracy.how)}, {plural(accuracy.seeds, 'seed')}"


def network_row(member: Member, label: str = "") -> NetworkRow:
    """The texts of a network, which the run calls `label`."""
    accuracy, latency = member.accuracy, member.latency_ms
    file = member.file("int8")
    int8 = file.accuracy if file else None
    host, host_int8 = host_timing(member), host_timing(member, "int8")
    return NetworkRow(
        key=member.key,
        label=label,
        notation=member.notation,
        accuracy=percent(accuracy.value),
        accuracy_range=_percents(bounds(accuracy)),
        how=short_how(accuracy),
        probability=_probability(member.probability),
        int8=percent(int8.value) if int8 else "-",
        int8_range=_percents(bounds(int8)) if int8 else "",
        int8_fp32=f"fp32 file: {percent(int8.fp32)}" if int8 else "",
        device=next(iter(on_devices(member.costs)), "the device"),
        latency=_digits(latency.value),
        latency_range=_ms(latency),
        latency_how=latency.how,
        predicted=f"predicted {_digits(latency.predicted.value)} ({_ms(latency.predicted)})"
        if latency.predicted
        else "",
        extrapolated=latency.extrapolates,
        further=tuple(_further(member)),
        macs=count_text(member.macs),
        params=count_text(member.params),
        weights=bytes_text(member.weight_bytes),
        activations=bytes_text(member.peak_activation_bytes),
        host=_digits(host.median) if host else "-",
        host_range=_ms(host) if host else "",
        host_int8=f"int8: {_digits(host_int8.median)}" if host_int8 else "",
        host_how=host.runtime if host else "",
        files=tuple(_link(file, file.path) for file in member.files if file.path),
    )


def _further(member: Member) -> Iterator[FurtherCell]:
    """What devices predict beside the latency of the first or only one; by name of those that follow."""
    found = {measure: member.costs.get(measure.field) for measure in PREDICTED.values() if measure.name != "latency"}
    for device, figures in list(on_devices(member.costs).items())[1:]:
        found |= {on_device(measure, device): figures.get(field) for field, measure in PREDICTED.items()}
    for measure, figure in found.items():
        if isinstance(figure, DeviceFigure):
            shown = bounds(figure).scaled(measure.scale)
            how = figure.how + ", extrapolated" * figure.extrapolates
            yield FurtherCell(f"{measure.label}, {measure.unit}", _digits(shown.value), _ms(shown), how)


def _link(file: ModelFile, path: str) -> FileLink:
    accuracy = f"{percent(file.accuracy.value)} %" if file.accuracy else ""
    unheld = file.int8.unheld if file.int8 else None
    note = "; ".join(text for text in (unheld, file.slower) if text)
    return FileLink(file.kind, address(path), accuracy, bytes_text(file.bytes), note)


def _probability(value: float) -> str:
    """The probability of being on the front, never shown surer than it was drawn."""
    return f"{100 * value:.0f} %" if 0.01 <= value <= 0.99 else "<1 %" if value < 0.5 else ">99 %"


def _percents(found: Interval) -> str:
    return f"{percent(found.low)} to {percent(found.high)}"


def _ms(found: Interval | DeviceFigure | HostTiming) -> str:
    return f"{_digits(found.low)} to {_digits(found.high)}"


def _digits(value: float) -> str:
    """A cost in three figures: two decimals from 1 on, `0.0134` below."""
    return f"{value:.2f}" if value >= 1 else f"{value:.3g}"
