"""Confirmed networks and baselines in the form of front.json."""

from collections.abc import Sequence

from nas.measures import Interval
from nas.problem import Candidate, Problem
from nas.results.member import Accuracy, Baseline, LatencyFigure, Member
from nas.search.confirm.intervals import accuracy_intervals
from nas.search.confirm.network import Confirmed


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


def member(
    problem: Problem, network: Confirmed, accuracy: Accuracy, val_accuracy: Interval, probability: float
) -> Member:
    """A confirmed network; `probability` is that of being on the front."""
    candidate = problem.candidate(network.architecture)
    paths = {(file.format, file.precision): file.path for file in network.files}
    return Member(
        key=candidate.key,
        notation=candidate.notation,
        architecture=network.architecture,
        macs=candidate.macs,
        params=candidate.params,
        weight_bytes=candidate.weight_bytes,
        peak_activation_bytes=candidate.peak_activation_bytes,
        latency_ms=latency_figure(candidate, network.measured),
        accuracy=accuracy,
        val_accuracy=val_accuracy,
        probability=probability,
        onnx=paths.get(("onnx", "fp32")),
        onnx_int8=paths.get(("onnx", "int8")),
        files=network.files,
    )


def baseline(problem: Problem, name: str, network: Confirmed, accuracy: Accuracy) -> Baseline:
    """A network to compare with."""
    candidate = problem.candidate(network.architecture)
    return Baseline(
        name=name,
        architecture=network.architecture,
        macs=candidate.macs,
        params=candidate.params,
        weight_bytes=candidate.weight_bytes,
        peak_activation_bytes=candidate.peak_activation_bytes,
        latency_ms=latency_figure(candidate, network.measured),
        accuracy=accuracy,
    )


def latency_figure(candidate: Candidate, measured: Interval | None = None) -> LatencyFigure:
    """What was `measured`, beside its prediction; without it the prediction."""
    predicted = Interval(candidate.latency_ms, candidate.latency_low_ms, candidate.latency_high_ms)
    if measured is None:
        return LatencyFigure(predicted.value, predicted.low, predicted.high, "predicted", candidate.in_range)
    return LatencyFigure(measured.value, measured.low, measured.high, "measured", candidate.in_range, predicted)
