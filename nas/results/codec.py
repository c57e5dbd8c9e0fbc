"""Between the types of this room and JSON: one place reads and checks, one writes.

Reading checks every type and range, and drops keys that a later version may have added.
"""

import json
from collections.abc import Collection, Mapping
from typing import Annotated, Any, TypeVar

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    PlainSerializer,
    PlainValidator,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
    WrapSerializer,
)

from nas.errors import ArchitectureError, RunError
from nas.spaces.architecture import Architecture

T = TypeVar("T")


def _architecture(value: Any) -> Architecture:
    if isinstance(value, Architecture):
        return value
    try:
        return Architecture.from_json(value)
    except ArchitectureError as error:
        raise ValueError(str(error)) from None


Network = Annotated[
    Architecture,
    PlainValidator(_architecture),
    PlainSerializer(lambda arch: arch.to_json()),
    WithJsonSchema({"type": "object", "required": ["resolution", "blocks"]}),
]
"""An architecture in its documented JSON form."""

Finite = Annotated[float, Field(allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]


FLAT = ("costs", "limits")
"""Mappings whose entries stand, in JSON and in tables, beside the other keys of what has them."""


class Keys:
    """Of a mapping: type and meaning of each key; those of `optional` may be missing, and unknown ones are dropped."""

    def __init__(self, kinds: Mapping[str, tuple[Any, str]], optional: Collection[str] = ()) -> None:
        self.names = tuple(kinds)
        self._kinds, self._optional = kinds, optional

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> Any:
        fields = {
            name: {
                "type": "typed-dict-field",
                "schema": handler.generate_schema(Annotated[kind, Field(description=text)]),
                "required": name not in self._optional,
            }
            for name, (kind, text) in self._kinds.items()
        }
        return {"type": "typed-dict", "fields": fields}


class Flat:
    """Of a dataclass with a mapping among `FLAT`: in JSON its entries, called `names`, stand beside the other keys."""

    def __init__(self, field: str, names: Collection[str]) -> None:
        self._field, self._names = field, names

    def gathered(self, value: Any) -> Any:
        """The entries under a key of their own."""
        if not isinstance(value, Mapping):
            return value
        inner = {key: each for key, each in value.items() if key in self._names}
        return {self._field: inner, **{key: each for key, each in value.items() if key not in self._names}}

    def spread(self, value: Mapping[str, Any]) -> dict[str, Any]:
        """The entries beside the other keys, in place of the mapping."""
        found: dict[str, Any] = {}
        for key, each in value.items():
            found |= each if key == self._field else {key: each}
        return found

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> Any:
        written = WrapSerializer(lambda value, own: self.spread(own(value)))
        return handler.generate_schema(Annotated[source, BeforeValidator(self.gathered), written])


def to_json(value: Any) -> dict[str, Any]:
    """A value of this room as plain JSON values."""
    found: dict[str, Any] = _adapter(type(value)).dump_python(value, mode="json", by_alias=True)
    return found


def from_json(kind: type[T], value: Any, where: str) -> T:
    """The `kind` that plain JSON values hold.

    Raises:
        RunError: a key is missing or of a wrong type; the message begins with `where` and names the key.
    """
    try:
        found: T = _adapter(kind).validate_python(value)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"] if part not in FLAT)
        problem = first["msg"][0].lower() + first["msg"][1:]
        raise RunError(f"{where}: {key}: {problem}, got {_short(first['input'])}") from None
    return found


def schema_of(kind: type) -> dict[str, Any]:
    """The JSON Schemas of what `to_json` gives for a `kind` and the types in it, by the name of the type."""
    adapter = TypeAdapter(list[kind], config=ConfigDict(use_attribute_docstrings=True))  # type: ignore[valid-type]
    return dict(adapter.json_schema(mode="serialization")["$defs"])


_ADAPTERS: dict[type, TypeAdapter[Any]] = {}


def _adapter(kind: type) -> TypeAdapter[Any]:
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]


def _short(value: Any) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 60 else text[:57] + "..."
