"""The complaints of Hydra and OmegaConf in one line, without their advice on Hydra."""

import re
import typing
from typing import Any

from nas.reading.passwords import hide
from nas.reading.words import cut, listed, short


def in_one_line(error: Exception) -> str:
    """What `error`, raised while a command line was made into a configuration, says to a user."""
    text = str(error)
    unknown = re.search(r"Could not (?:override|delete from config.) '([^'@]*)", text)
    if unknown:
        return _unknown_setting(unknown[1])
    option = re.search(r"Could not find '([^']*)/([^']*)'", text)
    if option:
        options = re.search(r"Available options in [^\n]*\n((?:\t[^\n]*\n)*)", text)
        known = listed(sorted(line.strip() for line in (options[1] if options else "").splitlines()))
        return f"unknown {cut(option[1])} {short(option[2])}; known: {known}"
    merged = re.match(r"Error merging override (.*)", text)
    if merged:
        return f"cannot set {short(hide(merged[1]))}: {first_line(error.__cause__ or error)}"
    several = re.match(r"Ambiguous value for argument '(([^=]*)=.*)'", text)
    if several:
        key = cut(several[2])
        forms = f"{key}=[…] is a list, \"{key}='…'\" one text, and -m runs each"
        return f"cannot read the command line: {short(hide(several[1]))} has commas; {forms}"
    override = getattr(error, "override", None)  # of Hydra's parser
    where = f" in {short(hide(override))}" if override else ""
    why = "a character must be in quotes" if text.startswith("LexerNoViableAlt") else first_line(error)
    return f"cannot read the command line: {why}{where}"


def first_line(error: BaseException) -> str:
    """The beginning of a library's message, without passwords."""
    return cut(hide(next(iter(str(error).splitlines()), "") or type(error).__name__), 200)


def _unknown_setting(key: str) -> str:
    group = key.partition(".")[0]
    if "." in key:
        return f"the chosen {group} has no option {short(key)}; --help {cut(group)} shows those that have"
    return f"unknown setting {short(key)}; --help shows those that there are"


def known_keys(prefix: str, settings: Any) -> str:
    """The keys of a dataclass of settings, for a message."""
    return listed(sorted(f"{prefix}{field.removesuffix('_')}" for field in typing.get_type_hints(settings)), 400)
