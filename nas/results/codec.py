"""Between the types of this room and JSON: one place reads and checks, one writes.

Reading checks every type and range, and drops keys that a later version may have added.
"""

from collections.abc import Collection, Mapping
from pathlib import PurePosixPath
from typing import Annotated, Any, TypeVar, cast

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    PlainSerializer,
    PlainValidator,
    Strict,
    TypeAdapter,
    WithJsonSchema,
    WrapSerializer,
)

from nas.errors import ArchitectureError, RunError
from nas.measures import MEASURES, Interval, find_objective
from nas.reading.checks import adapter, checked
from nas.resources import names
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

LARGEST = 1e30
"""Of a figure: what is added, scaled and drawn stays far within what a computer's numbers reach."""


def _bounded(value: float) -> float:
    if not abs(value) <= LARGEST:
        raise ValueError(f"must be at most {LARGEST:g} in size")
    return value


def _measure(value: str) -> str:
    if find_objective(value) is None:
        raise ValueError(f"must be one of {names(MEASURES)}")
    return value


def _numbers(value: Any) -> Any:
    if isinstance(value, Mapping) and any(isinstance(each, bool | str) for each in value.values()):
        raise ValueError("must be an object of numbers")
    return value


def _bounded_interval(value: Interval) -> Interval:
    for each in (value.value, value.low, value.high):
        _bounded(each)
    return value


def _inside(value: str) -> str:
    path = PurePosixPath(value)
    if path.is_absolute() or ".." in path.parts or any("\ud800" <= letter < "\udc80" for letter in value):
        raise ValueError("must be the path of a file in the run folder, relative to it")
    return value


Finite = Annotated[float, Strict(), Field(allow_inf_nan=False), AfterValidator(_bounded)]
Count = Annotated[int, Strict(), Field(ge=0), AfterValidator(_bounded)]
Population = Annotated[
    int,
    Strict(),
    BeforeValidator(lambda value: int(value) if isinstance(value, float) and value.is_integer() else value),
    Field(ge=0),
    PlainSerializer(lambda value: value if value <= LARGEST else float(value)),
    WithJsonSchema({"type": "integer", "minimum": 0}),
]
"""A count without a bound, of which JSON has 16 digits where it is astronomic."""
Share = Annotated[float, Strict(), Field(ge=0, le=1)]
Flag = Annotated[bool, Strict()]
MeasureName = Annotated[str, AfterValidator(_measure)]
Bounds = Annotated[Interval, BeforeValidator(_numbers), AfterValidator(_bounded_interval)]
InFolder = Annotated[str, AfterValidator(_inside)]


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
    found: dict[str, Any] = adapter(cast(Any, type(value))).dump_python(value, mode="json", by_alias=True)
    return found


def from_json(kind: type[T], value: Any, where: str) -> T:
    """The `kind` that plain JSON values hold.

    Raises:
        RunError: a key is missing or of a wrong type; the message begins with `where` and names the key.
    """
    return checked(kind, value, where, RunError, FLAT)


def schema_of(kind: type) -> dict[str, Any]:
    """The JSON Schemas of what `to_json` gives for a `kind` and the types in it, by the name of the type."""
    documented = TypeAdapter(list[kind], config=ConfigDict(use_attribute_docstrings=True))  # type: ignore[valid-type]
    return dict(documented.json_schema(mode="serialization")["$defs"])
