"""What a report says first: the result in a sentence, its key figures, and what to know before using them."""

from nas.data.left_out import left_out_text
from nas.measures import Measure
from nas.report.devices import views
from nas.report.networks import cost_measure
from nas.report.sections.proposals import share_inside
from nas.report.text import budget_text, configuration_text, percent, plural, whole
from nas.results.costs import on_devices
from nas.results.front import Front
from nas.results.member import Member
from nas.results.ordering import cost_of, ordered

_OF = {"macs": " MACs", "params": " parameters", "weights": " of weights", "memory": " of activations"}


def headline(front: Front) -> str:
    """The result in one sentence."""
    measure = cost_measure(front)
    members = ordered(front.front, measure)
    under = f" within {budget_text(front)}" if front.budget.text else ""
    where = " and ".join(f"{view.hardware.device} ({configuration_text(view)})" for view in views(front))
    if not members:
        return f"No network was confirmed{under} on {where}."
    if front.learned is False:
        confirmed = plural(front.counts.confirmed, "confirmed network")
        return (
            f"No network learned: of {confirmed}{under} on {where}, none is above always answering the commonest class "
            "by more than luck explains."
        )
    if len(members) == 1:
        return f"One confirmed network{under} on {where}: {place(members[0], measure)}, in the mean of its seeds."
    first, last = place(members[0], measure), place(members[-1], measure)
    return f"{len(members)} confirmed networks{under} on {where}: from {first} to {last}, in the mean of their seeds."


def place(member: Member, measure: Measure) -> str:
    """A network's accuracy, the mean of its seeds, and its cost: `90.5 % at 5.2 ms`."""
    cost = f"{cost_of(member, measure).value * measure.scale:.3g} {measure.unit}{_OF.get(measure.name, '')}"
    times = [f"{found['latency_ms'].value:.3g} ms on {device}" for device, found in on_devices(member.costs).items()]
    return f"{percent(member.accuracy.value)} % at {' and '.join(times) or cost}"


def tiles(front: Front) -> list[tuple[str, str]]:
    """(value, label) of the run's key figures."""
    best = max((member.accuracy.value for member in front.front), default=None)
    count = "networks on the front" if front.learned is not False else "networks confirmed, of which none learned"
    share = share_inside(front)
    mape = max(view.hardware.error.mape_percent or 0.0 for view in views(front)) or None
    shown = [
        (str(len(front.front)), count),
        (f"{percent(best)} %" if best is not None else "-", "best confirmed accuracy, mean of its seeds"),
        (whole(front.counts.evaluated), "networks evaluated"),
        (f"{float(f'{100 * share:.2g}'):g} %", "of the space's networks fit the budget")
        if share is not None
        else (whole(front.counts.rejected_by_budget), "rejected by the budget, untrained"),
        (f"{front.hypervolume.value:.3f}", "hypervolume, of 1"),
    ]
    error = "latency error on unseen networks" + ", worst device" * bool(front.several)
    return shown + ([(f"{mape:.1f} %", error)] if mape is not None else [])


def notices(front: Front) -> list[str]:
    """What a reader must know before using the numbers, the gravest first."""
    found = [_resolution(front), *front.warnings, _extrapolation(front), _over(front), _precision(front)]
    found += [*_missing_files(front), _left_out(front), _failed(front)]
    return [notice for notice in found if notice]


def _resolution(front: Front) -> str | None:
    taken = {member.accuracy.resolution for member in front.front}
    own = {member.architecture.resolution for member in front.front}
    if not any(member.accuracy.resolution < member.architecture.resolution for member in front.front):
        return None
    return (
        f"confirm.resolution was set: the accuracies were taken at {_sizes(taken)} px, below the networks' own "
        f"{_sizes(own)} px, at which MACs and latency count."
    )


def _precision(front: Front) -> str | None:
    if front.hardware.precision == "fp32":
        return None
    return (
        f"The latencies are predicted at {front.hardware.precision}; the accuracies are those of fp32 networks. An "
        "int8 file has an accuracy of its own beside it."
    )


def _extrapolation(front: Front) -> str | None:
    beyond = sum(member.latency_ms.extrapolates for view in views(front) for member in view.front)
    if not beyond:
        return None
    return (
        f"{plural(beyond, 'predicted latency', 'predicted latencies')} on the front (marked *) "
        f"{'extrapolates' if beyond == 1 else 'extrapolate'} beyond what was measured on the device, "
        "so the stated interval may be too narrow."
    )


def _over(front: Front) -> str | None:
    """Networks that were predicted inside the budget's milliseconds and measured above them."""
    limit = front.budget.limits.get("latency_ms")
    slow = [member for member in front.front if limit is not None and member.latency_ms.value > limit]
    if not slow:
        return None
    return f"{plural(len(slow), 'network')} on the front measured above the budget of {limit:g} ms."


def _missing_files(front: Front) -> list[str]:
    """A notice for each kind of file that some network lacks, with the first reason."""
    errors: dict[str, list[str]] = {}
    for file in (file for member in front.front for file in member.files if file.error):
        kind = (
            f"quantised to {file.precision}" if file.format == "onnx" else f"exported as {file.format} {file.precision}"
        )
        errors.setdefault(kind, []).append(file.error or "")
    return [
        f"{plural(len(reasons), 'network')} on the front could not be {kind}: {reasons[0]}"
        for kind, reasons in errors.items()
    ]


def _left_out(front: Front) -> str | None:
    return f"{left_out_text(front.data.left_out)}." if front.data.left_out else None


def _failed(front: Front) -> str | None:
    failed = front.counts.failed
    return f"{plural(failed, 'training')} failed; the reasons are listed under Failed trials." if failed else None


def _sizes(sizes: set[int]) -> str:
    return " or ".join(str(size) for size in sorted(sizes))
