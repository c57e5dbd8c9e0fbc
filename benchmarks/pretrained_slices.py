"""What pretrained weights give the same networks in the same training, and how a probe of them ranks these.

    python -m benchmarks.pretrained_slices --networks 8 --images 5000 --epochs 3

Networks of the space `lite`, spread over MACs, are trained at `--pixels` on CIFAR-10 of the data folder
(`NAS_DATA_DIR`, default `../shared/data`) for the same epochs: from what is cut out of `--init` and fitted to the
images, and from random weights, each by the product's own recipe for it; before, `proxy=probe` judges them. Each is
judged by the 5,000 validation images. One thread of one process; measurements are appended to `--results` at once, and
those that are there are not made again. `--compare probe` leaves out the random weights, to rank more networks.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from benchmarks.intervals import half_width
from benchmarks.proxy_fidelity import cifar10
from benchmarks.search_efficiency import machine, versions
from nas.commandline import parse
from nas.commandline.composing import compose, read_arguments
from nas.data.views import TrainingResolution
from nas.errors import NasError
from nas.nets.device import use_one_thread
from nas.nets.pretrained import load
from nas.nets.start import FromWeights
from nas.proxies.probe import Probe
from nas.search.settings import SearchSettings
from nas.spaces.architecture import Architecture
from nas.spaces.cost import cost
from nas.spaces.load import load_space
from nas.spaces.space import SearchSpace
from nas.training.long import LongTraining, Start
from nas.training.start import FittedStart

Row = Mapping[str, Any]
"""What was measured of a network: accuracies in 0..1 and seconds by name."""


def networks(space: SearchSpace, pixels: int, count: int, seed: int) -> list[Architecture]:
    """`count` networks at `pixels`, evenly spread over the logarithm of MACs."""
    rows = space.sample(np.random.default_rng(seed), 40 * count)
    found = {replace(space.architecture(row), resolution=pixels) for row in rows}
    ordered = sorted(found, key=lambda arch: (cost(arch).macs, arch.key))
    wanted = np.geomspace(cost(ordered[0]).macs, cost(ordered[-1]).macs, count)
    places = np.searchsorted([cost(arch).macs for arch in ordered], wanted)
    return [ordered[min(int(place), len(ordered) - 1)] for place in places]


def measure(
    arch: Architecture, start: FittedStart, settings: SearchSettings, given: argparse.Namespace, folder: Path
) -> dict[str, Any]:
    """All that is asked for of one network."""

    def trained(begin: Start | None) -> tuple[float, float]:
        recipe = settings.training.recipe(
            given.epochs, settings.confirm.batch_size, settings.confirm.learning_rate, pretrained=begin is not None
        )
        found = LongTraining(start.pictures, recipe, start.scale, folder, begin)(arch, given.seed)
        return found.val, round(found.seconds, 1)

    probed = Probe(start, given.seed)(arch)
    row: dict[str, Any] = {"macs": cost(arch).macs, "network": arch.notation}
    row |= {"probe": probed.accuracy, "probe_worth": probed.rank_value, "probe_seconds": round(probed.seconds, 1)}
    row["pretrained"], row["pretrained_seconds"] = trained(start)
    if given.compare == "random":
        row["random"], row["random_seconds"] = trained(None)
    return row


def summary(rows: Sequence[Row]) -> list[str]:
    """The gain over random weights, and how the probe ranks, each with a 95 % interval or a count."""
    said = []
    both = [(row["pretrained"], row["random"]) for row in rows if "random" in row]
    if len(both) > 1:
        gains = [100 * (one - other) for one, other in both]
        said.append(
            f"pretrained over random weights: {np.mean(gains):+.1f} ± {half_width(gains):.1f} points in the mean of "
            f"{len(gains)} networks, {min(gains):+.1f} to {max(gains):+.1f}"
        )
    tuned = [row["pretrained"] for row in rows]
    for name in ("probe_worth", "probe", "macs"):
        tau = stats.kendalltau([row[name] for row in rows], tuned).statistic
        said.append(f"Kendall's tau of {name} with the fine-tuned accuracy: {tau:.2f}, {len(rows)} networks")
    return said


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is missing, and print a table of all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", type=int, default=8)
    parser.add_argument("--images", type=int, default=5000, help="training images")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--pixels", type=int, default=96)
    parser.add_argument("--init", default="efficientnet_lite2")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--compare", choices=("random", "probe"), default="random")
    parser.add_argument("--results", type=Path, default=Path("build/benchmarks/pretrained_slices.jsonl"))
    parser.add_argument("--cache", type=Path, default=Path("build/benchmarks/images"), help="folder of the images")
    parser.add_argument("words", nargs="*", help="settings of nas.search, such as training.ema=0.99")
    given = parser.parse_args(arguments)
    use_one_thread()
    for folder in (given.cache, given.results.parent):
        folder.mkdir(parents=True, exist_ok=True)
    settings = parse(compose("search", SearchSettings, read_arguments(given.words))[0], SearchSettings)
    space = load_space("lite").with_data(3, 10)
    pictures = replace(cifar10(given.cache, 32), limit=given.images, statistics=load(given.init).statistics(3))
    start = FittedStart(FromWeights.of((given.init,), space), pictures, TrainingResolution(given.pixels, given.pixels))
    asked = {name: getattr(given, name) for name in ("images", "epochs", "pixels", "init", "seed", "compare", "words")}
    lines = given.results.read_text(encoding="utf-8").splitlines() if given.results.exists() else []
    there = {row["network"]: row for row in map(json.loads, lines) if row["asked"] == asked}
    rows = []
    for arch in networks(space, given.pixels, given.networks, given.seed):
        if arch.notation not in there:
            with tempfile.TemporaryDirectory() as folder:
                row = measure(arch, start, settings, given, Path(folder))
            there[arch.notation] = row
            with given.results.open("a", encoding="utf-8") as file:
                file.write(json.dumps({**row, "asked": asked, "machine": machine(), "versions": versions()}) + "\n")
            print(json.dumps(row), file=sys.stderr, flush=True)
        rows.append(there[arch.notation])
    print("| MACs | probe | pretrained | random |\n|---|---|---|---|")
    for row in rows:
        cells = [f"{100 * row[name]:.1f}" if name in row else "" for name in ("probe", "pretrained", "random")]
        print(f"| {row['macs'] / 1e6:.1f}M | {' | '.join(cells)} |")
    print("", *summary(rows), sep="\n")


if __name__ == "__main__":
    try:
        main()
    except NasError as error:
        sys.exit(f"error: {error}")
