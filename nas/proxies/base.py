"""What a search calls to learn how accurate a network is, and what makes that ready: the proxies' one interface.

An evaluator is any callable from `Architecture` to `Evaluation`. Those of this room are frozen data, so that they
travel to worker processes; the images are opened there once, memory-mapped.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, Protocol, TypeVar

from nas.data.views import ImageView, TrainingResolution
from nas.errors import DataError
from nas.problem import Problem
from nas.proxies.scores.evaluate import ScoreSettings, TrainingFree
from nas.reading.words import cut
from nas.spaces.architecture import Architecture
from nas.training.distillation import Teacher
from nas.training.long import Start
from nas.training.settings import TrainingSettings
from nas.training.start import FittedStart

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Evaluation:
    """An accuracy in 0..1 with its 95 % interval, and how it was got: `short`, `confirmed`, …

    `resolution` is the pixels it was got at, `seconds` what it cost. `worth`, on the scale of the accuracy, is what
    networks are ranked by; none where that is the accuracy itself.
    """

    accuracy: float
    low: float
    high: float
    how: str
    seconds: float
    seeds: int
    resolution: int
    worth: float | None = None

    @property
    def rank_value(self) -> float:
        """What the network is ranked by: its worth, or its accuracy where it has none."""
        return self.accuracy if self.worth is None else self.worth


Evaluator = Callable[[Architecture], Evaluation]


@dataclass(frozen=True, slots=True)
class Failed:
    """Why there is no result.

    What the `environment` caused (a full disk, missing images, too little memory or time), and what went with a `lost
    worker`, may work when it is tried again; all else is `lasting`, the same another time.
    """

    error: str
    kind: Literal["environment", "lost worker", "lasting"] = "lasting"

    @classmethod
    def of(cls, error: BaseException) -> "Failed":
        """What an evaluation raised, in one line."""
        text = cut(f"{type(error).__name__}: {error}".removesuffix(": "), at_most=300)
        if isinstance(error, ChildProcessError):
            return cls(text, "lost worker")
        return cls(text, "environment" if may_pass(error) else "lasting")

    @property
    def may_pass(self) -> bool:
        """Whether the same may work another time."""
        return self.kind != "lasting"


MOST_TRIES = 3
"""Of an evaluation by one process that fails for a reason that may pass."""

_FULL = re.compile("allocate memory|out of memory|No space left", re.IGNORECASE)


def may_pass(error: BaseException) -> bool:
    """Whether what an evaluation raised is the fault of its environment; libraries in C say so in words alone."""
    return isinstance(error, OSError | DataError | MemoryError) or bool(_FULL.search(str(error)))


class EvaluateOnce(Protocol):
    """Does work on many networks where the search's evaluations run."""

    def __call__(
        self,
        stage: str,
        name: str,
        gives: type[T],
        function: Callable[[Architecture], T],
        networks: Sequence[Architecture],
    ) -> list[T | Failed]:
        """What `function` gives of each network, in their order, as the dataclass `gives`; shown as a `stage`.

        Each is done once for a study, under `name`, which must tell it from any other function, and the network's key.
        """


class Progress(Protocol):
    """Shows how far the work is."""

    def stage(self, name: str, total: int, done: int = 0) -> None:
        """A stage of `total` steps begins, of which `done` are there already."""

    def advance(self, share: float | None = None) -> None:
        """One step of the stage is done, that `share` of what the stage began with; None: as much as any."""

    def message(self, text: str) -> None:
        """Something the user should know."""

    def warning(self, text: str) -> None:
        """Something without which the result would be misread; the report says it too."""


@dataclass(frozen=True, slots=True)
class Preparation:
    """What a proxy may use before the first network is evaluated.

    `pictures` and `scale` are the images at the proxy's resolution; `long_epochs` are those of a rung `long`; `start`
    are pretrained weights, if there are any; this process may use so many `threads`.
    """

    problem: Problem
    pictures: ImageView
    scale: TrainingResolution
    seed: int
    folder: Path
    training: TrainingSettings
    scores: ScoreSettings
    long_epochs: int
    evaluate: EvaluateOnce
    progress: Progress
    start: FittedStart | None = None
    threads: int = 1

    @property
    def training_free(self) -> TrainingFree:
        """The scores of the settings, of one network."""
        return TrainingFree(self.pictures, self.scores.names, self.scale, self.seed, self.scores.images)


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a proxy has made ready: an evaluator for each of its rungs, and what long trainings start and learn from."""

    evaluators: Mapping[str, Evaluator | TrainingFree]
    start: Start | None = None
    teacher: Teacher | None = None


class Proxy(Protocol):
    """A way to judge networks in a search: frozen settings, one of them the `name` by which it is chosen."""

    rungs: ClassVar[Mapping[str, str]]
    """The rungs it offers, from cheap to expensive, and what a report calls them."""

    @property
    def name(self) -> str:
        """Its name in `PROXIES`, and that of the rung it is by itself."""

    @property
    def resolution(self) -> int | Literal["auto"] | None:
        """Pixels at the space's largest resolution, others in proportion; None: each network's own; auto: what suits
        the start of its trainings.
        """

    def prepare(self, preparation: Preparation) -> Prepared:
        """Do what is needed before the first network."""
