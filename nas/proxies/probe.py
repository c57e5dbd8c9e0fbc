"""proxy=probe: no training at all; a network cut out of pretrained weights, with a classifier in closed form."""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from nas.errors import ConfigError
from nas.nets.build import build
from nas.proxies.base import Evaluation, Preparation, Prepared
from nas.proxies.score import RUNG
from nas.spaces.architecture import Architecture
from nas.training.long import begin
from nas.training.metrics import judge, wilson
from nas.training.settings import Pixels, Positive
from nas.training.start import FittedStart

NEEDS_INIT = "proxy=probe judges pretrained features; give init=, such as init=efficientnet_lite2"


@dataclass(frozen=True, slots=True)
class ProbeProxy:
    """No training: what features cut out of pretrained weights tell apart, with a classifier in closed form."""

    rungs: ClassVar[Mapping[str, str]] = {**RUNG, "probe": "probe of pretrained features"}

    name: Literal["probe"]
    resolution: Pixels | None
    """Pixels at the space's largest resolution, such as 32, others in proportion; null: each network's own."""
    validation: Positive | None
    """At most this number of validation images that judge a network, stratified; null: all."""

    def prepare(self, preparation: Preparation) -> Prepared:
        """Nothing has to be done beforehand."""
        given = preparation
        if given.start is None:
            raise ConfigError(NEEDS_INIT)
        start = replace(given.start, pictures=replace(given.start.pictures, val_limit=self.validation))
        return Prepared({"score": given.training_free, "probe": Probe(start, given.seed)})


@dataclass(frozen=True, slots=True)
class Probe:
    """The accuracy of a network as trainings from `start` would begin it.

    The networks of a space differ in it by what was cut away, and the trainings that follow keep most of that order.
    """

    start: FittedStart
    seed: int

    def __call__(self, arch: Architecture) -> Evaluation:
        """The accuracy, and worth = exp(-loss), since the loss tells more; raises as `start` does."""
        started = time.perf_counter()
        net = build(arch, self.start.conventions)
        net.load_state_dict(begin(self.start, arch, self.seed))
        pictures, resolution = self.start.pictures, self.start.scale(arch)
        metrics = judge(net.to(pictures.device), pictures.at(resolution, 64, self.seed).val_dataloader())
        low, high = wilson(metrics.accuracy, len(pictures.images.val))
        seconds, worth = time.perf_counter() - started, math.exp(-metrics.loss)
        return Evaluation(metrics.accuracy, low, high, "probe", seconds, 1, resolution, worth)
