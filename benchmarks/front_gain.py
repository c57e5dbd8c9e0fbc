"""How many points of accuracy a front has over each family of baselines at equal latency, and over all of them.

    python -m benchmarks.front_gain RUN

RUN is the folder of a finished search, whose baselines were trained by the recipe, for the epochs and at the
pixels of the confirmed ones. At each baseline's latency stands the front's best member that is no slower.
Between the networks of a family, accuracy is linear in the logarithm of the latency, the family's and the front's
alike; the mean over the family's range of latency weighs all ratios of latency equally. A family's networks all count;
in the sentences of the run's own report, over all baselines together, those alone that no other of them beats.
"""

import argparse
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nas.results.front import Front
from nas.results.gain import Curve, best, curve, difference, mean_along
from nas.results.member import Baseline
from nas.results.run_folder import read_front


def at(front: Curve, where: NDArray[np.float64]) -> NDArray[np.float64]:
    """Accuracy at `where` (ln ms): of the best member no slower; NaN where all are slower."""
    index = np.searchsorted(front[:, 0], where, side="right") - 1
    return np.where(index >= 0, front[np.maximum(index, 0), 1], np.nan)


def mean_gain(front: Curve, baselines: Curve) -> float:
    """Mean over the baselines' range of front minus baselines, both linear in ln ms; the front level beyond its end.

    From the front's fastest member on; NaN where all of it is slower than the baselines.
    """
    low, high = max(baselines[0, 0], front[0, 0]), baselines[-1, 0]
    return mean_along(*difference(front[:, :2], baselines[:, :2], low, high)) if low < high else float("nan")


def families(baselines: Sequence[Baseline]) -> dict[str, list[Baseline]]:
    """The baselines by family, in their order."""
    found: dict[str, list[Baseline]] = {}
    for network in baselines:
        found.setdefault(network.family, []).append(network)
    return found


def report(front: Front) -> str:
    """A Markdown table of the baselines beside the front's members, and the mean gain over each family and over all."""
    ours = best(curve(front.front))
    lines = ["| network | ms | accuracy | front, no slower | gain |", "|---|---|---|---|---|"]
    means = []
    for family, networks in families(front.baselines).items():
        theirs = curve(networks)
        found = at(ours, theirs[:, 0])
        gains = found - theirs[:, 1]
        named = sorted(networks, key=lambda network: (network.latency_ms.value, -network.accuracy.value))
        for network, accuracy, member, gain in zip(named, theirs[:, 1], found, gains, strict=True):
            lines.append(
                f"| {network.name} | {network.latency_ms.value:.2f} | {accuracy:.1f} | {member:.1f} | {gain:+.1f} |"
            )
        matched = gains[~np.isnan(gains)]
        if not len(matched):
            means.append(f"{family}: no member of the front is as fast")
            continue
        over = f"{mean_gain(ours, theirs):+.1f} in the mean over its range" if len(networks) > 1 else "one network"
        means.append(f"{family}: {matched.mean():+.1f} points at its networks' latencies ({len(matched)}), {over}")
    return "\n".join([*lines, "", *means, "", *front.gain.sentences])


def main() -> None:
    """Print the table of a run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", help="folder of a finished search")
    print(report(read_front(parser.parse_args().run)))


if __name__ == "__main__":
    main()
