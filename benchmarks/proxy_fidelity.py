"""How well each proxy ranks networks whose accuracy is known, and what it costs: NAS-Bench-Macro on CIFAR-10.

    python -m benchmarks.proxy_fidelity --networks 64

Networks are drawn uniformly from the 3,969 distinct ones; the truth is the mean of their two full trainings. A proxy
sees the 25,000 images of the data folder (`NAS_DATA_DIR`, default `../shared/data`), 20,000 of them to train on, and
runs in one thread on one device. What is measured is appended to a file of `--results` at once, so that an
interrupted run goes on; a table is printed in the end. `--supernet FILE` is a checkpoint of `train_supernet`; where
it is not there or not finished, it is trained for `--supernet-minutes`.
"""

import argparse
import csv
import json
import os
import shutil
import sys
import time
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from benchmarks.fidelity_table import Network, table
from benchmarks.search_efficiency import machine, versions
from benchmarks.search_settings import search_settings
from benchmarks.tables import data_file
from nas.data.prepare import prepare
from nas.data.settings import DataSettings
from nas.data.views import ImageView, TrainingResolution
from nas.errors import DataError, NasError
from nas.nets.device import ACCELERATORS, device_of, use_one_thread
from nas.proxies.base import Evaluator
from nas.proxies.score import RankedByScores
from nas.proxies.scores import SCORES
from nas.proxies.scores.evaluate import TrainingFree
from nas.proxies.scores.population import ScorePopulation
from nas.proxies.short import ShortTraining, correct_accuracy
from nas.proxies.supernet import SHARED, RankedByBoth, SharedAccuracy, SupernetProxy
from nas.resources import data_dir
from nas.spaces.architecture import Architecture
from nas.spaces.load import load_space
from nas.training.recipe import Recipe
from nas.training.supernet.train import train_supernet
from nas.training.supernet.weights import SharedWeights

PIXELS = 32
POPULATION = 64
"""Networks that those of interest are compared with, where each needs a figure of its own."""
Images = Callable[[int], ImageView]
"""The images of CIFAR-10 at this number of pixels."""
MEASUREMENTS = ("scores", "short", "supernet")


@dataclass(frozen=True, slots=True)
class Measurement:
    """Something to measure on each network: `call` gives values and, as `<name>_seconds`, their wall-clock seconds.

    `settings` are all that the values depend on: records of other settings are not of this measurement.
    """

    name: str
    settings: Mapping[str, Any]
    call: Callable[[Architecture], Mapping[str, float]]

    @property
    def key(self) -> str:
        """The settings as text."""
        return json.dumps(self.settings, sort_keys=True, default=str)


def draw(n: int, seed: int) -> list[Network]:
    """`n` of the distinct networks, uniformly and without repeats.

    Raises:
        DataError: there are fewer, or no table.
    """
    with data_file("nas_bench_macro/nas_bench_macro.csv").open(newline="") as file:
        trainings = {row["canonical"]: (float(row["acc1"]), float(row["acc2"])) for row in csv.DictReader(file)}
    space, distinct = load_space("nas_bench_macro"), sorted(trainings)
    if n > len(distinct):
        raise DataError(f"NAS-Bench-Macro has {len(distinct)} distinct networks, {n} were asked for")
    chosen = [distinct[i] for i in np.random.default_rng(seed).choice(len(distinct), n, replace=False)]
    return [Network(digits, space.architecture([int(d) for d in digits]), trainings[digits]) for digits in chosen]


def measure(networks: Iterable[Network], measurement: Measurement, path: Path) -> None:
    """Append a record of every network that `path` has none of."""
    done = read(path, [measurement])[measurement.name]
    missing = [network for network in networks if network.canonical not in done]
    for count, network in enumerate(missing, start=1):
        values = measurement.call(network.arch)
        record = {"measurement": measurement.name, "settings": measurement.key, "canonical": network.canonical}
        cut = path.exists() and not path.read_bytes().endswith(b"\n")
        with path.open("a", encoding="utf-8") as file:
            file.write("\n" * cut + json.dumps({**record, "values": values}) + "\n")
        print(f"{measurement.name} {count}/{len(missing)} {network.canonical}", file=sys.stderr, flush=True)


def read(path: Path, measurements: Iterable[Measurement]) -> dict[str, dict[str, Mapping[str, float]]]:
    """The values by measurement and network; a line that a kill cut short is left out."""
    keys = {measurement.name: measurement.key for measurement in measurements}
    found: dict[str, dict[str, Mapping[str, float]]] = {name: {} for name in keys}
    for line in path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else ():
        if line.endswith("}\n"):
            record = json.loads(line)
            if keys.get(record["measurement"]) == record["settings"]:
                found[record["measurement"]][record["canonical"]] = record["values"]
    return found


def photographs(cache: Path) -> Path:
    """The CIFAR-10 images of the data folder, unpacked once below `cache`: train/<class>/ and val/<class>/."""
    folder = cache / "cifar10"
    if not folder.exists():
        part = cache / f"cifar10.{os.getpid()}.part"
        with zipfile.ZipFile(data_file("cifar10/cifar10_25k.zip")) as archive:
            archive.extractall(part)
        try:
            part.rename(folder)
        except OSError:
            if not folder.exists():
                raise
            shutil.rmtree(part)  # another process was first
    return next(folder.rglob("train")).parent


def cifar10(cache: Path, pixels: int, accelerator: str = "auto") -> ImageView:
    """The images of the data folder, decoded once below `cache`."""
    settings = DataSettings("cifar10", path=str(photographs(cache)), flip=True, shift=2)
    decoded = cache / f"images-{pixels}"
    prepare(settings, 0, pixels, decoded)
    return ImageView(decoded, settings.flip, settings.shift, accelerator=accelerator)


def scores(images: Images, pixels: int, seed: int) -> Measurement:
    """Every training-free score, of the default number of images."""
    evaluator = TrainingFree(images(pixels), tuple(SCORES), TrainingResolution(pixels, PIXELS), seed)

    def call(arch: Architecture) -> dict[str, float]:
        found = evaluator(arch)
        return {**found.values, **{f"{name}_seconds": seconds for name, seconds in found.seconds.items()}}

    device = evaluator.pictures.device.type
    settings = {"pixels": pixels, "images": evaluator.images, "scores": list(SCORES), "seed": seed, "device": device}
    return Measurement("scores", settings, call)


def short(images: Images, joined: Sequence[str], score_pixels: int, seed: int) -> Measurement:
    """`proxy=short` with the defaults of its file: the accuracy, and what its correction by scores makes of it."""
    defaults = yaml.safe_load((data_dir("conf") / "proxy" / "short.yaml").read_text(encoding="utf-8"))
    recipe = Recipe(**{field.name: defaults[field.name] for field in fields(Recipe) if field.name in defaults})
    pixels = min(defaults["resolution"], PIXELS)
    pictures = replace(images(pixels), limit=defaults["images"])
    evaluator = ShortTraining(pictures, recipe, TrainingResolution(pixels, PIXELS), seed)
    prior = rank_in_population(
        TrainingFree(images(score_pixels), tuple(joined), TrainingResolution(score_pixels, PIXELS), seed)
    )

    def call(arch: Architecture) -> dict[str, float]:
        accuracy, seconds = timed(evaluator, arch)
        share, more = timed(prior, arch)
        worth = correct_accuracy(accuracy, len(pictures.images.val), share, defaults["correction"])
        both = {"short": accuracy, "short_seconds": seconds}
        return {**both, "short, corrected": worth, "short, corrected_seconds": seconds + more}

    settings = {**defaults, "recipe": asdict(recipe), "joined": joined, "score_pixels": score_pixels, "seed": seed}
    return Measurement("short", settings, call)


def rank_in_population(scores: TrainingFree) -> RankedByScores:
    """`scores` against those of `POPULATION` random networks."""
    return RankedByScores(scores, ScorePopulation.of(_columns([scores(arch).values for arch in population()])))


def population() -> list[Architecture]:
    """The networks that others are compared with."""
    space = load_space("nas_bench_macro")
    return [space.architecture(row) for row in space.sample(np.random.default_rng(100), POPULATION)]


def _columns(rows: Sequence[Mapping[str, float]]) -> dict[str, list[float]]:
    return {name: [row[name] for row in rows] for name in rows[0]}


def timed(evaluator: Evaluator, arch: Architecture) -> tuple[float, float]:
    """The accuracy that `evaluator` gives, and wall-clock seconds."""
    started = time.perf_counter()
    return evaluator(arch).accuracy, time.perf_counter() - started


def supernet(
    images: Images, checkpoint: Path, pixels: int, joined: Sequence[str], minutes: float, seed: int
) -> tuple[Measurement, float]:
    """`proxy=supernet` with the defaults of its file, but trained for `minutes`; and the seconds that took in all.

    Accuracy, minus the loss, and both joined with the scores.
    """
    words = ["proxy=supernet", f"proxy.minutes={minutes}", "training.precision=bf16"]
    settings = search_settings(words)
    proxy = settings.proxy
    assert isinstance(proxy, SupernetProxy)
    recipe = proxy.recipe(settings.training, len(images(pixels).images.train), pretrained=False)
    space, pictures, scale = load_space("nas_bench_macro"), images(pixels), TrainingResolution(pixels, PIXELS)
    seconds = train_supernet(
        *(space, pictures, recipe, scale, seed, checkpoint),
        progress=lambda at: print(f"supernet {at.share:.1%}, loss {at.loss:.3f}", end="\r", file=sys.stderr),
    )
    judging = replace(pictures, val_limit=proxy.validation)
    weights = SharedWeights(space, judging, checkpoint, scale, proxy.calibration, precision="bf16")
    shared = SharedAccuracy(weights)
    free = TrainingFree(pictures, tuple(joined), scale, seed)
    rows = [{**free(arch).values, SHARED: shared(arch).rank_value} for arch in population()]
    both = RankedByBoth(shared, free, ScorePopulation.of(_columns(rows)))

    def call(arch: Architecture) -> dict[str, float]:
        started = time.perf_counter()
        found = shared(arch)
        alone = time.perf_counter() - started
        joint = both.join(found, arch)
        values = {"supernet, accuracy": found.accuracy, "supernet, loss": found.rank_value}
        values["supernet + scores"] = joint.rank_value
        spent = dict.fromkeys(values, alone) | {"supernet + scores": time.perf_counter() - started}
        return {**values, **{f"{name}_seconds": seconds for name, seconds in spent.items()}}

    stamp = {**asdict(recipe), "modified": checkpoint.stat().st_mtime_ns, "pixels": pixels, "joined": joined}
    return Measurement("supernet", stamp, call), seconds


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser("python -m benchmarks.proxy_fidelity", description=__doc__.split("\n")[0])
    parser.add_argument("--measure", nargs="+", default=["scores", "short"], choices=MEASUREMENTS)
    parser.add_argument("--networks", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0, help="of the drawing")
    parser.add_argument("--training-seed", type=int, default=0, help="of weights and batches")
    parser.add_argument("--pixels", type=int, default=16, help="of the scores and the supernet")
    parser.add_argument("--joined", nargs="+", default=["naswot", "naswot_layers", "entropy"], choices=SCORES)
    parser.add_argument("--fitted", type=int, default=10, help="trained networks that the surrogate is fitted to")
    parser.add_argument("--draws", type=int, default=100, help="of those")
    parser.add_argument("--accelerator", default="auto", choices=ACCELERATORS, help="auto: a GPU where there is one")
    parser.add_argument("--supernet", type=Path, default=Path("build/benchmarks/supernet.pt"), help="its checkpoint")
    parser.add_argument("--supernet-minutes", type=float, default=10.0, help="of training, where it is not finished")
    parser.add_argument("--results", type=Path, default=Path("build/benchmarks/proxy_fidelity.jsonl"))
    parser.add_argument("--cache", type=Path, default=Path("build/benchmarks/images"), help="folder of the images")
    options = parser.parse_args(arguments)
    use_one_thread()
    networks = draw(options.networks, options.seed)
    for folder in (options.cache, options.results.parent, options.supernet.parent):
        folder.mkdir(parents=True, exist_ok=True)
    images = partial(cifar10, options.cache, accelerator=options.accelerator)
    measurements, spent = [], {}
    if "scores" in options.measure:
        measurements.append(scores(images, options.pixels, options.training_seed))
    if "short" in options.measure:
        measurements.append(short(images, options.joined, options.pixels, options.training_seed))
    if "supernet" in options.measure:
        where = (images, options.supernet, options.pixels, options.joined)
        measurement, spent["supernet"] = supernet(*where, options.supernet_minutes, options.training_seed)
        measurements.append(measurement)
    for measurement in measurements:
        measure(networks, measurement, options.results)
    device = device_of(options.accelerator).type
    print(f"{len(networks)} networks drawn with seed {options.seed}; one thread, {device}; {machine()}; {versions()}\n")
    records = read(options.results, measurements)
    print(table(networks, records, options.joined, options.draws, options.fitted, spent))


if __name__ == "__main__":
    try:
        main()
    except NasError as error:
        sys.exit(f"error: {error}")
