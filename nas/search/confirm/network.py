"""A network that is confirmed, step by step: trained longer, tested, written as files, measured."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nas.measures import Interval
from nas.results.member import ModelFile
from nas.spaces.architecture import Architecture
from nas.training.long import Judged, Trained, bits


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A network and its long trainings, and as far as the run has come: `tested`, one figure a training, `files`, and
    the path of the `weights`.

    `measured` are milliseconds on the device, None where it was not measured there.
    """

    architecture: Architecture
    trainings: tuple[Trained, ...]
    tested: tuple[Judged, ...] = ()
    files: tuple[ModelFile, ...] = ()
    measured: Interval | None = None
    weights: str | None = None

    @property
    def best(self) -> Trained:
        """The best training by the validation split."""
        return max(self.trainings, key=lambda training: training.val)


def correct_images(trainings: Sequence[Trained]) -> npt.NDArray[np.bool_]:
    """Which validation images each of a network's trainings got: (seeds, images)."""
    return np.stack([bits(training.correct, training.images) for training in trainings])
