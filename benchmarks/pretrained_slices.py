"""What pretrained weights give the same networks in the same training, and how cheap judgements rank these.

    python -m benchmarks.pretrained_slices --networks 8 --images 5000 --epochs 3

Networks of the space `lite`, spread over MACs, are trained at `--pixels` on CIFAR-10 of the data folder
(`NAS_DATA_DIR`, default `../shared/data`) for the same epochs: from what is cut out of `--init` and fitted to the
images, and from random weights, each by the product's own recipe for it; before, `proxy=probe` judges them. Each is
judged by the 5,000 validation images. One thread of one process; measurements are appended to `--results` at once, and
those that are there are not made again. `--compare probe` leaves out the random weights, to rank more networks; and
`--compare shared` takes another training in their place, from the shared weights.

With `--shared 20` weights that all of them share are trained as `proxy=supernet` does, for so many passes over the
images, and judge the networks too.
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
from benchmarks.search_settings import search_settings
from nas.data.views import TrainingResolution
from nas.errors import NasError
from nas.nets.device import use_one_thread
from nas.nets.pretrained import load
from nas.nets.start import FromWeights
from nas.proxies.base import Evaluator
from nas.proxies.probe import Probe
from nas.proxies.supernet import SharedAccuracy, SupernetProxy
from nas.search.settings import SearchSettings
from nas.spaces.architecture import Architecture
from nas.spaces.cost import cost
from nas.spaces.load import load_space
from nas.spaces.space import SearchSpace
from nas.training.long import LongTraining, Start
from nas.training.start import FittedStart
from nas.training.supernet.train import train_supernet
from nas.training.supernet.weights import FromShared, SharedWeights

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


def shared_weights(
    space: SearchSpace, start: FittedStart, settings: SearchSettings, given: argparse.Namespace
) -> SharedWeights:
    """Those of `space` at `--pixels`, trained or found beside the results."""
    proxy = settings.proxy
    assert isinstance(proxy, SupernetProxy)
    of_size = replace(space, choices=replace(space.choices, resolution=(given.pixels,)))
    begun, path = replace(start.weights, space=of_size), given.results.with_suffix(f".{given.shared}.pt")
    recipe = proxy.recipe(settings.training, given.images, pretrained=True)
    seconds = train_supernet(of_size, start.pictures, recipe, start.scale, given.seed, path, start=begun)
    print(f"shared weights: {seconds:.0f} s", file=sys.stderr, flush=True)
    seen = replace(start.pictures, val_limit=proxy.validation)
    return SharedWeights(of_size, seen, path, start.scale, proxy.calibration, start=begun)


def measure(
    name: str,
    arch: Architecture,
    start: FittedStart,
    shared: SharedWeights | None,
    settings: SearchSettings,
    given: argparse.Namespace,
) -> dict[str, Any]:
    """What is asked for of one network by `name`: an accuracy in 0..1 and seconds, and a worth where it has one."""

    def judged(evaluator: Evaluator) -> dict[str, Any]:
        found = evaluator(arch)
        return {name: found.accuracy, f"{name}_worth": found.rank_value, f"{name}_seconds": round(found.seconds, 1)}

    if name == "probe":
        return judged(Probe(start, given.seed))
    if name == "shared":
        assert shared is not None
        return judged(SharedAccuracy(shared))
    begin: Start | None = start if name == "pretrained" else None
    if name == "from_shared":
        assert shared is not None
        begin = FromShared(shared, "")
    recipe = settings.training.recipe(
        given.epochs, settings.confirm.batch_size, settings.confirm.learning_rate, pretrained=begin is not None
    )
    with tempfile.TemporaryDirectory() as folder:
        found = LongTraining(start.pictures, recipe, start.scale, Path(folder), begin)(arch, given.seed)
    return {name: found.val, f"{name}_seconds": round(found.seconds, 1)}


def summary(rows: Sequence[Row]) -> list[str]:
    """The gains of one start over another, and how the cheap ones rank, each with a 95 % interval or a count."""
    said = []
    for one, other, what in (
        ("pretrained", "random", "pretrained over random weights"),
        ("from_shared", "pretrained", "from shared over from fitted weights"),
    ):
        gains = [100 * (row[one] - row[other]) for row in rows if one in row and other in row]
        if len(gains) > 1:
            said.append(
                f"{what}: {np.mean(gains):+.1f} ± {half_width(gains):.1f} points in the mean of "
                f"{len(gains)} networks, {min(gains):+.1f} to {max(gains):+.1f}"
            )
    tuned = [row["pretrained"] for row in rows]
    for name in ("probe_worth", "probe", "shared_worth", "shared", "macs"):
        if name not in rows[0]:
            continue
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
    parser.add_argument("--compare", choices=("random", "probe", "shared"), default="random")
    parser.add_argument("--shared", type=int, help="passes over the images of weights that all networks share")
    parser.add_argument("--results", type=Path, default=Path("build/benchmarks/pretrained_slices.jsonl"))
    parser.add_argument("--cache", type=Path, default=Path("build/benchmarks/images"), help="folder of the images")
    parser.add_argument("words", nargs="*", help="settings of nas.search, such as training.ema=0.99")
    given = parser.parse_args(arguments)
    if given.compare == "shared" and not given.shared:
        parser.error("--compare shared needs --shared")
    use_one_thread()
    for folder in (given.cache, given.results.parent):
        folder.mkdir(parents=True, exist_ok=True)
    words = [*given.words, f"init={given.init}", "proxy=supernet", f"proxy.epochs={given.shared or 'null'}"]
    settings = search_settings(words)
    space = load_space("lite").with_data(3, 10)
    pictures = replace(cifar10(given.cache, 32), limit=given.images, statistics=load(given.init).statistics(3))
    start = FittedStart(FromWeights.of((given.init,), space), pictures, TrainingResolution(given.pixels, given.pixels))
    shared = shared_weights(space, start, settings, given) if given.shared else None
    asked = {name: getattr(given, name) for name in ("images", "epochs", "pixels", "init", "seed", "words")}
    wanted = ["probe", *(["shared"] if shared else []), "pretrained"]
    wanted += {"random": ["random"], "shared": ["from_shared"], "probe": []}[given.compare]
    lines = given.results.read_text(encoding="utf-8").splitlines() if given.results.exists() else []
    there: dict[str, dict[str, Any]] = {}
    for line in map(json.loads, lines):
        if line.pop("asked") == asked and line.pop("shared_epochs", given.shared) == given.shared:
            there.setdefault(line["network"], {}).update(line)
    rows = []
    for arch in networks(space, given.pixels, given.networks, given.seed):
        row = there.setdefault(arch.notation, {}) | {"macs": cost(arch).macs, "network": arch.notation}
        for name in wanted:
            if name in row:
                continue
            found = {"network": arch.notation, **measure(name, arch, start, shared, settings, given)}
            row |= found
            if "shared" in name:
                found["shared_epochs"] = given.shared
            with given.results.open("a", encoding="utf-8") as file:
                file.write(json.dumps({**found, "asked": asked, "machine": machine(), "versions": versions()}) + "\n")
            print(json.dumps(found), file=sys.stderr, flush=True)
        rows.append(row)
    print(f"| MACs | {' | '.join(wanted)} |\n|---{'|---' * len(wanted)}|")
    for row in rows:
        print(f"| {row['macs'] / 1e6:.1f}M | {' | '.join(f'{100 * row[name]:.1f}' for name in wanted)} |")
    print("", *summary(rows), sep="\n")


if __name__ == "__main__":
    try:
        main()
    except NasError as error:
        sys.exit(f"error: {error}")
