"""The experiments of the MobileNet papers, at a scale that two cores do in two hours.

    python -m benchmarks.papers experiment=all workers=2 write=true

`experiment` is `all`, one of benchmarks/papers_arms.py, or several with commas. Every network is trained with the same
recipe on `images` training images of CIFAR-10 (`data=digits` is for trying), `seeds` times, and judged by the
validation images. What was measured is appended to `results` at once and not measured again. `write=true` puts the
tables into docs/papers.md. `epochs`, `images`, `pixels`, `seeds`, `workers`, `cache` and `results` may be set too.
"""

import json
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import stats
from torch import Tensor, nn
from torch.nn.utils import parametrize

from benchmarks.intervals import half_width
from benchmarks.papers_arms import EXPERIMENTS, Arm
from benchmarks.proxy_fidelity import cifar10
from benchmarks.search_efficiency import machine, versions
from nas.data.batches import ImageData
from nas.data.prepare import prepare
from nas.data.settings import DataSettings
from nas.data.views import ImageView
from nas.errors import ConfigError, NasError
from nas.exports import EXPORTERS
from nas.exports.base import TrainedNetwork
from nas.exports.int8 import ladder
from nas.exports.onnx_file import open_onnx
from nas.nets.build import build
from nas.nets.device import use_one_thread
from nas.reading.words import short
from nas.resources import names, replace_file
from nas.spaces.architecture import Architecture
from nas.spaces.cost import cost
from nas.training.fit import fit
from nas.training.long import correct, predictor
from nas.training.recipe import Recipe
from tools.papers_page import EXPERIMENTS as SUMMARY
from tools.papers_page import PAGE, page

RATE = 0.2  # at its peak, for a batch of 64, as nas.search trains from scratch
BATCH = 64
CALIBRATION = 2  # batches
TUNING_RATE = 0.005


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command was told."""

    experiment: str = "all"
    data: str = "cifar10"
    images: int = 8000
    epochs: int = 8
    pixels: int = 32
    seeds: int = 3
    workers: int = 1
    write: bool = False
    cache: str = "build/benchmarks/images"
    results: str = "build/benchmarks/papers.jsonl"

    def __post_init__(self) -> None:
        if unknown := set(self.chosen) - set(EXPERIMENTS):
            raise ConfigError(f"unknown experiment {short(min(unknown))}; known: {names({'all', *EXPERIMENTS})}")
        if self.data not in ("cifar10", "digits"):
            raise ConfigError(f"data must be cifar10 or digits, got {short(self.data)}")
        for name in ("images", "epochs", "pixels", "seeds", "workers"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be above 0, got {getattr(self, name)}")

    @property
    def chosen(self) -> list[str]:
        """The experiments by name."""
        return list(EXPERIMENTS) if self.experiment == "all" else self.experiment.split(",")

    @property
    def scale(self) -> dict[str, Any]:
        """What decides a result beside its arm."""
        return {name: getattr(self, name) for name in ("data", "images", "epochs", "pixels")}


@dataclass(frozen=True, slots=True)
class Task:
    """One training of one arm, wherever it runs."""

    arm: Arm
    seed: int
    pictures: ImageView
    epochs: int

    @property
    def key(self) -> str:
        """The same for equal trainings, whichever experiment asks."""
        teacher = self.arm.teacher.key if self.arm.teacher else None
        return json.dumps([self.arm.arch.key, self.arm.recipe, self.arm.how, teacher, self.seed])


def read_asked(words: Sequence[str]) -> Asked:
    """The words key=value of the command line.

    Raises:
        ConfigError: one is unknown, or has a value that it cannot have.
    """
    kinds = {field.name: field.type for field in fields(Asked)}
    found: dict[str, Any] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if key not in kinds or not equals:
            raise ConfigError(f"unknown setting {short(word)}; known: {names(kinds)}, as key=value")
        if kinds[key] is int and not value.isdigit():
            raise ConfigError(f"{key} must be a whole number, got {short(value)}")
        if kinds[key] is bool and value not in ("true", "false"):
            raise ConfigError(f"{key} must be true or false, got {short(value)}")
        found[key] = int(value) if kinds[key] is int else value == "true" if kinds[key] is bool else value
    return Asked(**found)


def measure(task: Task) -> dict[str, Any]:
    """The accuracy of one training, 0..1, and its seconds."""
    use_one_thread()
    started = time.perf_counter()
    arm = task.arm
    data = task.pictures.at(arm.arch.resolution, BATCH, task.seed)
    recipe = replace(Recipe(task.epochs, BATCH, RATE), **dict(arm.recipe))
    teacher = fit(arm.teacher, data, recipe, task.seed).net if arm.teacher else None
    net = fit(arm.arch, data, recipe, task.seed, teacher=teacher).net
    if arm.how == "tuned":
        tune(net, data)
    found = correct(predictor(net), data.val_dataloader()) if arm.how in ("trained", "distilled") else None
    if found is None:
        found = as_int8(net, arm.arch, data, Path(task.pictures.folder).parent)
    seconds = time.perf_counter() - started
    return {"accuracy": float(found.mean()), "images": len(found), "seconds": round(seconds, 1)}


class Rounded(nn.Module):
    """Weights as int8 holds them, a scale for each output; their gradients pass as if they were not rounded."""

    def forward(self, weight: Tensor) -> Tensor:
        """Any shape, outputs first."""
        scale = weight.detach().flatten(1).abs().amax(1).clamp(min=1e-8).view(-1, *[1] * (weight.ndim - 1)) / 127
        return weight + ((weight / scale).round() * scale - weight).detach()


def tune(net: nn.Module, data: ImageData) -> None:
    """Train `net` one epoch more with its weights rounded, its batch norms as they are."""
    layers = [module for module in net.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    for layer in layers:
        parametrize.register_parametrization(layer, "weight", Rounded())
    optimizer = torch.optim.SGD(net.parameters(), TUNING_RATE, 0.9)
    net.eval()
    for images, labels in data.train_dataloader():
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(images), labels).backward()
        optimizer.step()
    for layer in layers:
        parametrize.remove_parametrizations(layer, "weight", leave_parametrized=True)


def as_int8(net: nn.Module, arch: Architecture, data: ImageData, folder: Path) -> Any:
    """Which validation images the network gets in int8."""
    plain = build(arch)
    plain.load_state_dict(net.state_dict())
    calibration = [images for (images, _), _ in zip(data.train_dataloader(), range(CALIBRATION), strict=False)]
    images = torch.cat(calibration).contiguous().numpy()
    plainest = ladder.Asked(ladder.ANY, rungs=(ladder.PLAIN,))
    trained = TrainedNetwork(plain, arch, arch.resolution, {}, lambda: images, asked=plainest)
    with tempfile.TemporaryDirectory(dir=folder) as place:
        target = Path(place) / "net.int8.onnx"
        EXPORTERS["onnx_int8"].write(trained, target, {})
        logits = open_onnx(target.read_bytes())
        return correct(lambda images: logits(images.contiguous().numpy()).argmax(1), data.val_dataloader())


def pictures(asked: Asked) -> ImageView:
    """The images, decoded once below the cache."""
    cache = Path(asked.cache)
    cache.mkdir(parents=True, exist_ok=True)
    if asked.data == "cifar10":
        return replace(cifar10(cache, asked.pixels), limit=asked.images)
    folder = cache / f"digits-{asked.pixels}"
    prepare(DataSettings("digits"), 0, asked.pixels, folder)
    return ImageView(folder, shift=2, limit=asked.images)


def tasks(asked: Asked, view: ImageView) -> Iterator[Task]:
    """Every training that is asked for, once."""
    seen = set[str]()
    for seed in range(asked.seeds):
        for name in asked.chosen:
            for arm in EXPERIMENTS[name].arms(asked.pixels):
                classes, channels = len(view.images.classes), view.images.channels
                arch, teacher = (
                    each and replace(each, classes=classes, in_channels=channels) for each in (arm.arch, arm.teacher)
                )
                assert arch is not None
                task = Task(replace(arm, arch=arch, teacher=teacher), seed, view, asked.epochs)
                if task.key not in seen:
                    seen.add(task.key)
                    yield task


def run(asked: Asked) -> dict[str, dict[str, Any]]:
    """What every training gave, by its key; those that are in the file of results are not trained again."""
    file, wanted = Path(asked.results), list(tasks(asked, pictures(asked)))
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    rows = [json.loads(line) for line in lines if line.endswith("}")]  # the last may be cut short
    there = {row["key"]: row for row in rows if row["scale"] == asked.scale}
    todo = [task for task in wanted if task.key not in there]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(asked.workers, context) as pool:
        waiting: dict[Future[dict[str, Any]], Task] = {pool.submit(measure, task): task for task in todo}
        for number, done in enumerate(as_completed(waiting), start=1):
            task = waiting[done]
            row = {"key": task.key, "scale": asked.scale, "name": task.arm.name, "seed": task.seed, **done.result()}
            with file.open("a", encoding="utf-8") as added:
                added.write("\n" * bool(lines and not lines[-1].endswith("}") and number == 1) + json.dumps(row) + "\n")
            there[task.key] = row
            said = f"{number}/{len(todo)} {task.arm.name}, seed {task.seed}: {100 * row['accuracy']:.1f} %"
            print(f"{said}, {row['seconds']:.0f} s", file=sys.stderr, flush=True)
    return {task.key: there[task.key] for task in wanted}


def interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean and 95 % interval by Student's t, whose half is none of one value."""
    mean = float(np.mean(values))
    half = half_width(values)
    return mean, mean - half, mean + half


def summary(name: str, asked: Asked, found: Mapping[str, Mapping[str, Any]], view: ImageView) -> dict[str, Any]:
    """An experiment's table, and what it says: each arm against the first, seed by seed."""
    experiment = EXPERIMENTS[name]
    accuracies: dict[str, list[float]] = {}
    macs: dict[str, int] = {}
    for task in tasks(replace(asked, experiment=name), view):
        accuracies.setdefault(task.arm.name, []).append(100 * found[task.key]["accuracy"])
        macs[task.arm.name] = cost(task.arm.arch).macs
    arms = []
    for arm, values in accuracies.items():
        mean, low, high = interval(values)
        shown = f"{arm} ({macs[arm] / 1e6:.2f}M MACs)"
        arms.append({"name": shown, "n": len(values), "mean": mean, "low": low, "high": high})
    verdict = _line(accuracies, macs) if experiment.line else _differences(accuracies)
    title = {"title": experiment.title, "measure": "accuracy, %"}
    return {**title, "arms": arms, "verdict": verdict}


def _differences(accuracies: Mapping[str, Sequence[float]]) -> str:
    first, *others = accuracies
    said = []
    for other in others:
        pairs = zip(accuracies[other], accuracies[first], strict=True)
        mean, low, high = interval([one - base for one, base in pairs])
        luck = "" if low > 0 or high < 0 else ", which may be luck"
        said.append(f"{other} against {first}: {mean:+.2f} points ({low:+.2f} to {high:+.2f}{luck})")
    return "; ".join(said) + "."


def _line(accuracies: Mapping[str, Sequence[float]], macs: Mapping[str, int]) -> str:
    x = np.log2([macs[name] for name in accuracies])
    fitted = stats.linregress(x, [np.mean(values) for values in accuracies.values()])
    return (
        f"Twice the MACs bring {fitted.slope:.2f} points (± {1.96 * fitted.stderr:.2f}) along the fitted line, with R² "
        f"{fitted.rvalue**2:.3f} over {len(x)} networks."
    )


def main(words: Sequence[str]) -> None:
    """Measure what is missing, and print a table of each experiment."""
    asked = read_asked(words)
    view, found = pictures(asked), run(asked)
    tables = [summary(name, asked, found, view) for name in asked.chosen]
    for table in tables:
        print(f"\n{table['title']}")
        for arm in table["arms"]:
            print(f"  {arm['name']}: {arm['mean']:.2f} ({arm['low']:.2f} to {arm['high']:.2f}), n = {arm['n']}")
        print(f"  {table['verdict']}")
    if asked.write:
        hours = sum(row["seconds"] for row in found.values()) / 3600
        images = len(view.images.train)
        about = (
            f"{len(found)} trainings, {asked.seeds} seeds each, {asked.epochs} epochs of {images:,} images of "
            f"{asked.data} at {asked.pixels} pixels, total stride 8, judged by {len(view.images.val):,} validation "
            f"images; {hours:.1f} core hours on {machine()}, {versions()}. The scale is small: what holds for hundreds "
            "of epochs on ImageNet may not show here, and the other way round. Differences are paired by seed, "
            "intervals Student's t. Made again by `python -m benchmarks.papers experiment=all write=true`."
        )
        content = {"about": about, "asked": {**asked.scale, "seeds": asked.seeds}, "experiments": tables}
        replace_file(SUMMARY, json.dumps(content, indent=2, ensure_ascii=False).encode() + b"\n")
        replace_file(PAGE, page().encode())


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except NasError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
