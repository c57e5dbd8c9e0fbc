"""Between the types of this room and JSON: one place reads and checks, one writes.

Reading checks every type and range, and drops keys that a later version may have added.
"""

import json
from typing import Annotated, Any, TypeVar

from pydantic import ConfigDict, Field, PlainSerializer, PlainValidator, TypeAdapter, ValidationError, WithJsonSchema

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
        key = ".".join(str(part) for part in first["loc"])
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
