"""A command, from `sys.argv` to its exit code."""

import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from nas.commandline.exits import ending, guarded
from nas.commandline.invocation import Invocation
from nas.commandline.plain import plain

Settings = TypeVar("Settings")


def command(
    name: str,
    settings: type[Settings],
    main: Callable[[Settings, Invocation], None],
    check: Callable[[Sequence[Settings]], None] = lambda runs: None,
    after_multirun: Callable[[list[Path]], None] | None = None,
) -> None:
    """Run `main` once for every combination the command line asks for, and exit.

    `name` is the command's configuration in conf/, in which `${run_folder:}` is what `settings.run_name()` says. Of
    several runs `check` sees the settings before the first begins. `after_multirun` gets the folders of those
    that ended well.
    """
    told = plain(name, settings, sys.argv[1:])
    if told is not None:
        sys.exit(ending(partial(guarded, partial(main, *told)), on_interrupt="interrupted"))

    from nas.commandline.calls import run_command  # and with it Hydra

    sys.exit(run_command(name, settings, main, check, after_multirun))
