"""The words of a command line against what is declared: unknown names and wrong values, before anything is composed."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence

from hydra.core.override_parser.types import ChoiceSweep, Override
from pydantic import ValidationError

from nas.commandline.declared.declarations import Sections, Setting
from nas.commandline.declared.kinds import as_type
from nas.commandline.settings import MUST, checked_numbers, complaint
from nas.errors import ConfigError
from nas.reading.checks import adapter
from nas.reading.words import alike, cut, listed, meant, short

_RUN = {"run": "arch", "arch": "run"}
"""What names the folder of a run in some commands, and in others."""


def check_words(sections: Sections, overrides: Sequence[Override]) -> None:
    """Refuse what no option of the command's groups would take.

    Raises:
        ConfigError: a setting or an option is unknown, or a value is of the wrong type.
    """
    known: dict[str, list[Setting]] = {}
    for section in sections:
        for each in section.settings:
            known.setdefault(each.key, []).append(each)
    groups = options_of(sections)
    for override in overrides:
        key = str(override.key_or_group)
        if key in groups:
            for name in _chosen(override):
                if name not in groups[key]:
                    raise ConfigError(unknown(key, name, groups[key], _images(key, name)))
        elif key in known:
            _check_value(known[key], override)
        elif key and not _is_part(key, known, groups):  # none at all is Hydra's to refuse
            raise ConfigError(unknown_setting(key, [*known, *groups]))


def options_of(sections: Sections) -> dict[str, list[str]]:
    """The names of each group's options."""
    groups: dict[str, list[str]] = {}
    for section in sections:
        if section.options:
            groups.setdefault(section.key, []).extend(section.options)
    return groups


def unknown(what: str, name: object, known: Sequence[str], remedy: str = "") -> str:
    """The complaint that there is no `what` of that name, with the `remedy` where there is one."""
    return f"unknown {what} {short(name)}; {remedy or meant(alike(str(name), known))}known: {listed(sorted(known))}"


def _images(key: str, name: str) -> str:
    """How a folder is given in place of where images come from."""
    if key != "data" or not os.path.isdir(os.path.expanduser(name)):
        return ""
    return f"for the images of that folder write data=imagefolder data.path={cut(name, 200)}; "


def unknown_setting(key: str, keys: Sequence[str]) -> str:
    """The complaint that there is no setting `key` among the dotted `keys`: which may be meant, and which there are."""
    place, _, last = key.rpartition(".")
    beside = _beside(place, keys) or _beside(place := "", keys)
    named = {each.rpartition(".")[2]: each for each in beside}
    near = [named[each] for each in alike(last, named)] or [each for each in keys if each.rpartition(".")[2] == last]
    if key in _RUN and {_RUN[key], "member"} <= set(keys) and not near:
        return f"unknown setting {short(key)}; a network of a run is {_RUN[key]}=RUN member=2 here"
    return f"unknown setting {short(key)}; {meant(near)}known: {listed(sorted(beside), 300)}"


def _beside(place: str, keys: Sequence[str]) -> list[str]:
    """The names of settings and parts one step below the dotted `place`."""
    prefix = f"{place}." if place else ""
    return list(dict.fromkeys(prefix + key[len(prefix) :].split(".")[0] for key in keys if key.startswith(prefix)))


def _is_part(key: str, known: Mapping[str, object], groups: Mapping[str, object]) -> bool:
    """Whether `key` is a part as a whole, or what chooses the option of a group, or one of Hydra's own."""
    if key.removesuffix(".name") in groups or key.partition(".")[0].partition("/")[0] == "hydra":
        return True
    return any(each.startswith(f"{key}.") for each in known)


def _chosen(override: Override) -> Iterator[str]:
    """The options that a word chooses; none where that is left to an interpolation."""
    value = override.value()
    for each in value.list if isinstance(value, ChoiceSweep) else [value]:
        if isinstance(each, str) and "${" not in each:
            yield each


def _check_value(settings: Sequence[Setting], override: Override) -> None:
    """Refuse a value that none of the settings of one key takes: options of a group have their own."""
    value = override.value()
    if override.is_sweep_override() or override.is_delete() or isinstance(value, Mapping) or value == MUST:
        return
    if "${" in str(override.input_line):
        return
    refused = []
    for setting in settings:
        checked_numbers(setting.key, value)
        try:
            adapter(as_type(setting.kind)).validate_json(json.dumps(value), strict=True)
        except ValidationError as error:
            refused.append(complaint(f"{setting.key}.", error))
    if len(refused) == len(settings):
        raise ConfigError(max(refused, key=len))  # the one that takes most
