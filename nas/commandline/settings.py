"""A composed configuration as the frozen dataclass of a command's settings, every value as it is written."""

import dataclasses
import json
import keyword
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from nas.commandline.messages import first_line, known_keys
from nas.errors import ConfigError
from nas.reading.checks import adapter
from nas.reading.passwords import hide_within
from nas.reading.words import cut, short
from nas.resources import names

Settings = TypeVar("Settings")

LARGEST = 2**53
"""Of a whole number: beyond it a fraction cannot tell neighbours apart."""

MUST = "???"
"""The default of a setting that must be given, as Hydra has it."""

NO_TEXT = "holds bytes that are no text here; rename such a file, or set LC_ALL to a locale of UTF-8"
"""Of what the operating system gave, where the locale's encoding cannot read it."""

# Pydantic's words in a place, between the keys.
_KINDS = ("function", "bool", "constrained", "literal[", "list[", "tuple[")
_OF_UNIONS = ("int", "float", "str")


def parse(config: Any, settings: type[Settings]) -> Settings:
    """`config`, a DictConfig, as the frozen dataclass `settings`; what Hydra itself needs is passed over.

    A text is no number and no truth, and every number is finite.

    Raises:
        ConfigError: a key is missing or unknown, or a value has the wrong type; named with its path.
    """
    from omegaconf import OmegaConf  # which plain words do without

    own = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
    try:
        missing = sorted(OmegaConf.missing_keys(own))
        container = typing.cast(dict[str, Any], OmegaConf.to_container(own, resolve=True))
    except Exception as error:  # whatever the words of an interpolation lead to
        place = getattr(error, "full_key", None) or "the settings"
        raise ConfigError(f"{cut(place)}: {first_line(error)}") from None
    if missing:
        raise ConfigError(f"{cut(missing[0])} is not set; give {cut(missing[0])}=…")
    return validated(container, settings)


def validated(container: Mapping[str, Any], settings: type[Settings]) -> Settings:
    """Plain values as the frozen dataclass `settings`, every type checked.

    Raises:
        ConfigError: as `parse`.
    """
    values = {_field(str(key)): value for key, value in container.items()}
    _reject_unknown("", values, settings)
    checked_numbers("", container)
    for field, hint in typing.get_type_hints(settings).items():
        if (chosen := _alternative(_key(field), hint, values.get(field))) is not hint:
            _validated(f"{_key(field)}.", values[field], chosen)
    return _validated("", values, settings)


def _validated(where: str, values: Any, settings: type[Settings]) -> Settings:
    try:
        found: Settings = adapter(typing.cast(Any, settings)).validate_json(json.dumps(values), strict=True)
        return found
    except ValidationError as error:
        raise ConfigError(complaint(where, error)) from None


def complaint(where: str, error: ValidationError) -> str:
    """The first error of settings below the dotted place `where`, which ends in a dot if it is not empty."""
    first, *others = error.errors()
    if first["type"] == "json_invalid":  # the one thing that `json.dumps` writes and no reader takes
        return f"a setting {NO_TEXT}"
    parts = _keys(first["loc"])
    place = cut(f"{where}{'.'.join(parts)}".removesuffix("."), 120)
    if first["type"] == "missing":
        return f"{place} is not set; give {place}=…"
    words = [
        each["ctx"]["expected"] for each in others if each["type"] == "literal_error" and _keys(each["loc"]) == parts
    ]
    problem = cut(" or ".join([first["msg"][0].lower() + first["msg"][1:], *words]), 200)
    text = first["type"] == "string_type" and isinstance(first["input"], list | dict)
    quoted = f"; a text with brackets or commas is in quotes within quotes: \"{place}='…'\"" if text else ""
    return f"{place}: {problem}, got {short(hide_within(first['input']))}{quoted}"


def checked_numbers(place: str, value: Any) -> None:
    """Refuse numbers in `value`, at the dotted `place`, that are not finite, or too large to be told apart."""
    for where, number in _numbers(place, value):
        if not -LARGEST <= number <= LARGEST:
            raise ConfigError(f"{where}: must be a finite number, of at most 15 digits, got {short(number)}")


def _keys(place: tuple[str | int, ...]) -> list[str]:
    """The keys that lead to a value, of pydantic's words for its place."""
    return [_key(part) for part in map(str, place) if not _is_kind(part)]


def _is_kind(part: str) -> bool:
    return part.startswith(_KINDS) or part in _OF_UNIONS


def _alternative(field: str, hint: Any, value: Any) -> Any:
    """Of dataclasses that are chosen by `name`, the one that `value` names; any other type as it is."""
    if not isinstance(value, Mapping):
        return hint
    offered = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    named = [option for option in offered if dataclasses.is_dataclass(option)]
    if len(named) == 1 and not typing.get_type_hints(named[0]).get("name"):
        return named[0]
    options = {name: option for option in named for name in typing.get_args(typing.get_type_hints(option).get("name"))}
    name = value.get("name")
    if options and (not isinstance(name, str) or name not in options):
        raise ConfigError(f"unknown {field} {short(name)}; known: {names(options)}")
    return options[name] if options else hint


def _field(key: str) -> str:
    """The dataclass field of a key: Python's own words get an underscore (`import` is `import_`)."""
    return f"{key}_" if keyword.iskeyword(key) else key


def _key(field: str) -> str:
    """The key of a dataclass field."""
    return field.removesuffix("_")


def _reject_unknown(where: str, values: Mapping[str, Any], settings: Any) -> None:
    hints = typing.get_type_hints(settings)
    for key, value in values.items():
        if key not in hints:
            raise ConfigError(f"unknown setting {short(where + str(key))}; known: {known_keys(where, settings)}")
        inner = _alternative(_key(key), hints[key], value)
        if dataclasses.is_dataclass(inner) and isinstance(value, Mapping):
            _reject_unknown(f"{where}{key}.", value, inner)


def _numbers(place: str, value: Any) -> Iterator[tuple[str, int | float]]:
    """Every number in `value`, with its dotted place."""
    inner = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield from _numbers(f"{place}.{key}" if place else str(key), each)
    if isinstance(value, int | float):
        yield place, value
