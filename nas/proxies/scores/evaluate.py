"""The scores of one network, and their combination over many."""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from annotated_types import Ge, Le
from numpy.typing import ArrayLike, NDArray

from nas.data.batches import ImageData
from nas.data.views import ImageView, TrainingResolution
from nas.errors import ConfigError, DataError
from nas.nets.build import build
from nas.proxies.scores import SCORES
from nas.proxies.scores.score_input import ScoreInput
from nas.resources import names
from nas.spaces.architecture import Architecture

LEAST_IMAGES = 4  # two batches of two, which batch norm needs


@dataclass(frozen=True, slots=True)
class ScoreSettings:
    """Training-free scores, joined by ranks: a rung, a proxy, and what corrects a short training."""

    names: tuple[str, ...]
    """Those that are joined by ranks, such as [naswot,synflow]: of naswot, naswot_layers, entropy, synflow, zico, zen,
    macs, params and depth."""
    images: Annotated[int, Ge(LEAST_IMAGES), Le(100_000)]
    """Training images they see."""
    population: Annotated[int, Ge(8), Le(100_000)]
    """Networks of the space they are ranked among, where a network needs a figure of its own."""


class Unscorable(RuntimeError):
    """A score of a network is not finite."""


@dataclass(frozen=True, slots=True)
class ScoreValues:
    """Scores by name, and the wall-clock seconds of each; `build` is making the network and its images.

    Scores that share a forward pass (NASWOT's two and the entropy) leave its time to the first of them.
    """

    values: Mapping[str, float]
    seconds: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class TrainingFree:
    """The named `scores` of a network whose weights are drawn by `seed`.

    All networks see the same `images` training images, or all there are, drawn by the same seed. They are scored on
    the device of `pictures`; weights and noise are drawn on the CPU, so that a seed means the same on every device.
    """

    pictures: ImageView
    scores: tuple[str, ...]
    scale: TrainingResolution
    seed: int
    images: int = 64

    def __post_init__(self) -> None:
        unknown = [name for name in self.scores if name not in SCORES]
        if unknown:
            raise ConfigError(f"unknown score {unknown[0]!r}; known: {names(SCORES)}")
        if self.images < LEAST_IMAGES:
            raise ConfigError(f"scores need at least {LEAST_IMAGES} images, got {self.images}")

    def __call__(self, arch: Architecture) -> ScoreValues:
        """Score `arch`.

        Raises:
            Unscorable: a score is not finite.
            DataError: there are fewer than `LEAST_IMAGES` training images.
        """
        started = time.perf_counter()
        given = self.score_input(arch)
        values, seconds = {}, {"build": time.perf_counter() - started}
        for name in self.scores:
            started = time.perf_counter()
            values[name] = SCORES[name](given)
            seconds[name] = time.perf_counter() - started
            if not math.isfinite(values[name]):
                raise Unscorable(f"the score {name} of {arch.notation} is {values[name]}")
        return ScoreValues(values, seconds)

    def score_input(self, arch: Architecture) -> ScoreInput:
        """What the scores of `arch` are given; torch's own random state stays as it was."""
        device, resolution = self.pictures.device, self.scale(arch)
        data = ImageData(
            self.pictures.images,
            batch_size=self.images,
            resolution=resolution,
            seed=self.seed,
            statistics=self.pictures.statistics,
            device=device,
        )
        if len(data.images.train) < LEAST_IMAGES:
            found = f"got {len(data.images.train)}; add images, or raise data.limit where it is set"
            raise DataError(f"scores need at least {LEAST_IMAGES} training images, {found}")
        images, labels = next(iter(data.train_dataloader()))
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(self.seed)
            net = build(arch).train()
        net.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        images = images.to(memory_format=torch.channels_last)
        return ScoreInput(net, images, labels, self.seed, arch)


def combine(table: Mapping[str, ArrayLike]) -> NDArray[np.float64]:
    """One score of several over a population of N: the sum of the logs of rank / N, 0 where all are best.

    Equal values share their mean rank. Lee and Ham 2024 (AZ-NAS), https://arxiv.org/abs/2403.19232: a
    network far down in one score cannot make up for it by the others.

    Raises:
        ValueError: no column, columns of different lengths, or a value that is not finite.
    """
    from scipy.stats import rankdata  # half a second that a worker need not pay

    columns = np.stack([np.asarray(column, dtype=np.float64) for column in table.values()])
    if not np.isfinite(columns).all():
        raise ValueError("scores to combine must be finite")
    return np.asarray(np.log(rankdata(columns, axis=1) / columns.shape[1]).sum(axis=0), dtype=np.float64)
