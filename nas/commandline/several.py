"""Which of the runs of a multirun one is: `run 3 of 6 · budget=200M`."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from nas.reading.passwords import hide
from nas.reading.words import cut

VARIABLE = "NAS_RUN_OF_SEVERAL"
"""By which a run that a launcher starts as a process of its own is told."""
_LONGEST = 200  # characters of the words


@dataclass(frozen=True, slots=True)
class OneOf:
    """Run `number` of `total`, from 1, and the words that are not those of all; `beside`: others print meanwhile."""

    number: int
    total: int
    words: str
    beside: bool = False

    def __str__(self) -> str:
        return f"run {self.number} of {self.total}" + f" · {self.words}" * bool(self.words)

    @property
    def mark(self) -> str:
        """What each line of the run begins with, where lines of others stand between them."""
        return f"[{self.number}/{self.total}] " if self.beside else ""

    def environment(self) -> dict[str, str]:
        """What tells it to a process of its own."""
        return {VARIABLE: f"{self.number}/{self.total} {self.words}"}

    @classmethod
    def of_this_process(cls, environment: Mapping[str, str] = os.environ) -> Self | None:
        """What a launcher told; None where it did not start this process."""
        found = re.fullmatch(r"(\d{1,9})/(\d{1,9}) (.*)", environment.get(VARIABLE, ""), re.DOTALL)
        return cls(int(found[1]), int(found[2]), found[3], beside=True) if found else None


def counted(runs: Sequence[Sequence[str]]) -> list[OneOf | None]:
    """Each of the `runs`, given by their words, of which passwords are hidden; None for a single run."""
    if len(runs) < 2:
        return [None] * len(runs)
    shared = set.intersection(*map(set, runs))
    own = [" ".join(hide(word) for word in words if word not in shared) for words in runs]
    return [OneOf(number, len(runs), cut(words, _LONGEST)) for number, words in enumerate(own, start=1)]
