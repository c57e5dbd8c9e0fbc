"""Everything that a GPU changes, run once on one: whether it works, whether it agrees with the CPU, how fast it is.

    python -m benchmarks.gpu_check
    python -m benchmarks.gpu_check --minutes 5 --out gpu_check.md

It takes less than ten minutes and no network. Images are those of CIFAR-10 in the data folder (`NAS_DATA_DIR`), where
it is, else scikit-learn's digits. A part that fails, or takes longer than is left, is a row that says so, and the
others go on. Without a GPU every part runs on the CPU, at `--toy` size in seconds. Each figure is of one run with seed
0: it shows that something works and its order of magnitude, no more.
"""

import argparse
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import wait
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks import proxy_fidelity
from benchmarks.search_efficiency import versions
from benchmarks.training_throughput import RATIOS, measure, rows
from nas.data.prepare import prepare
from nas.data.settings import DataSettings
from nas.data.views import ImageView, TrainingResolution
from nas.errors import DataError
from nas.nets.device import device_of
from nas.proxies.scores import SCORES
from nas.proxies.scores.evaluate import TrainingFree
from nas.proxies.short import ShortTraining
from nas.proxies.supernet import SharedAccuracy
from nas.reading.words import cut
from nas.resources import replace_file
from nas.results.quality import RankFidelity
from nas.search.executors.local import local_executor
from nas.search.result.fidelity import rank_fidelity
from nas.spaces.architecture import Architecture
from nas.spaces.baselines import load_architecture
from nas.spaces.cost import cost
from nas.spaces.load import load_space
from nas.training.fit import fit, quiet
from nas.training.long import LongTraining
from nas.training.metrics import judge
from nas.training.precision import lightning_precision
from nas.training.recipe import Recipe
from nas.training.supernet.train import SharedRecipe, train_supernet
from nas.training.supernet.weights import FromShared, SharedWeights

Rows = Iterator[tuple[str, str]]
"""What was looked at, and what was found."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much of everything: `pixels`, training `images`, `networks` to compare, `rounds` of timing one `network`."""

    pixels: int
    images: int | None
    epochs: int
    networks: int
    workers: tuple[int, ...]
    network: str
    rounds: int
    batches: int
    batch_size: int
    supernet_minutes: float
    ranked: int


FULL = Size(32, 5000, 3, 8, (1, 2, 4, 8), "mobilenet_v2_r32", 5, 32, 128, 1.5, 64)
TOY = Size(16, 100, 1, 2, (1,), "mobilenet_v2_w0.1_r16", 1, 2, 4, 0.01, 6)

PART = 1 / 3
"""The most of all minutes that one part may take, so that none takes those of the others."""


@dataclass(frozen=True, slots=True)
class Check:
    """What all parts see: the images, some networks of `tiny` for them, and a folder to write in."""

    size: Size
    pictures: ImageView
    source: str
    folder: Path
    compiles: bool = True

    @property
    def scale(self) -> TrainingResolution:
        """Networks at the pixels of the size."""
        return TrainingResolution(self.size.pixels, 32)

    @property
    def networks(self) -> list[Architecture]:
        """Drawn with seed 0."""
        images = self.pictures.images
        space = load_space("tiny").with_data(images.channels, len(images.classes), 32)
        return [space.architecture(row) for row in space.sample(np.random.default_rng(0), self.size.networks)]

    @property
    def on_cpu(self) -> "Check":
        """The same on the CPU."""
        return replace(self, pictures=replace(self.pictures, accelerator="cpu"))

    def recipe(self, **changes: Any) -> Recipe:
        """A short training."""
        return Recipe(**{"epochs": self.size.epochs, "precision": "fp32", **changes})

    def train(self, arch: Architecture, **changes: Any) -> tuple[float, float]:
        """Accuracy on the validation images, and seconds."""
        recipe = self.recipe(**changes)
        data = self.pictures.at(self.scale(arch), recipe.batch_size, 0)
        fitted = fit(arch, data, recipe, 0)
        return judge(fitted.net, data.val_dataloader()).accuracy, fitted.seconds


def trainings(check: Check) -> Rows:
    """The same training here and on the CPU, in bf16, and compiled."""
    arch = check.networks[0]
    check.train(arch, epochs=1)  # what is loaded first
    here, cpu = check.train(arch), check.on_cpu.train(arch)
    yield "fp32", f"{_trained(here)}; on the CPU {_trained(cpu)}"
    yield "bf16", _trained(check.train(arch, precision="bf16"))
    yield "precision=auto is", lightning_precision("auto", check.pictures.device)
    if check.compiles:
        yield "compile=true", _trained(check.train(arch, compile=True))


def _trained(found: tuple[float, float]) -> str:
    return f"{found[0]:.1%} in {found[1]:.1f} s"


def judging(check: Check) -> Rows:
    """A long training, and what its weights answer here and on the CPU."""
    arch, long = check.networks[0], LongTraining(check.pictures, check.recipe(), check.scale, check.folder / "weights")
    long(arch, 1)
    here, cpu = (replace(long, pictures=pictures).test(arch, 1) for pictures in (check.pictures, check.on_cpu.pictures))
    yield "test images", f"{here.accuracy:.2%} here, {cpu.accuracy:.2%} on the CPU, of {here.images}"
    net, data = long.net(arch, 1), long.data(arch, 0)
    started = time.perf_counter()
    judge(net, data.test_dataloader())
    yield "speed", f"{here.images / (time.perf_counter() - started):,.0f} images a second"


def scores(check: Check) -> Rows:
    """Every training-free score, here and on the CPU."""
    found = {}
    for name, view in (("here", check.pictures), ("cpu", check.on_cpu.pictures)):
        scorer = TrainingFree(view, tuple(SCORES), check.scale, 0)
        scorer(check.networks[0])
        found[name] = [scorer(arch) for arch in check.networks]
    for name in SCORES:
        pairs = [(a.values[name], b.values[name]) for a, b in zip(found["here"], found["cpu"], strict=True)]
        apart = max(abs(a - b) / max(abs(a), abs(b), 1e-12) for a, b in pairs)
        here, cpu = (statistics.median(each.seconds[name] for each in found[where]) for where in ("here", "cpu"))
        yield name, f"at most {apart:.1e} apart; {1000 * here:.1f} ms here, {1000 * cpu:.1f} ms on the CPU"


def supernet(check: Check) -> Rows:
    """Shared weights of `tiny`: trained, judged here and on the CPU, and as the start of a training."""
    images = check.pictures.images
    space = load_space("tiny").with_data(images.channels, len(images.classes), 32)
    path, recipe = check.folder / "tiny.pt", SharedRecipe(check.size.epochs)
    seconds = train_supernet(space, check.pictures, recipe, check.scale, 0, path)
    yield "training", f"{check.size.epochs} epochs in {seconds:.1f} s"
    here, cpu = (
        SharedWeights(space, view, path, check.scale, calibration=2) for view in (check.pictures, check.on_cpu.pictures)
    )
    started = time.perf_counter()
    judged = [SharedAccuracy(here)(arch).accuracy for arch in check.networks]
    yield "judging", f"{(time.perf_counter() - started) / len(judged):.2f} s a network"
    apart = max(abs(a - SharedAccuracy(cpu)(arch).accuracy) for a, arch in zip(judged, check.networks, strict=True))
    yield "here and on the CPU", f"accuracies at most {100 * apart:.1f} points apart"
    arch = check.networks[0]
    weights = check.folder / "weights"
    long = LongTraining(check.pictures, check.recipe(), check.scale, weights, FromShared(here, "gpu_check"))
    yield "start of a training", f"{long(arch, 1).val:.1%} after {check.size.epochs} epochs"


def several(check: Check) -> Rows:
    """Short trainings a minute, with several workers on one GPU; the first of each worker is not counted."""
    evaluate = ShortTraining(check.pictures, check.recipe(precision="auto"), check.scale, 0)
    for workers in check.size.workers:
        executor = local_executor(workers)
        try:
            wait([executor.submit(evaluate, check.networks[0]) for _ in range(workers)])
            started, done = time.perf_counter(), 0
            waiting = [arch for arch in check.networks for _ in range(2)]
            while waiting:
                batch = [executor.submit(evaluate, waiting.pop()) for _ in range(min(workers, len(waiting)))]
                done += len([future.result() for future in batch])
            yield f"{workers} at a time", f"{60 * done / (time.perf_counter() - started):.0f} a minute"
        finally:
            executor.close()


def throughput(check: Check) -> Rows:
    """Images a second of `fit` and of a plain loop, as `benchmarks.training_throughput` measures them."""
    size, arch = check.size, replace(load_architecture(check.size.network), classes=10)
    count = size.batches * size.batch_size
    speeds = measure(rows(arch, count, size.batch_size), count, size.rounds)
    for name, values in speeds.items():
        yield name, f"{statistics.median(values):,.0f} images a second"
    for above, below in RATIOS:
        ratios = [a / b for a, b in zip(speeds[above], speeds[below], strict=True)]
        yield f"{above} / {below}", f"{statistics.median(ratios):.2f}"


def fidelity(check: Check) -> Rows:
    """Kendall's tau of shared weights with the full trainings of NAS-Bench-Macro, on CIFAR-10."""
    networks = proxy_fidelity.draw(check.size.ranked, 0)
    images = partial(proxy_fidelity.cifar10, check.folder)
    where = (images, check.folder / "macro.pt", check.size.pixels, ("naswot", "naswot_layers", "entropy"))
    measurement, seconds = proxy_fidelity.supernet(*where, check.size.supernet_minutes, 0)
    yield "training", f"{seconds:.0f} s at {check.size.pixels} pixels"
    found = [measurement.call(network.arch) for network in networks]
    true, macs = [network.accuracy for network in networks], [float(cost(network.arch).macs) for network in networks]
    for name in ("supernet, accuracy", "supernet, loss", "supernet + scores"):
        ranked = rank_fidelity([values[name] for values in found], true, macs)
        each = statistics.median(values[f"{name}_seconds"] for values in found)
        yield name, f"Kendall's tau {_tau(ranked)} on {len(true)} networks, {each:.2f} s each"


def _tau(found: RankFidelity) -> str:
    if found.kendall_tau is None or found.low is None or found.high is None:
        return "unknown"
    return f"{found.kendall_tau:.2f} ({found.low:.2f} to {found.high:.2f})"


PARTS: dict[str, Callable[[Check], Rows]] = {
    "training": trainings,
    "judging": judging,
    "scores": scores,
    "supernet": supernet,
    "trials per GPU": several,
    "throughput": throughput,
    "NAS-Bench-Macro": fidelity,
}
"""What is checked, in this order."""


class OutOfTime(Exception):
    """A part took all that was left."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Interrupts what takes longer than `seconds`."""

    def ring(*_: object) -> None:
        raise OutOfTime(f"it was not done within the {seconds:.0f} s that were left")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def run(check: Check, parts: dict[str, Callable[[Check], Rows]], seconds: float) -> tuple[list[str], list[str]]:
    """Lines of a Markdown table of all `parts`, and the names of those that failed; each goes on from the last."""
    lines, failed, end = ["| part | what | found |", "|---|---|---|"], [], time.monotonic() + seconds
    for name, part in parts.items():
        started = time.monotonic()
        try:
            with within(min(end - started, PART * seconds)), quiet():
                for what, found in part(check):
                    lines.append(f"| {name} | {what} | {found} |")
        except Exception as error:  # whatever goes wrong is a finding
            failed.append(name)
            why = cut(f"{type(error).__name__}: {error}".replace("|", "/"), 300)
            lines.append(f"| {name} | **failed** | {why} |")
        lines.append(f"| {name} | seconds in all | {time.monotonic() - started:.0f} |")
        print(f"{name}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    return lines, failed


def pictures(folder: Path, size: Size) -> tuple[ImageView, str]:
    """Images for all parts but the last: CIFAR-10 where the data folder has it, else digits; and which they are."""
    try:
        view, source = proxy_fidelity.cifar10(folder, size.pixels), "CIFAR-10"
    except DataError:
        decoded, source = folder / "digits", "digits"
        prepare(DataSettings("digits"), 0, size.pixels, decoded)
        view = ImageView(decoded, shift=1)
    return replace(view, limit=size.images, val_limit=None if size is not TOY else 50), source


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; 1 where a part failed."""
    parser = argparse.ArgumentParser("python -m benchmarks.gpu_check", description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=9.5, help="in all")
    parser.add_argument("--toy", action="store_true", help="as little of everything as shows that it runs")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--out", type=Path, help="a file for the table, too")
    options = parser.parse_args(arguments)
    size = TOY if options.toy else FULL
    end = time.monotonic() + 60 * options.minutes
    with tempfile.TemporaryDirectory() as temporary:
        view, source = pictures(Path(temporary), size)
        check = Check(size, view, source, Path(temporary), compiles=not options.toy)
        chosen = {name: PARTS[name] for name in PARTS if name in options.parts}
        lines, failed = run(check, chosen, end - time.monotonic())
    device = torch.cuda.get_device_name() if device_of().type == "cuda" else "no GPU: the CPU"
    seen = f"{source}, {size.pixels} pixels, {len(view.images.train):,} training images"
    text = "\n".join([f"{device}; {seen}; {versions()}", "", *lines, ""])
    print(text)
    if options.out:
        replace_file(options.out, text.encode())
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
