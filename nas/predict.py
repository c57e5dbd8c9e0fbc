"""`python -m nas.predict hardware=pixel4 arch=mobilenet_v2`: cost and predicted latency of one network."""

import json
from dataclasses import dataclass
from typing import Literal

from nas.commandline import Invocation, command, warn
from nas.latency.doubtful import doubtful_times
from nas.latency.predictor import Latency, latency
from nas.latency.profile import HardwareProfile, load_profile
from nas.results.named import find_architecture
from nas.spaces.cost import Cost, cost


@dataclass(frozen=True, slots=True)
class PredictSettings:
    """What `nas.predict` can be told."""

    hardware: str
    """A profile's name, name:configuration (pixel4:1large_int8), or a folder."""
    arch: str
    """mobilenet_v1, mobilenet_v2 (with _w0.75 and _r192), a JSON file, an exported ONNX file, a notation, or a member
    of a run, as RUN#2 or RUN#KEY."""
    format: Literal["text", "json"]
    """text, or json."""
    member: int | str | None = None
    """Where arch is the folder of a run or its front.json: which network, by its number in the front, or its key."""


def main(settings: PredictSettings, _: Invocation) -> None:
    """Print the prediction: one line to read, or one JSON object."""
    profile, arch = load_profile(settings.hardware), find_architecture(settings.arch, settings.member)
    for doubt in doubtful_times(profile):
        warn(doubt)
    costs, predicted = cost(arch, profile.precision), latency(arch, profile)
    if settings.format == "json":
        print(_json(settings, costs, predicted))
    else:
        print(_text(settings, profile, costs, predicted))


def _json(settings: PredictSettings, costs: Cost, predicted: Latency) -> str:
    return json.dumps(
        {
            "arch": settings.arch,
            "macs": costs.macs,
            "params": costs.params,
            "latency_ms": {"value": predicted.ms, "low": predicted.low, "high": predicted.high},
            "in_range": predicted.in_range,
            "reasons": list(predicted.reasons),
        }
    )


def _text(settings: PredictSettings, profile: HardwareProfile, costs: Cost, predicted: Latency) -> str:
    line = (
        f"{settings.arch} on {profile.label}: {predicted.ms:.2f} ms (90 % interval {predicted.low:.2f} to "
        f"{predicted.high:.2f}), {costs.macs / 1e6:.1f}M MACs, {costs.params / 1e6:.2f}M params"
    )
    if predicted.in_range:
        return line
    others = f" (and {len(predicted.reasons) - 1} more)" if len(predicted.reasons) > 1 else ""
    return f"{line}; beyond what was measured: {predicted.reasons[0]}{others}"


if __name__ == "__main__":
    command("predict", PredictSettings, main)
