"""A command called from Python: values to the words of a command line, and these to settings, without a process."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import numpy as np
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Quote, QuotedString

from nas.commandline.answers import answered
from nas.commandline.calls import invocation_of
from nas.commandline.composing import compose, read_arguments
from nas.commandline.declared.declarations import declared, read
from nas.commandline.invocation import Invocation, line_of
from nas.commandline.settings import parse
from nas.errors import ConfigError
from nas.reading.words import cut, short

Settings = TypeVar("Settings")

_PLAIN = re.compile(r"[\w./:%+-]+", re.ASCII)


def called_with(name: str, settings: type[Settings], words: Sequence[str]) -> tuple[Settings, Invocation]:
    """What the command `name` with these words is told, and how it is called on a command line.

    Raises:
        ConfigError: as of a command line.
    """
    with _beside_others():
        given = read_arguments(words)
        answered(name, declared(name) or read(name, settings), given)
        (config,) = compose(name, settings, given)
        return parse(config, settings), invocation_of(config, settings, line_of(name, words), several=False)


@contextmanager
def _beside_others() -> Iterator[None]:
    """Composing in a program that may itself be one of Hydra's: what it has set up is there again afterwards."""
    application, config = GlobalHydra.instance().hydra, HydraConfig.instance().cfg
    GlobalHydra.instance().clear()
    try:
        yield
    finally:
        GlobalHydra.instance().hydra, HydraConfig.instance().cfg = application, config


def word(key: str, value: object) -> str:
    """The word `key=value` of a command line that sets `value`: a text, number, truth, None, or a list of them.

    Raises:
        ConfigError: it is something else.
    """
    return f"{key}={_written(key, value)}"


def _written(key: str, value: object) -> str:
    plain = value.item() if isinstance(value, np.generic) else value
    if plain is None or isinstance(plain, bool):
        return "null" if plain is None else str(plain).lower()
    if isinstance(plain, int | float):
        return repr(plain)
    if isinstance(plain, str | Path):
        return _quoted(str(plain))
    if isinstance(plain, list | tuple):
        return f"[{','.join(_written(key, each) for each in plain)}]"
    raise ConfigError(f"{cut(key)} must be a text, a number, True, False, None or a list of them, got {short(value)}")


def _quoted(text: str) -> str:
    """A text so that Hydra reads it as one: in quotes, unless it does without."""
    with suppress(Exception):  # whatever the grammar makes of it
        if _PLAIN.fullmatch(text) and OverridesParser.create().parse_rule(text, "primitive") == text:
            return text
    return QuotedString(text, Quote.single).with_quotes()
