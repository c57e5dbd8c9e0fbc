"""What a search calls to learn how accurate a network is: the evaluators' one interface.

An evaluator is any callable from `Architecture` to `Evaluation`. Those of this room are frozen data, so that they
travel to worker processes; the images are opened there once, memory-mapped.
"""

from collections.abc import Callable
from dataclasses import dataclass

from nas.spaces.architecture import Architecture


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
