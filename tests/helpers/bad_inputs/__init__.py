"""The table of bad inputs: a module an area, each a list `ROWS` of what a user or a file can get wrong."""

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path

Content = str | bytes | Callable[[Path], object]
"""Of a file: its text, its bytes, or what makes it (or a folder, or a pipe) at the path it gets."""


@dataclass(frozen=True, slots=True)
class BadInput:
    """One call that must be refused: exit code 2, one line on stderr, soon, in little memory, nothing left behind.

    `files` are made in the empty folder where the command is called, by relative path.
    """

    command: str
    """What stands after `python -m nas.`: search, predict, record, validate, report."""
    arguments: Sequence[str]
    _: KW_ONLY
    files: Mapping[str, Content] = field(default_factory=dict)
    says: str
    """What the one line must match somewhere, a regular expression."""

    def make_files(self, folder: Path) -> None:
        """Make `files` in `folder`."""
        for name, content in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, str):
                path.write_text(content, encoding="utf-8")
            elif isinstance(content, bytes):
                path.write_bytes(content)
            else:
                content(path)


def table() -> dict[str, BadInput]:
    """Every row of every module here, by a short name."""
    found: dict[str, BadInput] = {}
    for module in pkgutil.iter_modules(__path__):
        for number, row in enumerate(importlib.import_module(f"{__name__}.{module.name}").ROWS):
            words = " ".join([row.command, *row.arguments])
            readable = "".join(letter if " " <= letter <= "~" else "?" for letter in words[:60])
            found[f"{module.name}-{number}: {readable}"] = row
    return found
