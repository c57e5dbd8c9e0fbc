"""Confirmation: longer trainings of one network over several seeds, judged on the test split, exported."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nas.nets.export import export
from nas.spaces.architecture import Architecture
from nas.training.fit import accuracy, fit
from nas.training.module import Recipe
from nas.training.proxies import Pictures, Scale


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
    """Trains a network once per seed and exports the one that does best on the validation split."""

    pictures: Pictures
    recipe: Recipe
    scale: Scale
    seeds: tuple[int, ...]
    folder: Path

    def __call__(self, arch: Architecture, metadata: Mapping[str, Any]) -> Confirmed:
        """Confirm `arch`; its ONNX file carries `metadata` and what is known only here.

        Raises:
            Diverged: a training's loss stopped being finite.
            NasError: ONNX Runtime does not agree with torch on the exported file.
        """
        resolution = self.scale(arch)
        fitted, val, test, seconds = [], [], [], 0.0
        for seed in self.seeds:
            data = self.pictures.at(resolution, self.recipe.batch_size, seed)
            trained = fit(arch, data, self.recipe, seed)
            fitted.append(trained.net)
            val.append(accuracy(trained.net, data.val_dataloader()))
            test.append(accuracy(trained.net, data.test_dataloader()))
            seconds += trained.seconds
        best = _argmax(val)
        preprocessing = data.preprocessing()
        known = {
            "key": arch.key,
            "notation": arch.notation,
            "classes": preprocessing["classes"],
            "preprocessing": preprocessing,
            "accuracy": {"value": test[best], "split": "test", "seed": self.seeds[best], "resolution": resolution},
        }
        path = self.folder / f"{arch.key}.onnx"
        difference = export(fitted[best], arch, path, {**known, **metadata}, trained_at=resolution)
        return Confirmed(
            tuple(test), tuple(val), len(data.images.test.labels), resolution, seconds, path.name, difference
        )


def _argmax(values: Sequence[float]) -> int:
    return max(range(len(values)), key=values.__getitem__)
