"""Every published network on this machine and on every profile: docs/networks_speed.md.

    python -m benchmarks.networks --seconds 2

Networks are timed by ONNX Runtime in fp32 on one thread, with random weights, batch norm folded, `--rounds` times in
turn, of which the fastest median counts: a neighbour on the machine only ever makes it slower. Predictions are those of
`nas.predict`; a profile that never measured a kind of layer has none.
"""

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from scipy import stats

from benchmarks.search_efficiency import machine, versions
from nas.errors import ProfileError
from nas.latency.predictor import latency
from nas.latency.profile import load_profile
from nas.recording.graph import network_graph
from nas.recording.host_timing import time_model
from nas.resources import data_dir, replace_file
from nas.spaces.baselines import baseline
from nas.spaces.catalogue import NETWORKS
from nas.spaces.cost import cost

PAGE = Path(__file__).resolve().parent.parent / "docs" / "networks_speed.md"
HERE = "this host, measured"
MISLED = 3

Times = Mapping[str, Mapping[str, float]]
"""Milliseconds by device and network."""


def predicted() -> dict[str, dict[str, float]]:
    """Milliseconds that every shipped profile predicts, by its label."""
    found: dict[str, dict[str, float]] = {}
    for folder in sorted(data_dir("hardware_profiles").iterdir()):
        if not (folder / "profile.yaml").is_file():
            continue
        profile = load_profile(folder.name)
        column = found.setdefault(profile.label, {})
        for name in NETWORKS:
            try:
                column[name] = latency(baseline(name), profile).ms
            except ProfileError:
                continue
    return found


def measured(seconds: float, rounds: int) -> dict[str, float]:
    """Milliseconds of every network on this machine."""
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in NETWORKS:
            model = network_graph(baseline(name))
            (Path(folder) / f"{name}.onnx").write_bytes(model.SerializeToString())
        for _ in range(rounds):
            for name in NETWORKS:
                path = Path(folder) / f"{name}.onnx"
                ms = time_model(path, baseline(name).resolution, seconds=seconds).median
                found[name] = min(ms, found.get(name, ms))
    return found


def page(times: Times, about: str) -> str:
    """The page."""
    macs = {name: cost(baseline(name)).macs for name in NETWORKS}
    lines = [
        "# Published networks: MACs and milliseconds\n",
        f"<!-- Made by `python -m benchmarks.networks`. -->\n\n{about}\n",
        f"| network | MACs | {' | '.join(times)} |\n|---|---|{'---|' * len(times)}",
    ]
    for name in NETWORKS:
        cells = [f"{column[name]:.2f}" if name in column else "" for column in times.values()]
        lines.append(f"| `{name}` | {macs[name] / 1e6:.1f}M | {' | '.join(cells)} |")
    lines += [
        "\nA device has no figure where its profile never measured a kind of layer of the network.\n",
        "## How far MACs tell milliseconds\n",
        "Spearman's rank correlation of MACs with each device's milliseconds, and the networks that take longest and "
        "least for their MACs: how many times what a straight line through the logarithms gives.\n",
        "| device | networks | correlation | slower than MACs say | faster |\n|---|---|---|---|---|",
    ]
    lines += [_row(device, column, macs) for device, column in times.items()]
    return "\n".join(lines) + "\n"


def _row(device: str, column: Mapping[str, float], macs: Mapping[str, int]) -> str:
    names = list(column)
    x, y = np.log([macs[name] for name in names]), np.log(list(column.values()))
    line = stats.linregress(x, y)
    ratios = np.exp(y - line.intercept - line.slope * x)
    order = np.argsort(ratios)
    slow, fast = (_listed([(names[i], ratios[i]) for i in some]) for some in (order[::-1][:MISLED], order[:MISLED]))
    return f"| {device} | {len(names)} | {stats.spearmanr(x, y).statistic:.3f} | {slow} | {fast} |"


def _listed(found: Sequence[tuple[str, float]]) -> str:
    return ", ".join(f"`{name}` {ratio:.2f}" for name, ratio in found)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, predict, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each network in each round")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--page", type=Path, default=PAGE)
    given = parser.parse_args(arguments)
    times = {HERE: measured(given.seconds, given.rounds), **predicted()}
    about = (
        f"Milliseconds at batch 1. Measured: {machine()}, fp32, one thread, the faster of {given.rounds} rounds of "
        f"{given.seconds:g} s each, {versions()}. Predicted by the shipped profiles, whose errors are in "
        "[latency.md](latency.md)."
    )
    replace_file(given.page, page(times, about).encode())
    print(given.page)


if __name__ == "__main__":
    main()
