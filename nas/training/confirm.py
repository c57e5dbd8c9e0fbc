"""Confirmation: longer trainings of one network over several seeds, judged on the test split, exported."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from nas.nets.export import export
from nas.spaces.architecture import Architecture
from nas.training.fit import accuracy, fit, wilson
from nas.training.module import Recipe
from nas.training.proxies import Evaluation, Pictures, Scale


@dataclass(frozen=True, slots=True)
class Run:
    """One training of one seed: the network and its accuracies in 0..1."""

    seed: int
    net: nn.Module
    val: float
    test: float
    seconds: float


@dataclass(frozen=True, slots=True)
class LongTraining:
    """An evaluator that trains once per seed and judges on the test split; for a few networks only."""

    pictures: Pictures
    recipe: Recipe
    scale: Scale
    seeds: tuple[int, ...]

    def train(self, arch: Architecture) -> list[Run]:
        """`arch` trained once per seed.

        Raises:
            Diverged: a training's loss stopped being finite.
        """
        runs = []
        for seed in self.seeds:
            data = self.pictures.at(self.scale(arch), self.recipe.batch_size, seed)
            fitted = fit(arch, data, self.recipe, seed)
            val, test = (accuracy(fitted.net, loader) for loader in (data.val_dataloader(), data.test_dataloader()))
            runs.append(Run(seed, fitted.net, val, test, fitted.seconds))
        return runs

    def __call__(self, arch: Architecture) -> Evaluation:
        """The mean test accuracy of `arch`; its interval is that of counting on finitely many images."""
        runs = self.train(arch)
        mean = float(np.mean([run.test for run in runs]))
        low, high = wilson(mean, len(self.pictures.images.test))
        seconds = sum(run.seconds for run in runs)
        return Evaluation(mean, low, high, "confirmed", seconds, len(runs), self.scale(arch))


@dataclass(frozen=True, slots=True)
class Confirmed:
    """What confirming one network gave: accuracies in 0..1 per seed, and the file that was written.

    `difference` is the largest one between the logits of torch and of ONNX Runtime.
    """

    test: tuple[float, ...]
    val: tuple[float, ...]
    test_images: int
    resolution: int
    seconds: float
    onnx: str
    difference: float


@dataclass(frozen=True, slots=True)
class Confirmation:
    """A long training whose best seed, by the validation split, is exported to `folder`."""

    training: LongTraining
    folder: Path

    def __call__(self, arch: Architecture, metadata: Mapping[str, Any]) -> Confirmed:
        """Confirm `arch`; its ONNX file carries `metadata` and what is known only here.

        Raises:
            Diverged: a training's loss stopped being finite.
            NasError: ONNX Runtime does not agree with torch on the exported file.
        """
        runs = self.training.train(arch)
        best = max(runs, key=lambda run: run.val)
        resolution, pictures = self.training.scale(arch), self.training.pictures
        preprocessing = pictures.at(resolution, self.training.recipe.batch_size, best.seed).preprocessing()
        known = {
            "key": arch.key,
            "notation": arch.notation,
            "classes": preprocessing["classes"],
            "preprocessing": preprocessing,
            "accuracy": {"value": best.test, "split": "test", "seed": best.seed, "resolution": resolution},
        }
        path = self.folder / f"{arch.key}.onnx"
        difference = export(best.net, arch, path, {**known, **metadata}, trained_at=resolution)
        return Confirmed(
            test=tuple(run.test for run in runs),
            val=tuple(run.val for run in runs),
            test_images=len(pictures.images.test),
            resolution=resolution,
            seconds=sum(run.seconds for run in runs),
            onnx=path.name,
            difference=difference,
        )
