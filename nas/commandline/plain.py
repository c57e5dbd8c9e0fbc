"""Words so plain that they mean the same without Hydra, whose import takes longer than a quick command.

They are `key=value` of a command whose settings are all in its one file of conf/, with names, paths and whole numbers
as values. Whatever else there is, and every mistake, goes the long way.
"""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml

from nas.commandline.invocation import Invocation, line_of
from nas.commandline.settings import MUST, validated
from nas.errors import NasError
from nas.resources import data_dir

Settings = TypeVar("Settings")

_WORD = re.compile(r"([a-z]\w*)=(?:([A-Za-z][\w.:/-]*)|(0|[1-9]\d{0,8}))")
_NO_TEXT = ("null", "true", "false", "nan", "inf")
_HERE = {"run": {"dir": "."}, "output_subdir": None}
_OVERRIDES = "override hydra/"


def plain(name: str, settings: type[Settings], words: Sequence[str]) -> tuple[Settings, Invocation] | None:
    """What the command is told by such words, and how it was called; None for what goes the long way."""
    given = [_WORD.fullmatch(word) for word in words]
    values = _values(name)
    if values is None or not all(found and found[1] in values for found in given):
        return None
    for found in filter(None, given):
        if isinstance(values[found[1]], dict) or (found[2] or "").lower() in _NO_TEXT:
            return None
        values[found[1]] = found[2] or int(found[3])
    if MUST in values.values():
        return None
    try:
        told = validated(values, settings)
        return told, Invocation(Path(os.getcwd()), line_of(name, words))
    except (NasError, OSError):
        return None


def _values(name: str) -> dict[str, Any] | None:
    """The defaults of a command that has no groups and makes no folder; None for any other."""
    try:
        values: dict[str, Any] = yaml.safe_load((data_dir("conf") / f"{name}.yaml").read_text(encoding="utf-8"))
    except OSError:
        return None
    groups = [each for each in values.pop("defaults") if not next(iter(each)).startswith(_OVERRIDES)]
    hydra = values.pop("hydra")
    return None if groups or {key: hydra.get(key, 0) for key in _HERE} != _HERE else values
