"""`python -m nas.predict hardware=pixel4 arch=mobilenet_v2`: cost and predicted latency of one network."""

import json
import os
from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge

from nas.commandline import Invocation, command, warn
from nas.latency.doubtful import doubtful_times
from nas.latency.energy import energy_predictor
from nas.latency.predictor import Latency, latency
from nas.latency.profile import HardwareProfile, at_batch, load_profile
from nas.spaces.architecture import Architecture
from nas.spaces.baselines import load_architecture
from nas.spaces.cost import Cost, cost


@dataclass(frozen=True, slots=True)
class PredictSettings:
    """What `nas.predict` can be told."""

    hardware: str
    """A profile's name, name:configuration such as pixel4:1large_int8, or a folder."""
    arch: str
    """A network such as mobilenet_v2_w0.75_r192 (`nas.networks` lists them), a JSON file, an exported ONNX file, a
    notation, or a member of a run, as RUN#2 or RUN#KEY."""
    format: Literal["text", "json"]
    """text, or json."""
    member: int | str | None = None
    """Where arch is the folder of a run or its front.json: which network, such as 2, by its number in the front, or its
    key."""
    batch: Annotated[int, Ge(1)] | None = None
    """Images of an inference, such as 8, where the profile was measured so; null: as `hardware` says."""


def main(settings: PredictSettings, _: Invocation) -> None:
    """Print the prediction: one line to read, or one JSON object."""
    profile = load_profile(at_batch(settings.hardware, settings.batch))
    arch = _architecture(settings.arch, settings.member)
    for doubt in doubtful_times(profile):
        warn(doubt)
    costs, predicted = cost(arch, profile.precision), latency(arch, profile)
    millijoules = energy_predictor(profile)
    energy = None if millijoules is None else millijoules(arch)
    if settings.format == "json":
        print(_json(settings, costs, predicted, energy))
    else:
        print(_text(settings, profile, costs, predicted, energy))


def _architecture(arch: str, member: int | str | None) -> Architecture:
    if member is None and "#" not in arch and not os.path.exists(os.path.expanduser(arch)):
        return load_architecture(arch)

    from nas.results.named import find_architecture  # what reads runs, which a name does without

    return find_architecture(arch, member)


def _json(settings: PredictSettings, costs: Cost, predicted: Latency, energy: Latency | None) -> str:
    further = {} if energy is None else {"energy_mj": {**_interval(energy), "in_range": energy.in_range}}
    return json.dumps(
        {
            "arch": settings.arch,
            "macs": costs.macs,
            "params": costs.params,
            "latency_ms": _interval(predicted),
            "in_range": predicted.in_range,
            "reasons": list(predicted.reasons),
            **further,
        }
    )


def _images(profile: HardwareProfile) -> str:
    return f" for {profile.batch} images" if profile.batch > 1 else ""


def _interval(found: Latency) -> dict[str, float]:
    return {"value": found.ms, "low": found.low, "high": found.high}


def _text(
    settings: PredictSettings, profile: HardwareProfile, costs: Cost, predicted: Latency, energy: Latency | None
) -> str:
    joules = "" if energy is None else f"{energy.ms:.3g} mJ ({energy.low:.3g} to {energy.high:.3g}), "
    line = (
        f"{settings.arch} on {profile.label}: {predicted.ms:.2f} ms{_images(profile)} (90 % interval "
        f"{predicted.low:.2f} to {predicted.high:.2f}), {joules}{costs.macs / 1e6:.1f}M MACs, "
        f"{costs.params / 1e6:.2f}M params"
    )
    if predicted.in_range:
        return line
    others = f" (and {len(predicted.reasons) - 1} more)" if len(predicted.reasons) > 1 else ""
    return f"{line}; beyond what was measured: {predicted.reasons[0]}{others}"


if __name__ == "__main__":
    command("predict", PredictSettings, main)
