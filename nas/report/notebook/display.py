"""What a notebook shows while a search runs: one output that is drawn anew, and stays as the last drawing."""

import sys
import time
from collections.abc import Callable, Sequence
from html import escape
from importlib import import_module
from types import TracebackType
from typing import Any, Protocol, Self

from nas.measures import Measure
from nas.reading.plain import one_line
from nas.report.live.state import LONGEST, State
from nas.report.notebook.html import trial_dots
from nas.report.notebook.svg import front_svg
from nas.report.text import percent, plural
from nas.results.trials import TrialRow

_PERIOD_S = 0.3
"""Between two drawings at least."""


class Output(Protocol):
    """An output of a notebook, as `IPython.display.display(…, display_id=True)` gives it."""

    def update(self, drawn: Any) -> None:
        """Show this instead."""


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return shell is not None and "IPKernelApp" in shell.config


class Drawn:
    """The state of a search, as HTML and as a line."""

    def __init__(self, html: str, text: str) -> None:
        self._html, self._text = html, text

    def __repr__(self) -> str:
        return self._text

    def _repr_html_(self) -> str:
        return self._html


class NotebookDisplay:
    """Shows the stages of a search, with its trials by `measure`; use it as a context manager."""

    def __init__(self, measure: Measure, show: Callable[[Drawn], Output] | None = None) -> None:
        self._measure, self._show = measure, show or _shown
        self._output: Output | None = None
        self._state, self._facts = State(), ""
        self._trials: list[TrialRow] = []
        self._lines: list[str] = []
        self._drawn = 0.0
        self.limit, self.warnings = self._state.limit, self._state.warnings

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._draw(at_once=True)

    def stage(self, name: str, total: int, done: int = 0) -> None:
        """Begin a stage of `total` steps, of which an earlier run of the folder did `done`."""
        self._state.begin(name, total, done)
        self._draw(at_once=True)

    def earlier(self, rows: Sequence[TrialRow]) -> None:
        """Draw what an earlier process of the folder finished."""
        self._trials += rows

    def now(self, *doing: str) -> None:
        """Say what is being done from here on."""
        self._state.now(*doing)
        self._draw()

    def trial(self, row: TrialRow, *, front_size: int, hypervolume: float, best: float | None) -> None:
        """Report a finished trial; a rejected one is no step."""
        if row.state == "rejected":
            return
        self._trials.append(row)
        self._facts = f"front of {front_size}, best {percent(best)} %, hypervolume {hypervolume:.3f}"
        if row.state == "failed":
            self._lines.append(f"trial {row.number} failed: {row.error}")
        self.advance()

    def advance(self, share: float | None = None) -> None:
        """Report one finished step of the stage, that `share` of its work where it is known."""
        self._state.step(share)
        self._draw()

    def message(self, text: str) -> None:
        """Show one line."""
        self._lines.append(text)
        self._draw()

    def warning(self, text: str) -> None:
        """Show a warning, each once, and keep it for front.json and the report."""
        if line := self._state.warned(text):
            self.message(line)

    def _draw(self, *, at_once: bool = False) -> None:
        now = time.monotonic()
        if not at_once and now < self._drawn + _PERIOD_S:
            return
        self._drawn = now
        drawn = Drawn(self._html(), self._line())
        if self._output is None:
            self._output = self._show(drawn)
        else:
            self._output.update(drawn)

    def _line(self) -> str:
        state = self._state
        left = state.left.left() if state.done < state.total else None
        time_left = f"{left.said(_words)} left" if left else ""
        parts = [f"{state.stage}: {state.done} of {state.total}", time_left, self._facts, *state.doing]
        return ", ".join(part for part in parts if part)

    def _html(self) -> str:
        bar = f'<progress value="{self._state.done}" max="{max(1, self._state.total)}"></progress>'
        lines = "<br>".join(escape(one_line(line, LONGEST)) for line in self._lines)
        told = f"<details><summary>{plural(len(self._lines), 'line')}</summary>{lines}</details>" if lines else ""
        picture = front_svg(trial_dots(self._trials, self._measure), (), self._measure)
        return f"<div>{bar} {escape(self._line())}{told}{picture}</div>"


def _words(seconds: float) -> str:
    return plural(round(seconds / 60), "minute") if seconds >= 90 else f"{round(seconds)} s"


def _shown(drawn: Drawn) -> Output:
    """A new output of the notebook."""
    output: Output = import_module("IPython.display").display(drawn, display_id=True)
    return output
