"""How a command was called."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nas.commandline.several import OneOf
from nas.reading.passwords import hide
from nas.resources import replace_file


def line_of(name: str, words: Sequence[str]) -> str:
    """The line that calls the command `name` with these words, without passwords."""
    return f"python -m nas.{name} {shlex.join(map(hide, words))}".rstrip()


@dataclass(frozen=True, slots=True)
class Invocation:
    """How a command was called: its output folder, which need not exist, and the line that calls it again.

    `line` and `files`, what Hydra writes of a run (by path in the folder), show no password. `one_of` says which
    run of a multirun it is.
    """

    folder: Path
    line: str
    files: dict[str, str] = field(default_factory=dict)
    one_of: OneOf | None = None

    def write_files(self) -> None:
        """Write `files` into the folder."""
        for name, text in self.files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, text.encode())
