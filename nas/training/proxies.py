"""How accurate a network is, at a price: the evaluators a search calls.

An evaluator is any callable from `Architecture` to `Evaluation`. Those here are frozen data, so that
they travel to worker processes; the images are opened there once, memory-mapped.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from nas.spaces.architecture import Architecture
from nas.training.data import ImageData
from nas.training.fit import accuracy, fit, wilson
from nas.training.module import Recipe
from nas.training.sources import Images, open_saved


@dataclass(frozen=True, slots=True)
class Evaluation:
    """An accuracy in 0..1 with its 95 % interval, and how it was got: `short`, `confirmed`, …

    `resolution` is the pixels it was got at, `seconds` what it cost.
    """

    accuracy: float
    low: float
    high: float
    how: str
    seconds: float
    seeds: int
    resolution: int


Evaluator = Callable[[Architecture], Evaluation]


@dataclass(frozen=True, slots=True)
class Scale:
    """Training at fewer pixels: a network of `largest` pixels trains at `pixels`, others in proportion.

    So a space's choice of resolution still counts when all of it trains small.
    """

    pixels: int
    largest: int

    def __call__(self, arch: Architecture) -> int:
        """The pixels at which `arch` trains; never more than its own resolution."""
        return max(1, min(arch.resolution, round(self.pixels * arch.resolution / self.largest)))


@dataclass(frozen=True, slots=True)
class Pictures:
    """Where the decoded images are, and how a training sees them."""

    folder: Path
    flip: bool
    shift: int

    @property
    def images(self) -> Images:
        """The images, opened once in each process."""
        return _opened(self.folder)

    def at(self, resolution: int, batch_size: int, seed: int) -> ImageData:
        """The data at `resolution` pixels, in batches."""
        return ImageData(
            self.images,
            batch_size=batch_size,
            resolution=resolution,
            seed=seed,
            flip=self.flip,
            shift=self.shift,
        )


@lru_cache(maxsize=4)
def _opened(folder: Path) -> Images:
    return open_saved(folder)


@dataclass(frozen=True, slots=True)
class ShortTraining:
    """A few epochs at few pixels, judged on the validation split."""

    pictures: Pictures
    recipe: Recipe
    scale: Scale
    seed: int

    def __call__(self, arch: Architecture) -> Evaluation:
        """Train and judge `arch`.

        Raises:
            Diverged: the loss stopped being finite.
        """
        resolution = self.scale(arch)
        data = self.pictures.at(resolution, self.recipe.batch_size, self.seed)
        fitted = fit(arch, data, self.recipe, self.seed)
        share = accuracy(fitted.net, data.val_dataloader())
        low, high = wilson(share, len(data.images.val))
        return Evaluation(share, low, high, "short", fitted.seconds, 1, resolution)
