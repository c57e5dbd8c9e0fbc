"""`nas.run_search`: what `python -m nas.search` does, in this process."""

import os
from typing import Unpack

from rich.console import Console

from nas.api.options import SearchOptions, words_of
from nas.api.run import Run, open_run
from nas.commandline.from_python import called_with, word
from nas.errors import ConfigError, RunError
from nas.report.live.display import TerminalDisplay
from nas.report.notebook.display import NotebookDisplay, in_notebook
from nas.results.ordering import cost_measure
from nas.search.__main__ import searched
from nas.search.record.drivers import Elsewhere
from nas.search.settings import SearchSettings


def run_search(
    *, folder: str | os.PathLike[str] | None = None, progress: bool = True, **settings: Unpack[SearchOptions]
) -> Run:
    """Search, or go on with a search, and return what it found.

    Settings are those of `python -m nas.search` and mean the same: `hardware="pixel4"`, `budget="300M"`, `trials=64`;
    what is dotted there is a dictionary here, `confirm={"epochs": 10}`. `data="photos"` takes the images there.

    The same settings, or the same `folder`, go on where an earlier call or command stopped; by default the folder is in
    runs/, named after the settings. Interrupted, it keeps what is finished. Workers are processes of their own, which
    need no `if __name__ == "__main__"`. `progress=False` shows nothing; warnings are in `run.warnings` too.

    Raises:
        NasError: a setting is wrong, or the search came to no result; one line says which and what to do.
    """
    words = words_of(settings) + ([] if folder is None else [word("hydra.run.dir", os.fspath(folder))])
    parsed, invocation = called_with("search", SearchSettings, words)
    if parsed.dry_run:
        raise ConfigError("dry_run has no result to return; the command line prints what it finds: " + invocation.line)
    try:
        with _display(parsed, progress) as display:
            searched(parsed, invocation, display)
    except Elsewhere as elsewhere:
        raise RunError(str(elsewhere)) from None
    except KeyboardInterrupt as interrupt:
        interrupt.add_note(f"What is finished is kept in {invocation.folder}; the same call goes on from there.")
        raise
    return open_run(invocation.folder)


def _display(settings: SearchSettings, progress: bool) -> TerminalDisplay | NotebookDisplay:
    if progress and in_notebook():
        return NotebookDisplay(cost_measure(settings.objectives))
    console = None if progress else Console(quiet=True, force_terminal=False)
    return TerminalDisplay(console, cost_measure(settings.objectives))
