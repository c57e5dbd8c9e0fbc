"""What every display knows of the search that it shows, in a terminal or a notebook."""

import time
from dataclasses import dataclass, field

from nas.reading.plain import one_line
from nas.report.live.time_left import TimeLeft

LONGEST = 450
"""Characters of a warning."""


@dataclass(slots=True)
class State:
    """The stage and its steps, what is being done since when, and what was warned of, each once."""

    stage: str = ""
    total: int = 0
    done: int = 0
    left: TimeLeft = field(default_factory=TimeLeft)
    doing: dict[str, float] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def begin(self, stage: str, total: int, done: int) -> None:
        """A stage of `total` steps, of which an earlier run of the folder did `done`."""
        self.stage, self.total, self.done, self.doing = stage, total, done, {}
        self.left.begin(total - done)

    def limit(self, seconds: float) -> None:
        """The stage that has just begun ends after so many seconds at the latest."""
        self.left.begin(self.total - self.done, seconds)

    def step(self, share: float | None = None) -> None:
        """One step of the stage is done, that `share` of its work where it is known."""
        self.done += 1
        self.left.step(share)

    def now(self, *doing: str) -> None:
        """What is being done from here on; what was already goes on."""
        began = time.monotonic()
        self.doing = {each: self.doing.get(each, began) for each in doing}

    def warned(self, text: str) -> str:
        """The line that warns of `text`; empty where that was warned of before."""
        text = one_line(text, LONGEST)
        if text in self.warnings:
            return ""
        self.warnings.append(text)
        return f"warning: {text}"
