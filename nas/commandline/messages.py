"""The complaints of Hydra and OmegaConf in one line, without their advice on Hydra."""

import dataclasses
import re
import types
import typing
from typing import Any

from hydra.errors import OverrideParseException

from nas.passwords import hide
from nas.reading.words import cut, listed, short


def in_one_line(error: Exception, settings: Any) -> str:
    """What `error`, raised while a command line was made into a configuration of `settings`, says to a user."""
    text = str(error)
    unknown = re.search(r"Could not override '([^'@]*)", text)
    if unknown:
        return _unknown_setting(unknown[1], settings)
    deleted = re.search(r"Could not delete from config. '([^']*)'", text)
    if deleted:
        return f"unknown setting {short(deleted[1])}; known: {_known_beside(deleted[1], settings)}"
    option = re.search(r"Could not find '([^']*)/([^']*)'", text)
    if option:
        options = re.search(r"Available options in [^\n]*\n((?:\t[^\n]*\n)*)", text)
        known = listed(sorted(line.strip() for line in (options[1] if options else "").splitlines()))
        return f"unknown {cut(option[1])} {short(option[2])}; known: {known}"
    merged = re.match(r"Error merging override (.*)", text)
    if merged:
        return f"cannot set {short(hide(merged[1]))}: {first_line(error.__cause__ or error)}"
    where = f" in {short(hide(error.override))}" if isinstance(error, OverrideParseException) else ""
    why = "a character must be in quotes" if text.startswith("LexerNoViableAlt") else first_line(error)
    return f"cannot read the command line: {why}{where}"


def first_line(error: BaseException) -> str:
    """The beginning of a library's message, without passwords."""
    return cut(hide(next(iter(str(error).splitlines()), "") or type(error).__name__), 200)


def _unknown_setting(key: str, settings: Any) -> str:
    group = key.partition(".")[0]
    hint = typing.get_type_hints(settings).get(group)
    if "." in key and (typing.get_origin(hint) is dict or isinstance(hint, types.UnionType)):
        return f"the chosen {group} has no option {short(key)}; conf/{group} holds the others, {group}=NAME chooses"
    return f"unknown setting {short(key)}; known: {_known_beside(key, settings)}"


def _known_beside(key: str, settings: Any) -> str:
    """The settings at the place in `settings` where the dotted `key` was looked for."""
    place, prefix = settings, ""
    for part in key.split(".")[:-1]:
        inner = typing.get_type_hints(place).get(part)
        if not dataclasses.is_dataclass(inner):
            break
        place, prefix = inner, f"{prefix}{part}."
    return known_keys(prefix, place)


def known_keys(prefix: str, settings: Any) -> str:
    """The keys of a dataclass of settings, for a message."""
    return listed(sorted(f"{prefix}{field.removesuffix('_')}" for field in typing.get_type_hints(settings)), 400)
