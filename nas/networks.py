"""`python -m nas.networks`: the published networks, with what they cost and how fast a device would run them."""

import json
from dataclasses import dataclass
from typing import Literal

from nas.commandline import Invocation, command
from nas.errors import ProfileError
from nas.latency.predictor import Latency, latency
from nas.latency.profile import HardwareProfile, load_profile
from nas.reading.words import cut
from nas.spaces.baselines import baseline
from nas.spaces.catalogue import NETWORKS
from nas.spaces.catalogue.published import Published
from nas.spaces.cost import Cost, cost


@dataclass(frozen=True, slots=True)
class NetworksSettings:
    """What `nas.networks` can be told."""

    hardware: str | None
    """A profile whose milliseconds are shown too: a name such as pixel4, name:configuration, or a folder; null for
    none."""
    format: Literal["text", "json"]
    """text, or json."""


@dataclass(frozen=True, slots=True)
class Row:
    """One network: its cost, and what a profile predicts, or why it cannot."""

    name: str
    published: Published
    resolution: int
    costs: Cost
    predicted: Latency | None = None
    refused: str = ""


def rows(profile: HardwareProfile | None) -> list[Row]:
    """Every network of the catalogue at width 1, as `profile` would run it."""
    return [_row(name, published, profile) for name, published in NETWORKS.items()]


def _row(name: str, published: Published, profile: HardwareProfile | None) -> Row:
    arch = baseline(name)
    costs = cost(arch, profile.precision if profile else "fp32")
    if profile is None:
        return Row(name, published, arch.resolution, costs)
    try:
        return Row(name, published, arch.resolution, costs, latency(arch, profile))
    except ProfileError as error:
        return Row(name, published, arch.resolution, costs, refused=str(error))


def main(settings: NetworksSettings, _: Invocation) -> None:
    """Print the table, or one JSON object a line."""
    profile = None if settings.hardware is None else load_profile(settings.hardware)
    found = rows(profile)
    print("\n".join(_json(row) for row in found) if settings.format == "json" else _text(found, profile))


def _json(row: Row) -> str:
    predicted = row.predicted
    return json.dumps(
        {
            "arch": row.name,
            "resolution": row.resolution,
            "macs": row.costs.macs,
            "params": row.costs.params,
            "latency_ms": predicted and {"value": predicted.ms, "low": predicted.low, "high": predicted.high},
            "in_range": predicted and predicted.in_range,
            "refused": row.refused or None,
            "published": {"macs_m": row.published.macs_m, "params_m": row.published.params_m},
            "source": row.published.source,
            "differs": row.published.why or None,
        }
    )


def _text(found: list[Row], profile: HardwareProfile | None) -> str:
    ms = f"  ms on {profile.label}" if profile else ""
    lines = [f"{'network':<26}{'pixels':>7}{'MACs':>10}{'params':>9}{ms}"]
    for row in found:
        line = f"{row.name:<26}{row.resolution:>7}{row.costs.macs / 1e6:>9.1f}M{row.costs.params / 1e6:>8.2f}M"
        lines.append(line + (f"  {_milliseconds(row)}" if profile else ""))
    lines.append(
        "each also with _w0.75 (width, where it has one), _s8 (total stride) and _r192 (pixels), as arch= takes them"
    )
    return "\n".join(lines)


def _milliseconds(row: Row) -> str:
    if row.predicted is None:
        return f"none: {cut(row.refused, 110)}"
    beyond = "" if row.predicted.in_range else ", beyond what was measured"
    return f"{row.predicted.ms:.2f} ({row.predicted.low:.2f} to {row.predicted.high:.2f}{beyond})"


if __name__ == "__main__":
    command("networks", NetworksSettings, main)
