"""`sepconv-nas COMMAND …`, and `python -m nas COMMAND …`: every command under one name."""

import runpy
import sys
from importlib.metadata import version

from nas.commandline.answers import answer_first
from nas.commandline.declared.completion import SHELLS, script
from nas.commandline.exits import ending
from nas.commandline.table import COMMANDS
from nas.errors import ConfigError
from nas.reading.words import alike, listed, meant, short

COMPLETION = "completion"


def main() -> int:
    """The exit code of the command that the first word names; that of the command itself where it gets so far."""
    first, *others = sys.argv[1:] or ["--help"]
    if first in COMMANDS:
        sys.argv = [f"sepconv-nas {first}", *others]
        if COMMANDS[first].settings:
            answer_first(first)
        runpy.run_module(f"nas.{first}", run_name="__main__", alter_sys=True)
        return 0
    return ending(lambda: _answer(first, others))


def _answer(first: str, others: list[str]) -> int:
    if first in ("--help", "-h", "help"):
        print(_overview())
    elif first == "--version":
        print(f"sepconv-nas {version('sepconv-nas')}")
    elif first == COMPLETION:
        shell = others[0] if others else SHELLS[0]
        if shell not in SHELLS:
            raise ConfigError(f"unknown shell {short(shell)}; known: {listed(SHELLS)}")
        print(script())
    else:
        known = [*COMMANDS, COMPLETION]
        near = meant(alike(first, known))
        raise ConfigError(f"unknown command {short(first)}; {near}known: {listed(known)}")
    return 0


def _overview() -> str:
    rows = {name: listed.does for name, listed in COMMANDS.items()}
    rows[COMPLETION] = f'print what completes words in a shell: eval "$(sepconv-nas {COMPLETION} bash)"'
    width = max(map(len, rows)) + 2
    lines = [
        "From labelled images, a device and a budget to a Pareto front of separable-convolution networks.",
        "",
        "    sepconv-nas search hardware=pixel4 budget=300M",
        "",
        *(f"  {name:<{width}}{does}" for name, does in rows.items()),
        "",
        "sepconv-nas COMMAND --help says all of one, --version the version. python -m nas.COMMAND is the same.",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
