"""Confirmed networks and baselines in the form of front.json."""

from collections.abc import Mapping, Sequence
from typing import Any

from nas.measures import PREDICTED, Interval
from nas.problem import Candidate, Problem
from nas.results.costs import DEVICES, Costs, DeviceFigure
from nas.results.member import Accuracy, Baseline, Member
from nas.search.confirm.intervals import accuracy_intervals
from nas.search.confirm.network import Confirmed
from nas.spaces.cost import COUNTED


def accuracies(networks: Sequence[Confirmed]) -> list[tuple[Accuracy, Interval]]:
    """Accuracy on the test split, and on the validation split, of networks that were tested."""
    if not networks:
        return []
    test = accuracy_intervals(
        [[judged.accuracy for judged in network.tested] for network in networks], networks[0].tested[0].images
    )
    val = accuracy_intervals(
        [[trained.val for trained in network.trainings] for network in networks], networks[0].trainings[0].images
    )
    return [
        (
            Accuracy(
                *(mean.value, mean.low, mean.high),
                how="confirmed",
                seeds=len(network.tested),
                resolution=network.trainings[0].resolution,
            ),
            cheap,
        )
        for network, mean, cheap in zip(networks, test, val, strict=True)
    ]


def member(network: Confirmed, costs: Costs, accuracy: Accuracy, val_accuracy: Interval, probability: float) -> Member:
    """A confirmed network; `probability` is that of being on the front."""
    paths = {(file.format, file.precision): file.path for file in network.files}
    return Member(
        key=network.architecture.key,
        notation=network.architecture.notation,
        architecture=network.architecture,
        costs=costs,
        accuracy=accuracy,
        val_accuracy=val_accuracy,
        probability=probability,
        onnx=paths.get(("onnx", "fp32")),
        onnx_int8=paths.get(("onnx", "int8")),
        files=network.files,
        weights=network.weights,
    )


def baseline(problem: Problem, name: str, network: Confirmed, accuracy: Accuracy) -> Baseline:
    """A network to compare with."""
    candidate = problem.candidate(network.architecture)
    return Baseline(
        name=name,
        architecture=network.architecture,
        costs=network_costs(candidate, network.measured),
        accuracy=accuracy,
    )


def network_costs(candidate: Candidate, latency: Interval | None = None) -> Costs:
    """What a network costs, by field; its `latency`, where it was measured, beside the prediction."""
    known = candidate.figures
    found: dict[str, Any] = {field: known[field] for field in COUNTED}
    measured = {"latency_ms": latency}
    found |= {field: _figure(known, field, measured.get(field)) for field in PREDICTED if field in known}
    if names := dict.fromkeys(name for field in known for name in [field.partition(":")[2]] if name):
        on_each = {
            name: {field: _figure(known, field, None, f":{name}") for field in PREDICTED if f"{field}:{name}" in known}
            for name in names
        }
        return {**found, DEVICES: on_each}
    return found


def _figure(known: Mapping[str, Any], field: str, measured: Interval | None, suffix: str = "") -> DeviceFigure:
    """The figure of a measure that is predicted; `suffix`: of one of several devices, as in its fields."""
    names = (field, *(PREDICTED[field].predicted or ()))
    value, low, high, in_range = (known[name + suffix] for name in names)
    if measured is None:
        return DeviceFigure(value, low, high, "predicted", in_range)
    predicted = Interval(value, low, high)
    return DeviceFigure(measured.value, measured.low, measured.high, "measured", in_range, predicted)
