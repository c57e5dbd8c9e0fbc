"""What a value of a setting may be, as JSON: read from a type, said in words, and made into a type again.

A kind is `{"is": NAME}`, NAME one of int, float, str, bool, null, mapping; of a number also `least`, `above`, `most` or
`below`. `{"is": "choice", "of": [values]}` is one of some values, `{"is": "list", "of": kind}` a list (of so many, if
there is a `length`), `{"is": "any", "of": [kinds]}` whatever any of them allows.
"""

import types
from collections.abc import Mapping
from functools import reduce
from operator import or_
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt

Kind = Mapping[str, Any]

_NAMES: dict[Any, str] = {int: "int", float: "float", str: "str", bool: "bool", types.NoneType: "null"}
_TYPES = {name: kind for kind, name in _NAMES.items()} | {"mapping": dict[str, Any]}
_WORDS = {
    **{"int": "whole number", "float": "number", "str": "text", "bool": "true or false", "null": "null"},
    "mapping": "settings",
}
_BOUNDS: dict[str, tuple[Any, str, str]] = {
    "least": (Ge, "ge", "at least"),
    "above": (Gt, "gt", "above"),
    "most": (Le, "le", "at most"),
    "below": (Lt, "lt", "below"),
}


def kind_of(hint: Any) -> Kind:
    """The kind of a type; texts that it is annotated with say nothing of it."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        bounds = {
            name: getattr(bound, field)
            for bound in inner[1:]
            for name, (_, field, _) in _BOUNDS.items()
            if hasattr(bound, field)
        }
        return {**kind_of(inner[0]), **bounds}
    if origin is Literal:
        return {"is": "choice", "of": list(inner)}
    if origin in (Union, types.UnionType):
        return {"is": "any", "of": [kind_of(option) for option in inner]}
    if origin in (tuple, list):
        length = {} if origin is list or ... in inner else {"length": len(inner)}
        return {"is": "list", "of": kind_of(inner[0]), **length}
    return {"is": _NAMES.get(hint, "mapping")}


def notes_of(hint: Any) -> list[str]:
    """The texts that a type is annotated with, such as that a setting may change on resuming."""
    return [text for text in get_args(hint)[1:] if isinstance(text, str)] if get_origin(hint) is Annotated else []


def alternatives(hint: Any) -> tuple[Any, ...]:
    """The types of a union, or the one type, without what is annotated."""
    if get_origin(hint) is Annotated:
        return alternatives(get_args(hint)[0])
    return get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)


def in_words(kind: Kind, quote: str = "") -> str:
    """A kind for people: `whole number at least 1 or null`; values that may be chosen stand in `quote`."""
    name = kind["is"]
    if name == "choice":
        return ", ".join(f"{quote}{value}{quote}" for value in kind["of"])
    if name == "any":
        names = [option["is"] for option in kind["of"]]
        return " or ".join(in_words(each, quote) for each in kind["of"] if each["is"] != "int" or "float" not in names)
    if name == "list":
        each = in_words(kind["of"], quote)
        return f"list of ({each})" if " or " in each else f"list of {each}"
    bounds = [f"{words} {kind[key]:g}" for key, (_, _, words) in _BOUNDS.items() if key in kind]
    return f"{_WORDS[name]} {' and '.join(bounds)}".rstrip()


def as_type(kind: Kind) -> Any:
    """The type of which values are of a kind, as pydantic checks them."""
    name = kind["is"]
    if name == "choice":
        return Literal[tuple(kind["of"])]
    if name == "any":
        return reduce(or_, [as_type(option) for option in kind["of"]])
    if name == "list":
        inner = as_type(kind["of"])
        return types.GenericAlias(tuple, (inner,) * kind["length"] if "length" in kind else (inner, ...))
    bounds = tuple(bound(kind[key]) for key, (bound, _, _) in _BOUNDS.items() if key in kind)
    return Annotated[(_TYPES[name], *bounds)] if bounds else _TYPES[name]


def values_of(kind: Kind) -> list[str]:
    """The values that there are, as they are typed, where they are few: of a choice, of true and false, null."""
    if kind["is"] == "any":
        return [value for option in kind["of"] for value in values_of(option)]
    few = {"choice": kind.get("of", []), "bool": ["true", "false"], "null": ["null"]}
    return [str(value) for value in few.get(kind["is"], [])]


def typed(value: Any) -> str:
    """A value of YAML as it is typed."""
    if isinstance(value, list):
        return f"[{','.join(map(typed, value))}]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return f"{value:g}" if isinstance(value, float) else str(value)
